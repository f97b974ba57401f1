#include "extract/cookie_token.hpp"

#include <array>
#include <cstring>
#include <string>

#include "base/big_endian.hpp"
#include "hash/sip.hpp"

namespace limpet::extract {
namespace {

constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::uint8_t no_digit = 64;

constexpr auto values = [] {
  std::array<std::uint8_t, 256> table{};
  table.fill(no_digit);
  for (std::uint8_t i = 0; i < 64; ++i) {
    table[static_cast<unsigned char>(digits[i])] = i;
  }
  return table;
}();

constexpr std::size_t sealed_bytes = 20, tag_at = 4, content_at = 12;
using Sealed = std::array<std::uint8_t, sealed_bytes>;

char epoch_digit(const CookieEpoch& epoch) noexcept {
  return digits[epoch.number % 64];
}

std::uint64_t tag_of(const CookieEpoch& epoch, std::uint32_t nonce, std::uint64_t content) noexcept {
  return hash::sip(epoch.tag, std::array{std::uint64_t{epoch.number} << 32 | nonce, content});
}
std::uint64_t mask_of(const CookieEpoch& epoch, std::uint32_t nonce, std::uint64_t tag) noexcept {
  return hash::sip(epoch.mask, std::array{std::uint64_t{nonce}, tag});
}

/// 160 bits in 27 digits of six: two bits stay over at the end, which are zero.
void to_digits(const Sealed& bytes, char* to) noexcept {
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const std::uint8_t byte : bytes) {
    bits = bits << 8 | byte;
    for (count += 8; count >= 6; count -= 6) {
      *to++ = digits[bits >> (count - 6) & 63];
    }
  }
  *to = digits[bits << (6 - count) & 63];
}

/// False for what is no digit, and for other bits at the end.
bool from_digits(std::string_view text, Sealed& bytes) noexcept {
  std::uint32_t bits = 0;
  unsigned count = 0;
  std::size_t made = 0;
  std::uint8_t seen = 0;
  for (const char c : text) {
    const std::uint8_t value = values[static_cast<unsigned char>(c)];
    seen |= value;
    bits = bits << 6 | (value & 63u);
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes[made++] = static_cast<std::uint8_t>(bits >> count);
    }
  }
  return (seen & no_digit) == 0 && (bits & ((1u << count) - 1)) == 0;
}

}  // namespace

CookieEpoch cookie_epoch(const hash::Secret& secret, std::string_view purpose, std::uint32_t number) {
  const std::string place = std::string(purpose) + '/' + std::to_string(number);
  return {number, hash::derive_key(secret, place + "/tag"), hash::derive_key(secret, place + "/mask")};
}

void write_cookie_token(const CookieEpoch& epoch, const CookieContent& content, std::uint32_t nonce,
                        std::span<char, cookie_token_bytes> to) noexcept {
  const std::uint64_t plain = std::uint64_t{content.backend} << 32 | content.issued_s;
  const std::uint64_t tag = tag_of(epoch, nonce, plain);
  Sealed sealed;
  store_be<std::uint32_t>(sealed.data(), nonce);
  store_be<std::uint64_t>(sealed.data() + tag_at, tag);
  store_be<std::uint64_t>(sealed.data() + content_at, plain ^ mask_of(epoch, nonce, tag));
  to.front() = epoch_digit(epoch);
  to_digits(sealed, to.data() + 1);
}

std::optional<CookieContent> read_cookie_token(const CookieEpochs& epochs, std::string_view text) noexcept {
  if (text.size() != cookie_token_bytes) {
    return std::nullopt;
  }
  const auto made_in = [&](const CookieEpoch& epoch) { return text.front() == epoch_digit(epoch); };
  const CookieEpoch& epoch = made_in(epochs.current)    ? epochs.current
                             : made_in(epochs.previous) ? epochs.previous
                                                        : epochs.next;
  Sealed sealed;
  if (text.front() != epoch_digit(epoch) || !from_digits(text.substr(1), sealed)) {
    return std::nullopt;
  }
  const auto nonce = load_be<std::uint32_t>(sealed.data());
  const auto tag = load_be<std::uint64_t>(sealed.data() + tag_at);
  const std::uint64_t plain = load_be<std::uint64_t>(sealed.data() + content_at) ^ mask_of(epoch, nonce, tag);
  if ((tag_of(epoch, nonce, plain) ^ tag) != 0) {  // whole words: tells nothing by its time
    return std::nullopt;
  }
  return CookieContent{static_cast<std::uint32_t>(plain >> 32), static_cast<std::uint32_t>(plain)};
}

}  // namespace limpet::extract
