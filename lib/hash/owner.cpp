#include "hash/owner.hpp"

#include "base/assert.hpp"

namespace limpet::hash {
namespace {

// A period of 32 bits, so that an address hashes alike as source and as destination of both families. Of odd weight, so
// that the hash of an IPv4 address is a bijection. Of the hash an indirection table of 128 entries takes the low 7
// bits, which for input bit i are bits i + 25 to i + 31 of the key. Bits 25 to 30 are 0: they part what of the key
// counts for one word from what counts for the next, see lone_key(). So the last bit of an address reaches the highest
// of the 7 only, the last two the highest two, and so on: every 2^k neighbours (k <= 7), aligned, fall on all values of
// the highest k bits. The other bits are chosen so that networks of 2^8 and 2^16 addresses do so, too, and others
// almost.
constexpr std::array<std::uint8_t, 4> pattern = {0xe4, 0xdd, 0x93, 0x80};

constexpr unsigned word_bits = 32;
constexpr unsigned bucket_bits = 7;
static_assert(Owner::indirection_size == 1u << bucket_bits);
constexpr unsigned window_first = 32 - bucket_bits;  // of the key, for an input's bit 0

constexpr RssKey make_key() {
  RssKey bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = pattern[i % pattern.size()];
  }
  return bytes;
}

constexpr RssKey rss_key = make_key();

/// Takes over the bits of the key that count for `words` words of the input from `first` on.
constexpr void keep_words(RssKey& key, unsigned first, unsigned words) {
  const unsigned begin = first * word_bits + window_first;
  for (unsigned bit = begin; bit < begin + words * word_bits + bucket_bits - 1; ++bit) {
    key[bit / 8] |= static_cast<std::uint8_t>(rss_key[bit / 8] & (0x80u >> bit % 8));
  }
}

/// Highest first: neighbours differ in the high bits.
constexpr std::size_t reversed(std::size_t bucket) {
  std::size_t other = 0;
  for (unsigned bit = 0; bit < bucket_bits; ++bit) {
    other |= (bucket >> bit & 1) << (bucket_bits - 1 - bit);
  }
  return other;
}

}  // namespace

Owner::Owner(unsigned workers) : workers_(workers), toeplitz_(rss_key) {
  LIMPET_ASSERT(workers >= 1 && workers <= 65535);
  for (std::size_t i = 0; i < indirection_.size(); ++i) {
    places_[i] = static_cast<std::uint8_t>(reversed(i));
    indirection_[reversed(i)] = static_cast<std::uint16_t>(i % workers);
  }
  for (std::uint32_t low = 0; low < indirection_size; ++low) {
    low_bits_[hash_of_word(low) % indirection_size] = static_cast<std::uint8_t>(low);
  }
}

std::span<const std::uint8_t> Owner::key() const noexcept {
  return rss_key;
}

RssKey lone_key(LoneAddress which) noexcept {
  RssKey key{};
  if (which.v4) {  // and of the words that only IPv6 has, those of the same address
    keep_words(key, which.source ? 0 : 1, 1);
    keep_words(key, which.source ? 2 : 4, which.source ? 2 : 4);
  } else {
    keep_words(key, which.source ? 0 : 4, 4);
  }
  return key;
}

}  // namespace limpet::hash
