#include "hash/owner.hpp"

#include "base/assert.hpp"

namespace limpet::hash {
namespace {

// A period of 32 bits, so that an address hashes alike as source and as destination of both families. Of odd
// weight, so that the hash of an IPv4 address is a bijection; and every 2^k aligned neighbours (k <= 7) fall on
// all values of the hash's low k bits, so that clients numbered in a row spread evenly.
constexpr std::array<std::uint8_t, 4> pattern = {0x75, 0x27, 0x74, 0x27};

constexpr std::array<std::uint8_t, 52> make_key() {
  std::array<std::uint8_t, 52> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = pattern[i % pattern.size()];
  }
  return bytes;
}

constexpr std::array<std::uint8_t, 52> rss_key = make_key();

}  // namespace

Owner::Owner(unsigned workers) : workers_(workers), toeplitz_(rss_key) {
  LIMPET_ASSERT(workers >= 1 && workers <= 65535);
  for (std::size_t i = 0; i < indirection_.size(); ++i) {
    indirection_[i] = static_cast<std::uint16_t>(i % workers);
  }
  for (std::uint32_t low = 0; low < indirection_size; ++low) {
    low_bits_[hash_of_word(low) % indirection_size] = static_cast<std::uint8_t>(low);
  }
}

std::span<const std::uint8_t> Owner::key() const noexcept {
  return rss_key;
}

}  // namespace limpet::hash
