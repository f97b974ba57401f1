// Addresses as values: masking, bit by bit.
#include "net/address.hpp"

#include <gtest/gtest.h>

#include "support/packet_builder.hpp"

namespace limpet::net {
namespace {

using test::ip;

bool bit(const IpAddress& address, unsigned index) {
  return (address.bytes()[index / 8] >> (7 - index % 8) & 1) != 0;
}

TEST(Address, MaskKeepsTheFirstBitsOfTheFamilyAndNoOthers) {
  for (const char* text : {"255.255.255.255", "192.0.2.77", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "::1",
                           "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "a5a5:5a5a:a5a5:5a5a:a5a5:5a5a:a5a5:5a5a"}) {
    const IpAddress address = ip(text);
    const unsigned first = address.is_v4() ? 96 : 0;
    for (unsigned length = 0; length <= 128 - first; ++length) {
      const IpAddress masked = address.masked(length);
      EXPECT_EQ(masked.family(), address.family()) << text << "/" << length;
      for (unsigned index = 0; index < 128; ++index) {
        EXPECT_EQ(bit(masked, index), bit(address, index) && index < first + length) << text << "/" << length;
      }
    }
  }
}

TEST(Address, APrefixContainsItsOwnFamilyOnly) {
  const auto prefix = Prefix::parse("192.0.2.128/25");
  ASSERT_TRUE(prefix);
  EXPECT_TRUE(prefix->contains(ip("192.0.2.128")));
  EXPECT_TRUE(prefix->contains(ip("192.0.2.255")));
  EXPECT_FALSE(prefix->contains(ip("192.0.2.127")));
  EXPECT_FALSE(Prefix::parse("0.0.0.0/0")->contains(ip("2001:db8::1")));
  EXPECT_TRUE(Prefix::parse("::/0")->contains(ip("2001:db8::1")));
  EXPECT_FALSE(Prefix::parse("::/0")->contains(ip("192.0.2.1")));
}

TEST(Address, TextMustBeAnAddressToItsEnd) {
  EXPECT_EQ(IpAddress::parse("2001:db8::1"), ip("2001:db8::1"));
  EXPECT_EQ(IpAddress::parse("0000:0000:0000:0000:0000:ffff:192.0.2.255"), ip("192.0.2.255"));
  using namespace std::string_view_literals;
  for (const std::string_view text : {""sv, "192.0.2.1\0"sv, "192.0.2.1\0.7"sv, "192.0.2.1 "sv, "2001:db8::1%eth0"sv,
                                      "0000:0000:0000:0000:0000:ffff:192.0.2.255000000000000000000000000"sv}) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  }
}

}  // namespace
}  // namespace limpet::net
