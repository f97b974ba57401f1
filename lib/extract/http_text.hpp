// How HTTP's text falls into pieces: lines, tokens. Inside extract only.
#pragma once

#include <tmmintrin.h>

#include <array>
#include <bit>
#include <cstddef>
#include <string_view>

#include "extract/found.hpp"
#include "extract/text.hpp"

namespace limpet::extract {

/// RFC 9110, section 5.6.2.
inline constexpr auto is_token = [] {
  std::array<bool, 256> table{};
  for (const unsigned char c : std::string_view("!#$%&'*+-.^_`|~0123456789")) {
    table[c] = true;
  }
  for (unsigned char c = 'a'; c <= 'z'; ++c) {
    table[c] = table[c - 0x20] = true;
  }
  return table;
}();

/// The same by halves of a byte, for sixteen at once: bit h of [l] says whether the character with the high half h and
/// the low half l belongs into a token.
inline constexpr auto token_rows = [] {
  std::array<unsigned char, 16> rows{};
  for (unsigned c = 0; c < 128; ++c) {
    rows[c % 16] = static_cast<unsigned char>(rows[c % 16] | (is_token[c] ? 1u << c / 16 : 0u));
  }
  return rows;
}();

/// Where the token at `at` ends.
inline std::size_t token_end(std::string_view bytes, std::size_t at) noexcept {
  const __m128i rows = _mm_loadu_si128(reinterpret_cast<const __m128i*>(token_rows.data()));
  const __m128i bits = _mm_setr_epi8(1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0, 0);
  const __m128i half = _mm_set1_epi8(0x0f);
  for (; at + 16 <= bytes.size(); at += 16) {
    const __m128i some = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes.data() + at));
    const __m128i row = _mm_shuffle_epi8(rows, _mm_and_si128(some, half));
    const __m128i bit = _mm_shuffle_epi8(bits, _mm_and_si128(_mm_srli_epi16(some, 4), half));
    const __m128i odd = _mm_cmpeq_epi8(_mm_and_si128(row, bit), _mm_setzero_si128());
    if (const int mask = _mm_movemask_epi8(odd); mask != 0) {
      return at + static_cast<std::size_t>(std::countr_zero(static_cast<unsigned>(mask)));
    }
  }
  while (at < bytes.size() && is_token[static_cast<unsigned char>(bytes[at])]) {
    ++at;
  }
  return at;
}

constexpr bool is_control(char c) noexcept {
  return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
}

/// The first control character but a tab from `at` on; bytes.size() where there is none.
inline std::size_t control_at(std::string_view bytes, std::size_t at) noexcept {
  const __m128i last_control = _mm_set1_epi8(0x1f), tab = _mm_set1_epi8('\t'), del = _mm_set1_epi8(0x7f);
  const auto load = [&](std::size_t where) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes.data() + where));
  };
  const auto low = [&](__m128i some) { return _mm_cmpeq_epi8(_mm_min_epu8(some, last_control), some); };
  for (; at + 32 <= bytes.size(); at += 32) {  // tabs are rare: they end this loop, too
    const __m128i one = load(at), two = load(at + 16);
    const __m128i dels = _mm_or_si128(_mm_cmpeq_epi8(one, del), _mm_cmpeq_epi8(two, del));
    if (_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(low(one), low(two)), dels)) != 0) {
      break;
    }
  }
  for (; at + 16 <= bytes.size(); at += 16) {
    const __m128i some = load(at);
    const __m128i found =
        _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(some, tab), low(some)), _mm_cmpeq_epi8(some, del));
    if (const int mask = _mm_movemask_epi8(found); mask != 0) {
      return at + static_cast<std::size_t>(std::countr_zero(static_cast<unsigned>(mask)));
    }
  }
  while (at < bytes.size() && !is_control(bytes[at])) {
    ++at;
  }
  return at;
}

/// Whether the line at `at` is whole; then it is bytes [at, end), and the next begins at `next`.
struct Line {
  Found found;
  std::size_t end, next;
};
inline Line read_line(std::string_view bytes, std::size_t at) noexcept {
  const std::size_t end = control_at(bytes, at);
  if (end == bytes.size() || (bytes[end] == '\r' && end + 1 == bytes.size())) {
    return {Found::incomplete, end, end};
  }
  const bool right = bytes[end] == '\r' && bytes[end + 1] == '\n';
  return {right ? Found::value : Found::malformed, end, end + 2};
}

/// Without one pair of quotes around it.
constexpr std::string_view unquoted(std::string_view text) noexcept {
  return text.size() >= 2 && text.front() == '"' && text.back() == '"' ? text.substr(1, text.size() - 2) : text;
}

/// Whether "name=value" has that name; then its value.
struct Pair {
  bool named = false;
  std::string_view value{};
};
constexpr Pair read_pair(std::string_view text, std::string_view name) noexcept {
  if (text.size() <= name.size() || text[name.size()] != '=' || !text.starts_with(name)) {
    return {};
  }
  return {true, text.substr(name.size() + 1)};
}

/// The same of the first of a cookie's pairs, up to ';', with whitespace around name and value and quotes around the
/// value (RFC 6265, section 5.2).
constexpr Pair read_cookie_pair(std::string_view text, std::string_view name) noexcept {
  text = trimmed(text.substr(0, text.find(';')));
  if (!text.starts_with(name)) {
    return {};
  }
  text = trimmed(text.substr(name.size()));
  return text.starts_with('=') ? Pair{true, unquoted(trimmed(text.substr(1)))} : Pair{};
}

}  // namespace limpet::extract
