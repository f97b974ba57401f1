#include "net/checksum.hpp"

#include <gtest/gtest.h>

#include <random>

#include "support/packet_builder.hpp"

namespace limpet::net {
namespace {

using test::Bytes;

Bytes random_bytes(std::mt19937& random, std::size_t size) {
  Bytes bytes(size);
  for (auto& byte : bytes) {
    // Runs of 0x00 and 0xff make the two zeros of one's complement meet.
    const auto choice = random() % 4;
    byte = choice == 0 ? 0 : choice == 1 ? 0xff : static_cast<std::uint8_t>(random());
  }
  return bytes;
}

TEST(Checksum, KnownSum) {
  // The example of RFC 1071, section 3: the sum is ddf2.
  const Bytes bytes{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  EXPECT_EQ(checksum(bytes.data(), bytes.size()), 0xffff - 0xddf2);
}

TEST(Checksum, SameAsWordByWord) {
  std::mt19937 random(2);
  for (std::size_t size = 0; size < 300; ++size) {
    const Bytes bytes = random_bytes(random, size);
    EXPECT_EQ(checksum(bytes.data(), size), test::plain_checksum(bytes)) << size;
    for (const char* address : {"192.0.2.1", "2001:db8::1"}) {
      EXPECT_EQ(l4_checksum(test::ip(address), test::ip(address), 6, bytes.data(), size),
                test::plain_l4_checksum(test::ip(address), test::ip(address), 6, bytes));
    }
  }
}

TEST(Checksum, OfLargestPacket) {
  const Bytes bytes(65535, 0xff);
  EXPECT_EQ(checksum(bytes.data(), bytes.size()), test::plain_checksum(bytes));
}

/// A block with its checksum in the first two bytes, changed in many places, stays right by deltas alone.
TEST(Delta, SameAsFullOverRandomEdits) {
  std::mt19937 random(3);
  for (int round = 0; round < 20000; ++round) {
    Bytes bytes = random_bytes(random, 40);
    bytes[39] |= 1;  // never all zero, as no packet is
    store_be<std::uint16_t>(bytes.data(), 0);
    store_be<std::uint16_t>(bytes.data(), test::plain_checksum(bytes));
    Delta delta;
    for (unsigned edits = random() % 4 + 1; edits > 0; --edits) {
      const std::size_t sizes[] = {2, 4, 6, 16};
      const std::size_t size = sizes[random() % 4];
      const std::size_t at = 2 + random() % ((36 - size) / 2) * 2;
      const Bytes change = random_bytes(random, size);
      switch (random() % 3) {
        case 0:
          delta.change(&bytes[at], change.data(), size);
          std::copy(change.begin(), change.end(), &bytes[at]);
          break;
        case 1:
          delta.change16(load_be<std::uint16_t>(&bytes[at]), load_be<std::uint16_t>(change.data()));
          std::copy_n(change.begin(), 2, &bytes[at]);
          break;
        default:
          if (size >= 4) {
            delta.change32(load_be<std::uint32_t>(&bytes[at]), load_be<std::uint32_t>(change.data()));
            std::copy_n(change.begin(), 4, &bytes[at]);
          }
      }
    }
    delta.apply(bytes.data());
    const auto corrected = load_be<std::uint16_t>(bytes.data());
    store_be<std::uint16_t>(bytes.data(), 0);
    ASSERT_EQ(corrected, test::plain_checksum(bytes));
  }
}

TEST(Delta, AddressesOfBothFamilies) {
  const std::pair<const char*, const char*> changes[] = {
      {"192.0.2.1", "198.51.100.77"}, {"0.0.0.0", "255.255.255.255"}, {"2001:db8::1", "2001:db8:ffff::2"}};
  for (const auto& [before, after] : changes) {
    Bytes bytes{0, 0};
    test::append_address(bytes, test::ip(before));
    bytes.push_back(9);
    store_be<std::uint16_t>(bytes.data(), test::plain_checksum(bytes));
    Delta delta;
    delta.change(test::ip(before), test::ip(after));
    std::copy_n(test::ip(after).wire_bytes(), test::ip(after).wire_size(), &bytes[2]);
    delta.apply(bytes.data());
    EXPECT_EQ(test::plain_checksum(bytes), 0);
  }
}

TEST(Delta, UdpZeroMeansNoneAndStays) {
  std::uint8_t field[2] = {0, 0};
  Delta delta;
  delta.change16(1, 2);
  delta.apply_udp(field);
  EXPECT_EQ(load_be<std::uint16_t>(field), 0);
}

TEST(Delta, UdpComputedZeroIsSentAsOnes) {
  for (std::uint32_t word = 0; word < 0x10000; ++word) {
    // Data: one word that changes from 0x1234 to `word`, and one that stays.
    Bytes bytes{0, 0, 0x12, 0x34, 0xab, 0xcd};
    store_be<std::uint16_t>(bytes.data(), test::plain_checksum(bytes));
    Delta delta;
    delta.change16(0x1234, static_cast<std::uint16_t>(word));
    store_be<std::uint16_t>(&bytes[2], static_cast<std::uint16_t>(word));
    delta.apply_udp(bytes.data());
    const auto corrected = load_be<std::uint16_t>(bytes.data());
    store_be<std::uint16_t>(bytes.data(), 0);
    const std::uint16_t full = test::plain_checksum(bytes);
    ASSERT_EQ(corrected, full == 0 ? 0xffff : full);
  }
}

}  // namespace
}  // namespace limpet::net
