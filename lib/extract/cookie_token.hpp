// The value of a cookie that Limpet puts into a response: it names a backend to every node with the secret, and tells
// nobody else which, nor whether two clients have the same. 28 characters:
//
//   epoch        1   the last six bits of the epoch's number, as a base64url digit
//   sealed      27   base64url without padding (RFC 4648, section 5) of 20 bytes:
//                      nonce 4 | tag 8 | backend id and time of issue, 4 + 4 big-endian, masked
//
// Sealed as a synthetic-IV mode does (after RFC 5297): tag = SipHash(tag key; epoch, nonce, content), mask =
// SipHash(mask key; nonce, tag). A nonce that repeats tells only that the same content was sealed twice. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "hash/keyed.hpp"
#include "hash/secret.hpp"

namespace limpet::extract {

inline constexpr std::size_t cookie_token_bytes = 28;

struct CookieContent {
  std::uint32_t backend = 0;   // keyed hash of the backend's name
  std::uint32_t issued_s = 0;  // wall clock, seconds since 1970
  friend constexpr bool operator==(const CookieContent&, const CookieContent&) noexcept = default;
};

/// The keys of one epoch, derived for one purpose ("cookie/web").
struct CookieEpoch {
  std::uint32_t number = 0;
  hash::Key tag{};
  hash::Key mask{};
};
/// Control thread: derives with HMAC-SHA256.
[[nodiscard]] CookieEpoch cookie_epoch(const hash::Secret& secret, std::string_view purpose, std::uint32_t number);

/// What tokens are made with, and what they may have been made with: before, or by a node whose clock is ahead.
struct CookieEpochs {
  CookieEpoch current;
  CookieEpoch previous;
  CookieEpoch next;
};

/// Writes a token. `nonce` is to differ from call to call, so that tokens of one backend look different; it can be read
/// in the token, so a plain count would tell how many were made.
void write_cookie_token(const CookieEpoch& epoch, const CookieContent& content, std::uint32_t nonce,
                        std::span<char, cookie_token_bytes> to) noexcept;

/// What a token says; nothing when it was not made with one of these epochs' keys, is of another length, or has been
/// changed in any character. The tag is compared in constant time.
[[nodiscard]] std::optional<CookieContent> read_cookie_token(const CookieEpochs& epochs,
                                                             std::string_view text) noexcept;

}  // namespace limpet::extract
