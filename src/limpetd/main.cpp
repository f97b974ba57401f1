// limpetd: the daemon. The main thread is control's; workers run on lcores of their own. Whatever stops the start is
// told in one line on stderr, with exit status 1.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "control/control.hpp"
#include "hash/secret.hpp"
#include "model/load.hpp"
#include "worker/machine.hpp"

namespace limpet {
namespace {

Result<model::Model> load(const std::string& path) {
  const model::Loaded loaded = model::load_file(path);
  if (loaded.model) {
    return *loaded.model;
  }
  std::string all;
  for (const model::Problem& problem : loaded.problems) {
    all += (all.empty() ? "" : "\nlimpetd: ") + problem.text();
  }
  return tl::unexpected(Error{all});
}

/// Runs until a signal ends it. The exit status, or why it did not start.
Result<int> run(const std::string& path) {
  auto model = load(path);
  if (!model) {
    return tl::unexpected(model.error());
  }
  const auto secret = hash::load_or_create_secret(model->limpetd.secret_file);
  if (!secret) {
    return tl::unexpected(secret.error());
  }
  auto machine = worker::Machine::start(*model, *secret);
  if (!machine) {
    return tl::unexpected(machine.error());
  }
  for (const std::string& warning : (*machine)->warnings()) {
    fmt::print(stderr, "limpetd: warning: {}\n", warning);
  }
  control::Control control(**machine, std::move(*model), path, *secret);
  if (auto started = control.start(); !started) {
    return tl::unexpected(started.error());
  }
  return control.run();
}

}  // namespace
}  // namespace limpet

int main(int argc, char** argv) {
  std::string config = "/etc/limpet/limpet.toml";
  bool check = false;
  CLI::App app{"Limpet's daemon: drives the ports, balances sessions, listens to limpetctl"};
  app.set_version_flag("--version", LIMPET_VERSION);
  app.add_option("--config", config, "configuration file")->capture_default_str();
  app.add_flag("--check", check, "say whether the file is right, and end");
  app.footer(
      "Signals: SIGTERM and SIGINT end it, SIGHUP applies the file again; a file with an error changes nothing.");
  CLI11_PARSE(app, argc, argv);
  const auto done = check ? limpet::load(config).map([](const auto&) { return 0; }) : limpet::run(config);
  if (!done) {
    fmt::print(stderr, "limpetd: {}\n", done.error().text);
    return 1;
  }
  return *done;
}
