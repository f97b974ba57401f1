// A key that a pattern stands before: the bytes from the end of its first match up to a delimiter. For protocols that
// have no reader of their own. Workers; allocates nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "extract/found.hpp"
#include "match/scan.hpp"

namespace limpet::extract {

/// Some of the 256 bytes.
class ByteSet {
 public:
  constexpr ByteSet() noexcept = default;
  explicit constexpr ByteSet(std::string_view bytes) noexcept {
    for (const char c : bytes) {
      add(static_cast<unsigned char>(c));
    }
  }
  constexpr void add(std::uint8_t byte) noexcept { words_[byte / 64] |= std::uint64_t{1} << byte % 64; }
  [[nodiscard]] constexpr bool has(char c) const noexcept {
    const auto byte = static_cast<unsigned char>(c);
    return (words_[byte / 64] >> byte % 64 & 1) != 0;
  }

 private:
  std::array<std::uint64_t, 4> words_{};
};

struct Universal {
  std::uint32_t after = 0;  // id of the pattern, which is open_ended
  ByteSet until;
  std::uint16_t max_bytes = 256;  // a longer value is cut
};

enum class Rest : std::uint8_t { may_come, none };  // none: of a datagram

/// Bytes behind which no pattern is looked for.
inline constexpr std::size_t universal_search_bytes_max = 16384;

/// The value behind the first match. `incomplete` until match and delimiter, or max_bytes, are there; with Rest::none
/// the value may end with the bytes. `absent` when it is empty or nothing matches in universal_search_bytes_max.
[[nodiscard]] Value universal(const Universal& rule, const match::Database& database, match::Scratch& scratch,
                              std::string_view bytes, Rest rest) noexcept;

}  // namespace limpet::extract
