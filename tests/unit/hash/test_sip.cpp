#include "hash/sip.hpp"

#include <gtest/gtest.h>

#include <array>

namespace limpet::hash {
namespace {

// The key of the paper's test vectors: bytes 00 to 0f.
constexpr Key key{0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};

std::array<std::byte, 64> counting() {
  std::array<std::byte, 64> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::byte>(i);
  }
  return bytes;
}

// Appendix A of the paper (15 bytes), and what OpenSSL 3 says: openssl mac -macopt hexkey:000102...0f -macopt size:8
// -in FILE SIPHASH, whose bytes are little-endian.
TEST(Sip, golden) {
  const auto bytes = counting();
  const auto of_first = [&](std::size_t size) { return sip(key, std::span(bytes).first(size)); };
  EXPECT_EQ(of_first(0), 0x726fdb47dd0e0e31ULL);
  EXPECT_EQ(of_first(1), 0x74f839c593dc67fdULL);
  EXPECT_EQ(of_first(8), 0x93f5f5799a932462ULL);
  EXPECT_EQ(of_first(15), 0xa129ca6149be45e5ULL);
  EXPECT_EQ(of_first(16), 0x3f2acc7f57c29bdbULL);
  EXPECT_EQ(of_first(63), 0x958a324ceb064572ULL);
}

TEST(Sip, words_are_their_bytes) {
  const auto bytes = counting();
  std::array<std::uint64_t, 8> words{};
  std::memcpy(words.data(), bytes.data(), sizeof words);
  for (std::size_t count = 0; count <= words.size(); ++count) {
    EXPECT_EQ(sip(key, std::span<const std::uint64_t>(words).first(count)), sip(key, std::span(bytes).first(count * 8)))
        << count;
  }
}

TEST(Sip, every_bit_counts) {
  auto bytes = counting();
  const std::uint64_t plain = sip(key, std::span<const std::byte>(bytes).first(20));
  for (std::size_t bit = 0; bit < 160; ++bit) {
    bytes[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    EXPECT_NE(sip(key, std::span<const std::byte>(bytes).first(20)), plain) << bit;
    bytes[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
  }
  EXPECT_NE(sip({key.a ^ 1, key.b}, std::span<const std::byte>(bytes).first(20)), plain);
  EXPECT_NE(sip({key.a, key.b ^ 1}, std::span<const std::byte>(bytes).first(20)), plain);
}

}  // namespace
}  // namespace limpet::hash
