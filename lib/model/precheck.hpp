// A look at a TOML text before it is parsed, without building anything: keeps from the parser what it does not
// survive, or survives only by the kindness of its build.
#pragma once

#include <optional>
#include <string_view>

#include "model/node.hpp"

namespace limpet::model {

/// Keys of more parts, and values nested deeper, are refused: parser and destructors are recursive.
inline constexpr unsigned nesting_max = 32;

/// The first place where the text nests too deep, or a table's header does not begin with a key (which the parser
/// asserts, or assumes).
std::optional<SyntaxError> precheck(std::string_view text);

}  // namespace limpet::model
