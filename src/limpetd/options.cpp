#include "options.hpp"

#include <CLI/CLI.hpp>
#include <map>

namespace limpet::daemon {

std::optional<Options> parse_options(int argc, char** argv, int& status) {
  Options options;
  CLI::App app("limpetd: a packet-level load balancer whose sessions stay with their backends");
  app.add_option("--config", options.config, "The configuration file (TOML)")->capture_default_str();
  app.add_flag("--check", options.check, "Only check the configuration file");
  app.add_flag("--takeover", options.takeover,
               "Take the place of the limpetd that runs with this configuration, flows and records included");
  const std::map<std::string, Level> levels = {
      {"error", Level::error}, {"warning", Level::warning}, {"info", Level::info}};
  app.add_option("--log-level", options.level, "error, warning or info (default)")
      ->transform(CLI::CheckedTransformer(levels, CLI::ignore_case).description(""));
  app.footer("SIGTERM and SIGINT end it. SIGHUP applies the file again; a file with an error changes nothing.");
  app.set_version_flag("--version", "limpetd " LIMPET_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help_or_version) {
    status = app.exit(help_or_version);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    Log(Level::error).error(error.what() + std::string("; see limpetd --help"));
    status = 1;
    return std::nullopt;
  }
  return options;
}

}  // namespace limpet::daemon
