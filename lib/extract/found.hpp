// What every reader of a key answers. The bytes are the beginning of a connection, as far as it has come: each answer
// but `incomplete` stays the same whatever follows. No allocation, no exceptions; any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace limpet::extract {

enum class Found : std::uint8_t {
  value,       // here it is; never empty, for what is empty tells no two sessions apart
  absent,      // this protocol, but no such key, or an empty one
  incomplete,  // more bytes may change the answer
  malformed,   // not this protocol, broken, or beyond a limit
};

/// A view of the input, but where the reader says that it may lie in the caller's scratch bytes.
struct Value {
  Found found = Found::absent;
  std::string_view bytes{};  // with Found::value
  friend constexpr bool operator==(const Value&, const Value&) noexcept = default;
};

/// The bytes as a value, absent where there are none.
constexpr Value value_of(std::string_view bytes) noexcept {
  return bytes.empty() ? Value{} : Value{Found::value, bytes};
}

}  // namespace limpet::extract
