// The line of a cookie that Limpet puts into responses, but for its value. Any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "model/model.hpp"

namespace limpet::model {

/// Of the cookie's value, a token (extract/cookie_token.hpp).
inline constexpr std::size_t own_token_bytes = 28;
inline constexpr std::size_t cookie_line_bytes_max = 256;

/// What comes before and behind the value, line end included. Its size with the value is even, so that what follows it
/// in a segment keeps its place in the checksum.
struct CookieLine {
  std::string before;
  std::string behind;
  [[nodiscard]] std::size_t size() const noexcept { return before.size() + own_token_bytes + behind.size(); }
};
[[nodiscard]] CookieLine cookie_line(const Profile& profile);
[[nodiscard]] inline std::size_t cookie_line_size(const Profile& profile) {
  return cookie_line(profile).size();
}

/// A token (RFC 9110, section 5.6.2).
[[nodiscard]] bool is_cookie_name(std::string_view name) noexcept;
/// What an attribute may have as its value (RFC 6265, section 4.1.1: av-octet).
[[nodiscard]] bool is_cookie_attribute(std::string_view value) noexcept;

}  // namespace limpet::model
