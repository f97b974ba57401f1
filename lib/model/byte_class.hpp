// A set of bytes as text: "\s;,".
#pragma once

#include <bitset>
#include <optional>
#include <string_view>

namespace limpet::model {

using ByteClass = std::bitset<256>;

/// Each character stands for itself, but for \s (white space: tab, LF, VT, FF, CR, space), \r, \n, \t, \xNN and \\.
/// Nothing when something else follows a backslash.
std::optional<ByteClass> byte_class(std::string_view text);

}  // namespace limpet::model
