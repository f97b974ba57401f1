// The nearest valid name for a misspelt one: for hints in problems and in replies.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace limpet::model {

/// The nearest of `names` if it is near enough to be meant (edit distance, a swap counting once); else empty.
std::string_view nearest(std::string_view text, std::span<const std::string_view> names);

/// `did you mean "web"?`, or `one of: a, b, c` when none is near and there are few; else empty.
std::string nearest_hint(std::string_view text, std::span<const std::string_view> names);

}  // namespace limpet::model
