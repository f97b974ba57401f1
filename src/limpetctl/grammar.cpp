#include "grammar.hpp"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdlib>
#include <list>
#include <map>
#include <sstream>

#include "api/complete.hpp"

namespace limpet::ctl {
namespace {

/// One parameter of one command, as the command line gave it.
struct Given {
  const api::Parameter* parameter = nullptr;
  std::string text;
  bool flag = false;
  CLI::Option* option = nullptr;
};

struct Choice {
  const api::Command* command = nullptr;
  CLI::App* app = nullptr;
  std::list<Given> given;  // addresses must stay: the parser writes through them
};

class Grammar {
 public:
  Grammar() : app_("Asks and commands a running limpetd.", "limpetctl") {
    app_.add_option("--socket", socket_, std::string("The daemon's socket (default: ") + api::socket_default + ")");
    app_.add_flag("--json", json_, "The answer as JSON.");
    app_.set_version_flag("--version", std::string("limpetctl ") + LIMPET_VERSION);
    app_.footer("Without a command: interactive. Exit codes: 0 done, 1 refused, 2 usage, 3 no daemon.");
    app_.require_subcommand(0, 1);
    for (const auto& command : api::commands()) {
      add(command);
    }
  }

  Invocation parse(std::vector<std::string> words) {
    Invocation result;
    std::reverse(words.begin(), words.end());  // the parser takes them from the back
    try {
      app_.parse(std::move(words));
      result = chosen();
    } catch (const CLI::ParseError& error) {
      std::ostringstream out;
      std::ostringstream complaint;
      result.finished = true;
      result.code = app_.exit(error, out, complaint) == 0 ? api::ExitCode::ok : api::ExitCode::usage;
      result.text = out.str() + complaint.str();
    }
    return result;
  }

 private:
  CLI::App& parent_of(std::string_view name) {
    const auto space = name.find(' ');
    if (space == std::string_view::npos) {
      return app_;
    }
    const std::string word(name.substr(0, space));
    auto& group = groups_[word];
    if (group == nullptr) {
      group = app_.add_subcommand(word, word == "show"      ? "Look at the daemon."
                                        : word == "config"  ? "The configuration."
                                        : word == "records" ? "Which key stays with which backend."
                                                            : "The state of a backend.");
      group->require_subcommand(1)->fallthrough();
    }
    return *group;
  }

  void add(const api::Command& command) {
    auto& choice = choices_.emplace_back();
    choice.command = &command;
    const auto word = command.name.substr(command.name.rfind(' ') + 1);
    choice.app = parent_of(command.name).add_subcommand(std::string(word), std::string(command.help));
    choice.app->fallthrough();
    for (const auto& parameter : command.parameters) {
      auto& given = choice.given.emplace_back();
      given.parameter = &parameter;
      const std::string help(parameter.help);
      if (parameter.type == api::Type::flag) {
        given.option = choice.app->add_flag(api::option_name(parameter), given.flag, help);
        continue;
      }
      const bool positional = parameter.place == api::Place::positional;
      given.option = choice.app->add_option(positional ? std::string(parameter.name) : api::option_name(parameter),
                                            given.text, help);
      given.option->required(parameter.required);
      if (parameter.type == api::Type::file || parameter.type == api::Type::lines) {
        given.option->option_text("FILE");
      }
    }
  }

  Invocation chosen() {
    Invocation result;
    result.json = json_;
    const char* from_environment = std::getenv(api::socket_variable);
    result.socket = !socket_.empty()              ? socket_
                    : from_environment != nullptr ? std::string(from_environment)
                                                  : std::string(api::socket_default);
    for (const auto& choice : choices_) {
      if (choice.app->parsed()) {
        result.command = choice.command;
        for (const auto& given : choice.given) {
          if (given.option->count() > 0) {
            result.params[std::string(given.parameter->name)] = value(given);
          }
        }
      }
    }
    return result;
  }

  /// A number that is none stays a text: the check against the table tells what is wrong with it.
  static api::Json value(const Given& given) {
    if (given.parameter->type == api::Type::flag) {
      return given.flag;
    }
    std::uint64_t number = 0;
    const char* end = given.text.data() + given.text.size();
    if (given.parameter->type == api::Type::count) {
      if (const auto [at, error] = std::from_chars(given.text.data(), end, number); error == std::errc{} && at == end) {
        return number;
      }
    }
    return given.text;
  }

  CLI::App app_;
  std::string socket_;
  bool json_ = false;
  std::map<std::string, CLI::App*> groups_;
  std::list<Choice> choices_;
};

}  // namespace

Invocation parse_words(std::vector<std::string> words) {
  return Grammar().parse(std::move(words));
}

}  // namespace limpet::ctl
