// How deep a TOML text nests, found without building anything: keeps a hostile file from exhausting the
// stack of a recursive parser or destructor.
#pragma once

#include <optional>
#include <string_view>

#include "model/node.hpp"

namespace limpet::model {

inline constexpr unsigned nesting_max = 32;

/// Where the text first has a key of more than nesting_max parts or a value nested deeper than that.
std::optional<Position> find_deep_nesting(std::string_view text) noexcept;

}  // namespace limpet::model
