// Small things about ASCII text. Any thread.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace limpet::extract {

constexpr bool is_alpha(char c) noexcept {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}
constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}
constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

/// Alike but for the case of ASCII letters.
constexpr bool same_nocase(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) {
    return false;
  }
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) {
      return false;
    }
  }
  return true;
}

/// Without spaces and tabs at both ends: OWS (RFC 9110, section 5.6.3).
constexpr std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
    text.remove_prefix(1);
  }
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
    text.remove_suffix(1);
  }
  return text;
}

/// The text in lower case, in `room`; nothing where it has not room enough.
constexpr std::string_view lowered(std::string_view text, std::span<char> room) noexcept {
  if (text.size() > room.size()) {
    return {};
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    room[i] = lower(text[i]);
  }
  return {room.data(), text.size()};
}

}  // namespace limpet::extract
