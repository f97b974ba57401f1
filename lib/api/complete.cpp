#include "api/complete.hpp"

#include <algorithm>
#include <set>

namespace limpet::api {
namespace {

/// The first `count` of `words`, joined by spaces.
std::string joined(const std::vector<std::string>& words, std::size_t count) {
  std::string result;
  for (std::size_t i = 0; i < count; ++i) {
    result += (i == 0 ? "" : " ") + words[i];
  }
  return result;
}

/// The command that the first words name, and how many words that takes.
const Command* command_of(const std::vector<std::string>& words, std::size_t& taken) {
  for (taken = 1; taken <= words.size() && taken <= 2; ++taken) {
    if (const auto* command = find_name(joined(words, taken))) {
      return command;
    }
  }
  return nullptr;
}

void add_command_words(const std::vector<std::string>& before, std::set<std::string>& found) {
  const std::string start = before.empty() ? "" : joined(before, before.size()) + " ";
  for (const auto& command : commands()) {
    if (command.name.starts_with(start)) {
      const auto rest = command.name.substr(start.size());
      found.emplace(rest.substr(0, rest.find(' ')));
    }
  }
}

const Parameter* option_of(const Command& command, std::string_view word) {
  for (const auto& parameter : command.parameters) {
    if (parameter.place == Place::option && option_name(parameter) == word) {
      return &parameter;
    }
  }
  return nullptr;
}

/// The positional parameter that comes next, given the words after the command's name.
const Parameter* next_positional(const Command& command, const std::vector<std::string>& arguments) {
  std::size_t given = 0;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (const auto* option = option_of(command, arguments[i])) {
      i += option->type == Type::flag ? 0 : 1;
    } else {
      given += arguments[i].starts_with("--") ? 0 : 1;
    }
  }
  for (const auto& parameter : command.parameters) {
    if (parameter.place == Place::positional && given-- == 0) {
      return &parameter;
    }
  }
  return nullptr;
}

void add_arguments(const Command& command, const std::vector<std::string>& arguments, std::string_view last,
                   const Names& names, std::set<std::string>& found) {
  const Parameter* wanted = arguments.empty() ? nullptr : option_of(command, arguments.back());
  if (wanted != nullptr && wanted->type == Type::flag) {
    wanted = nullptr;
  }
  const bool option_value = wanted != nullptr;
  if (!option_value) {
    wanted = next_positional(command, arguments);
  }
  if (wanted != nullptr && wanted->completion != Completion::none && !last.starts_with("-")) {
    for (auto& name : names(wanted->completion)) {
      found.insert(std::move(name));
    }
  }
  if (!option_value) {
    for (const auto& parameter : command.parameters) {
      if (parameter.place == Place::option) {
        found.insert(option_name(parameter));
      }
    }
    found.insert("--json");
  }
}

}  // namespace

std::string option_name(const Parameter& parameter) {
  std::string result = "--" + std::string(parameter.name);
  std::replace(result.begin(), result.end(), '_', '-');
  return result;
}

std::vector<std::string> split_words(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (const char c : line) {
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '"' || c == '\'') {
      quote = c;
      in_word = true;
    } else if (c == ' ' || c == '\t') {
      if (in_word) {
        words.push_back(std::move(word));
      }
      word.clear();
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (in_word) {
    words.push_back(std::move(word));
  }
  return words;
}

std::vector<std::string> complete(std::string_view line, const Names& names) {
  auto words = split_words(line);
  std::string last;
  if (!words.empty() && !line.empty() && line.back() != ' ' && line.back() != '\t') {
    last = std::move(words.back());
    words.pop_back();
  }
  std::set<std::string> found;
  std::size_t taken = 0;
  if (const auto* command = command_of(words, taken)) {
    const auto arguments = std::vector<std::string>(words.begin() + static_cast<std::ptrdiff_t>(taken), words.end());
    add_arguments(*command, arguments, last, names, found);
  } else {
    add_command_words(words, found);
  }
  std::vector<std::string> result;
  std::copy_if(found.begin(), found.end(), std::back_inserter(result),
               [&](const std::string& word) { return word.starts_with(last); });
  return result;
}

}  // namespace limpet::api
