// A look at a TOML text before it is parsed, without building anything: keeps from the parser what it does not
// survive, or survives only by the kindness of its build.
#pragma once

#include <optional>
#include <string_view>

#include "model/node.hpp"

namespace limpet::model {

/// Keys of more parts, and values nested deeper, are refused: parser and destructors are recursive.
inline constexpr unsigned nesting_max = 32;

/// The first place where the text nests too deep; where a table's header does not begin with a key (which the parser
/// assumes); or where a character beyond ASCII stands outside comments and strings of one line (on which the parser's
/// test for white space is undefined, and where this configuration has no use for it).
std::optional<SyntaxError> precheck(std::string_view text);

}  // namespace limpet::model
