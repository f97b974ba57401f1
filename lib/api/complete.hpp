// Completion of a command line from the table: command words, options, and names asked of whoever knows them.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "api/commands.hpp"

namespace limpet::api {

/// Live names of a kind (services, POOL/NAME of backends, ...); may be empty.
using Names = std::function<std::vector<std::string>(Completion)>;

/// What the last word of `line` (empty after a space) may become, sorted.
std::vector<std::string> complete(std::string_view line, const Names& names);

/// A line as words: separated by spaces, "..." and '...' keep them; an open quote ends at the end.
std::vector<std::string> split_words(std::string_view line);

/// A parameter as an option: "--dry-run".
std::string option_name(const Parameter& parameter);

}  // namespace limpet::api
