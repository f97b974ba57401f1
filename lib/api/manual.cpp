#include "api/manual.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "api/commands.hpp"
#include "api/complete.hpp"

namespace limpet::api {
namespace {

std::string placeholder(const Parameter& parameter) {
  switch (parameter.type) {
    case Type::file:
    case Type::lines:
      return "FILE";
    case Type::duration:
      return "TIME";
    case Type::backend:
      return "POOL/NAME";
    case Type::client:
      return "ADDR[:PORT]";
    case Type::count:
      return "N";
    case Type::flag:
      return "";
    case Type::text:
      break;
  }
  std::string name(parameter.name);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return name;
}

std::string shown(const Parameter& parameter) {
  if (parameter.place == Place::positional) {
    return placeholder(parameter);
  }
  const auto value = placeholder(parameter);
  return option_name(parameter) + (value.empty() ? "" : " " + value);
}

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    result += c == '|' ? std::string("\\|") : std::string(1, c);
  }
  return result;
}

std::string command_markdown(const Command& command) {
  std::string result = fmt::format("\n### {}\n\n{}\n\n    {}\n", command.name, command.help, usage_line(command));
  result += fmt::format("\nMethod `{}`, {}{}.\n", command.method, command.access == Access::read ? "read" : "write",
                        command.local ? "; answered without a daemon" : "");
  if (!command.parameters.empty()) {
    result += "\n| argument | parameter | |\n|---|---|---|\n";
    for (const auto& parameter : command.parameters) {
      result += fmt::format("| `{}` | `{}` | {}{} |\n", shown(parameter), parameter.name, escaped(parameter.help),
                            parameter.default_text.empty() || parameter.type == Type::flag
                                ? ""
                                : fmt::format(" Default: {}.", parameter.default_text));
    }
  }
  if (!command.columns.empty()) {
    result += fmt::format("\n| {} | |\n|---|---|\n",
                          command.shape == Shape::object ? "member of the result" : "member of an item");
    for (const auto& column : command.columns) {
      result += fmt::format("| `{}` | {} |\n", column.key, escaped(column.help));
    }
  }
  return result;
}

}  // namespace

std::string usage_line(const Command& command) {
  std::string result = fmt::format("limpetctl {}", command.name);
  for (const auto& parameter : command.parameters) {
    result += fmt::format(fmt::runtime(parameter.required ? " {}" : " [{}]"), shown(parameter));
  }
  return result;
}

std::string manual_markdown() {
  std::string result = fmt::format(
      "# limpetctl\n\n"
      "Asks and commands a running `limpetd` over its socket. Without a command it reads commands from the\n"
      "terminal, with completion (Tab) and history (`~/.limpet_history`), or from standard input.\n\n"
      "    limpetctl [--socket PATH] [--json] COMMAND ...\n\n"
      "| option | |\n|---|---|\n"
      "| `--socket PATH` | the daemon's socket; default `${}`, else `{}` |\n"
      "| `--json` | the answer as JSON; an error as `{{\"error\": {{...}}}}` |\n"
      "| `--help` | of limpetctl, or of a command |\n"
      "| `--version` | of limpetctl; `limpetctl version` asks the daemon |\n\n"
      "| exit code | |\n|---|---|\n"
      "| {} | done |\n"
      "| {} | refused: by the daemon, or problems in a configuration file |\n"
      "| {} | the command line is wrong, or names a file that can't be read |\n"
      "| {} | no daemon answers at the socket |\n\n"
      "Listings answer at most `--limit` items; where there are more, the last line says how to go on. `--filter`\n"
      "takes terms that must all match: `TEXT` anywhere in an item, or `COLUMN=VALUE` with a column named below;\n"
      "`client=198.51.100.0/24` matches all addresses of the prefix.\n\n"
      "## Commands\n",
      socket_variable, socket_default, static_cast<int>(ExitCode::ok), static_cast<int>(ExitCode::refused),
      static_cast<int>(ExitCode::usage), static_cast<int>(ExitCode::no_connection));
  for (const auto& command : commands()) {
    result += command_markdown(command);
  }
  return result;
}

}  // namespace limpet::api
