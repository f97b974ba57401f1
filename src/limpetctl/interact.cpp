// Interactive mode: editing, completion and history by libedit.
#include <editline/readline.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <iostream>
#include <optional>

#include "api/complete.hpp"
#include "run.hpp"

namespace limpet::ctl {
namespace {

using api::ExitCode;

constexpr int history_lines_max = 1000;

// libedit calls back without a context.
Client* completing_client = nullptr;
std::vector<std::string> candidates;

char* next_candidate(const char*, int state) {
  static std::size_t at = 0;
  if (state == 0) {
    at = 0;
  }
  return at < candidates.size() ? ::strdup(candidates[at++].c_str()) : nullptr;
}

char** on_tab(const char* word, int start, int) {
  const std::string line = std::string(rl_line_buffer).substr(0, static_cast<std::size_t>(start)) + word;
  bool wants_file = false;
  candidates = api::complete(line, [&](api::Completion kind) {
    wants_file = wants_file || kind == api::Completion::file;
    return live_names(*completing_client, kind);
  });
  if (wants_file && (word[0] != '-')) {
    rl_attempted_completion_over = 0;  // file names are libedit's own
    return nullptr;
  }
  rl_attempted_completion_over = 1;
  return candidates.empty() ? nullptr : rl_completion_matches(word, &next_candidate);
}

/// Nothing at the end of input.
std::optional<std::string> read_line(bool terminal) {
  std::string text;
  if (!terminal) {
    return std::getline(std::cin, text) ? std::optional(text) : std::nullopt;
  }
  char* line = ::readline("limpet> ");
  if (line == nullptr) {
    return std::nullopt;
  }
  text = line;
  std::free(line);
  if (!text.empty()) {
    ::add_history(text.c_str());
  }
  return text;
}

ExitCode run_line(const std::string& line, Client& client, bool json) {
  auto words = api::split_words(line);
  if (words.empty() || words.front().starts_with('#')) {
    return ExitCode::ok;
  }
  if (words.front() == "help") {
    words = {"--help"};
  }
  auto invocation = parse_words(std::move(words));
  if (invocation.finished || invocation.command == nullptr) {
    std::fputs(invocation.text.c_str(), invocation.code == ExitCode::ok ? stdout : stderr);
    return invocation.code;
  }
  invocation.json = invocation.json || json;
  return run(std::move(invocation), client);
}

std::string history_file() {
  const char* home = std::getenv("HOME");
  return home == nullptr || *home == '\0' ? "" : std::string(home) + "/.limpet_history";
}

}  // namespace

ExitCode interact(Client& client, bool json) {
  const bool terminal = ::isatty(STDIN_FILENO) != 0;
  const auto history = terminal ? history_file() : std::string();
  completing_client = &client;
  if (terminal) {
    ::using_history();
    ::stifle_history(history_lines_max);
    ::read_history(history.c_str());
    rl_attempted_completion_function = &on_tab;
    fmt::print("limpetctl {}: Tab completes, `help` lists the commands, `exit` ends.\n", LIMPET_VERSION);
    std::fflush(stdout);
  }
  auto last = ExitCode::ok;
  while (const auto line = read_line(terminal)) {
    if (*line == "exit" || *line == "quit") {
      break;
    }
    const auto code = run_line(*line, client, json);
    std::fflush(stdout);
    // a script fails if one of its lines did; a person has seen it
    last = !terminal && code != ExitCode::ok ? code : last;
  }
  if (!history.empty()) {
    ::write_history(history.c_str());
  }
  return last;
}

}  // namespace limpet::ctl
