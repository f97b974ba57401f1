#include "model/load.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <memory>

#include "model/problems.hpp"
#include "model/read.hpp"

namespace limpet::model {
namespace {

Loaded whole_file_problem(std::string_view file, std::string found, std::string expected) {
  return {std::nullopt, {{std::string(file), 0, 0, std::move(found), std::move(expected), ""}}};
}

Loaded too_large(std::string_view file) {
  return whole_file_problem(file, "a file that is too large",
                            fmt::format("at most {}", size_text(file_size_max_bytes)));
}

/// What stands at a syntax error: the rest of its line.
std::string rest_of_line(std::string_view text, Position at) {
  for (unsigned line = 1; line < at.line; ++line) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) {
      return "the end of the file";
    }
    text.remove_prefix(end + 1);
  }
  text = text.substr(0, text.find_first_of("\r\n"));
  if (at.column == 0 || at.column > text.size()) {
    return "the end of the line";
  }
  return quoted(text.substr(at.column - 1));
}

Loaded load(std::string_view toml, std::string_view file_name) {
  Problems problems(file_name);
  const auto root = parse_toml(toml);
  if (!root) {
    const auto& error = root.error();
    problems.add(error.at, error.at.line == 0 ? "text that can't be read" : rest_of_line(toml, error.at), "valid TOML",
                 error.message);
    return {std::nullopt, problems.take()};
  }
  Loaded loaded;
  Places places;
  Model model;
  read_model(*root, model, problems, places);
  validate(model, problems, places);
  if (problems.empty()) {
    loaded.model = std::move(model);
  }
  loaded.problems = problems.take();
  return loaded;
}

}  // namespace

Loaded load_text(std::string_view toml, std::string_view file_name) {
  if (toml.size() > file_size_max_bytes) {
    return too_large(file_name);
  }
  try {
    return load(toml, file_name);
  } catch (const std::exception& error) {  // no memory
    return whole_file_problem(file_name, error.what(), "a file that fits in memory");
  }
}

Loaded load_file(const std::string& path) {
  errno = 0;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"), &std::fclose);
  std::string text;
  char chunk[65536];
  while (file != nullptr && text.size() <= file_size_max_bytes) {
    const std::size_t size = std::fread(chunk, 1, sizeof chunk, file.get());
    text.append(chunk, size);
    if (size == 0) {
      break;
    }
  }
  if (file == nullptr || std::ferror(file.get()) != 0) {
    return whole_file_problem(path, fmt::format("an error ({})", std::strerror(errno)), "a file that can be read");
  }
  return load_text(text, path);
}

}  // namespace limpet::model
