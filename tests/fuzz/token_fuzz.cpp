// Any text as a cookie's token: what is taken is, character by character, what would be written. Then the first bytes
// as content, nonce and a change: the token says the content, and the changed one nothing.
#include <array>
#include <cstring>
#include <string>

#include "base/assert.hpp"
#include "extract/cookie_token.hpp"

namespace {

using namespace limpet::extract;

std::string written(const CookieEpoch& epoch, const CookieContent& content, std::uint32_t nonce) {
  std::array<char, cookie_token_bytes> text;
  write_cookie_token(epoch, content, nonce, text);
  return {text.data(), text.size()};
}

/// The 32 bits behind the first character.
std::uint32_t nonce_of(std::string_view text) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::uint64_t bits = 0;
  for (const char c : text.substr(1, 6)) {
    bits = bits << 6 | digits.find(c);
  }
  return static_cast<std::uint32_t>(bits >> 4);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const CookieEpochs epochs{cookie_epoch(limpet::hash::fixed_secret(), "cookie/web", 64),
                                   cookie_epoch(limpet::hash::fixed_secret(), "cookie/web", 63),
                                   cookie_epoch(limpet::hash::fixed_secret(), "cookie/web", 65)};
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (const auto content = read_cookie_token(epochs, text)) {
    const CookieEpoch& epoch = text[0] == '_' ? epochs.previous : epochs.current;
    LIMPET_ASSERT(written(epoch, *content, nonce_of(text)) == text);
  }
  std::array<std::uint32_t, 3> words{};
  std::memcpy(words.data(), data, size < sizeof words ? size : sizeof words);
  const CookieContent content{words[0], words[1]};
  std::string made = written(epochs.current, content, words[2]);
  LIMPET_ASSERT(read_cookie_token(epochs, made) == content);
  if (size > 13) {
    char& changed = made[data[12] % made.size()];
    const bool same = changed == static_cast<char>(data[13]);
    changed = static_cast<char>(data[13]);
    LIMPET_ASSERT(read_cookie_token(epochs, made).has_value() == same);
  }
  return 0;
}
