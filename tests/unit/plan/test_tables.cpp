// The plan's look-up tables: flat map, fronts, routes, slots.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "plan/front_table.hpp"
#include "plan/route_table.hpp"
#include "plan/slot_map.hpp"
#include "support/packet_builder.hpp"

namespace limpet::plan {
namespace {

using test::endpoint;
using test::ip;

net::Prefix prefix(std::string_view text) {
  return *net::Prefix::parse(text);
}

TEST(FlatMap, AgreesWithStdMap) {
  std::mt19937_64 random(7);
  FlatMap<std::uint64_t, int> flat;
  std::map<std::uint64_t, int> plain;
  EXPECT_EQ(flat.find(1), nullptr);
  for (int i = 0; i < 5000; ++i) {
    const std::uint64_t key = random() % 3000 << (random() % 40);
    EXPECT_EQ(flat.add(key, i), plain.emplace(key, i).second);
  }
  EXPECT_EQ(flat.size(), plain.size());
  std::size_t seen = 0;
  flat.each([&](int) { ++seen; });
  EXPECT_EQ(seen, plain.size());
  for (std::uint64_t key = 0; key < 6000; ++key) {
    const auto found = plain.find(key);
    const int* value = flat.find(key);
    ASSERT_EQ(value != nullptr, found != plain.end());
    EXPECT_TRUE(value == nullptr || *value == found->second);
  }
}

/// An address's last byte is the highest of a word, its first the lowest.
TEST(FlatMap, NeighbouringAddressesLieApart) {
  for (const char* const text : {"192.0.2.0", "2001:db8::", "2001:db8:1:2::"}) {
    for (std::size_t at = ip(text).is_v4() ? 12 : 0; at < 16; ++at) {
      FlatMap<net::IpAddress, int> flat;
      std::size_t passed = 0;
      const auto address = [&](unsigned i) {
        std::uint8_t bytes[16];
        std::memcpy(bytes, ip(text).bytes(), 16);
        bytes[at] = static_cast<std::uint8_t>(i);
        return net::IpAddress::v6(bytes);
      };
      for (unsigned i = 0; i < 256; ++i) {
        EXPECT_TRUE(flat.add(address(i), 1));
      }
      for (unsigned i = 0; i < 256; ++i) {
        passed += flat.passed(address(i));
      }
      EXPECT_LT(passed, 256u) << text << ", byte " << at;
    }
  }
}

TEST(FrontTable, ExactThenAnyPortThenPrefixesLongestFirst) {
  constexpr auto tcp = net::Protocol::tcp;
  const model::Listen listens[] = {
      {prefix("192.0.2.0/24"), 0, tcp},                    // 0
      {prefix("192.0.2.0/24"), 80, tcp},                   // 1
      {prefix("192.0.2.128/25"), 0, tcp},                  // 2
      {prefix("192.0.2.200/32"), 0, tcp},                  // 3
      {prefix("192.0.2.200/32"), 80, tcp},                 // 4
      {prefix("192.0.2.200/32"), 80, net::Protocol::udp},  // 5
      {prefix("2001:db8::/32"), 80, tcp},                  // 6
      {prefix("2001:db8::1/128"), 0, tcp},                 // 7
      {prefix("0.0.0.0/0"), 443, tcp},                     // 8
      {prefix("::/0"), 443, tcp},                          // 9
  };
  FrontTable table;
  for (std::uint32_t i = 0; i < std::size(listens); ++i) {
    EXPECT_TRUE(table.add_listener(listens[i], i));
    EXPECT_FALSE(table.add_listener(listens[i], 99));
  }
  EXPECT_FALSE(table.add_listener({prefix("192.0.2.7/24"), 0, tcp}, 99));  // host bits do not count
  struct Row {
    const char* to;
    std::uint8_t protocol;
    std::uint32_t listener;
  };
  for (const Row& row :
       {Row{"192.0.2.200:80", 6, 4}, Row{"192.0.2.200:81", 6, 3}, Row{"192.0.2.201:80", 6, 2},
        Row{"192.0.2.1:80", 6, 1}, Row{"192.0.2.1:81", 6, 0}, Row{"192.0.2.200:80", 17, 5},
        Row{"192.0.2.200:81", 17, FrontTable::none}, Row{"192.0.3.1:443", 6, 8},
        Row{"192.0.3.1:80", 6, FrontTable::none}, Row{"[2001:db8::1]:80", 6, 7}, Row{"[2001:db8::2]:80", 6, 6},
        Row{"[2001:db8::2]:443", 6, 9}, Row{"[::2]:443", 6, 9}, Row{"[::2]:80", 6, FrontTable::none}}) {
    const auto to = endpoint(row.to);
    EXPECT_EQ(table.find_listener(to.address, to.l4_port, row.protocol), row.listener) << row.to;
  }
  EXPECT_TRUE(table.is_vip(ip("192.0.2.200")));
  EXPECT_TRUE(table.is_vip(ip("2001:db8::1")));
  EXPECT_FALSE(table.is_vip(ip("192.0.2.1")));
  EXPECT_EQ(table.vips().size(), 2u);
}

TEST(FrontTable, EndpointsByPortThenAnyPort) {
  FrontTable table;
  table.endpoint(endpoint("198.51.100.1:80"), net::Protocol::tcp).slot = EndpointSlot(1);
  table.endpoint(endpoint("198.51.100.1"), net::Protocol::tcp).slot = EndpointSlot(2);
  EXPECT_EQ(table.endpoint(endpoint("198.51.100.1:80"), net::Protocol::tcp).slot, EndpointSlot(1));
  const auto slot_of = [&](const char* from, std::uint16_t port, std::uint8_t protocol) {
    const auto* entry = table.find_endpoint(ip(from), port, protocol);
    return entry == nullptr ? EndpointSlot{} : entry->slot;
  };
  EXPECT_EQ(slot_of("198.51.100.1", 80, 6), EndpointSlot(1));
  EXPECT_EQ(slot_of("198.51.100.1", 81, 6), EndpointSlot(2));
  EXPECT_EQ(slot_of("198.51.100.1", 80, 17), EndpointSlot{});
  EXPECT_EQ(slot_of("198.51.100.2", 80, 6), EndpointSlot{});
  EXPECT_TRUE(table.find_endpoint(ip("198.51.100.1"), 81, 6)->any_port);
}

TEST(RouteTable, AgreesWithANaiveScan) {
  std::mt19937_64 random(11);
  RouteTable table;
  std::vector<std::pair<net::Prefix, Hop>> naive;
  const auto address = [&](bool v4) {
    if (v4) {
      return net::IpAddress::v4(static_cast<std::uint32_t>(0x0a000000 + random() % 4096));
    }
    std::uint8_t bytes[16] = {0x20, 0x01, 0x0d, 0xb8};
    bytes[7] = static_cast<std::uint8_t>(random() % 4);
    bytes[15] = static_cast<std::uint8_t>(random());
    return net::IpAddress::v6(bytes);
  };
  for (std::uint16_t i = 0; i < 300; ++i) {
    const bool v4 = random() % 2 == 0;
    const net::Prefix to{address(v4), static_cast<std::uint8_t>(v4 ? 18 + random() % 15 : 48 + random() % 81)};
    const Hop hop{InterfaceIndex(i), random() % 2 == 0 ? net::IpAddress{} : address(v4)};
    const bool known = std::any_of(naive.begin(), naive.end(), [&](const auto& route) {
      return route.first.length == to.length && route.first.contains(to.address);
    });
    EXPECT_EQ(table.add(to, hop), !known);
    if (!known) {
      naive.emplace_back(to, hop);
    }
  }
  unsigned found = 0;
  for (int i = 0; i < 5000; ++i) {
    const auto to = address(i % 2 == 0);
    const std::pair<net::Prefix, Hop>* best = nullptr;
    for (const auto& route : naive) {
      if (route.first.contains(to) && (best == nullptr || route.first.length > best->first.length)) {
        best = &route;
      }
    }
    const auto hop = table.find(to);
    ASSERT_EQ(hop.has_value(), best != nullptr) << to.text();
    if (hop) {
      ++found;
      EXPECT_EQ(hop->interface, best->second.interface);
      EXPECT_EQ(hop->next_hop, best->second.next_hop.is_none() ? to : best->second.next_hop);
    }
  }
  EXPECT_GT(found, 500u);
}

TEST(RouteTable, DefaultRoutesKeepFamiliesApart) {
  RouteTable table;
  table.add(prefix("0.0.0.0/0"), {InterfaceIndex(1), ip("192.0.2.254")});
  EXPECT_EQ(table.find(ip("203.0.113.1"))->interface, InterfaceIndex(1));
  EXPECT_FALSE(table.find(ip("2001:db8::1")));
  EXPECT_FALSE(table.find(ip("::1")));
}

/// An address with these first 16 bits, the rest by chance.
net::IpAddress address_in(bool v4, std::uint16_t first_bits, std::mt19937_64& random) {
  std::uint8_t bytes[16];
  store_be<std::uint64_t>(bytes, random());
  store_be<std::uint64_t>(bytes + 8, random());
  store_be<std::uint16_t>(bytes, first_bits);
  return v4 ? net::IpAddress::v4(bytes) : net::IpAddress::v6(bytes);
}

/// By the bytes that a packet has.
std::uint32_t number_of(const RouteTable& table, const net::IpAddress& to) {
  return to.is_v4() ? table.number<net::Family::v4>(to.wire_bytes()) : table.number<net::Family::v6>(to.wire_bytes());
}

/// Routes as crowded as the first bits of their addresses are few.
void expect_numbers_as_found(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto first_bits = [&] { return static_cast<std::uint16_t>(0x2000 + random() % 64 + (random() % 4 << 12)); };
  RouteTable table;
  std::vector<net::Prefix> routes;
  const auto count = static_cast<std::uint16_t>(random() % 60);
  for (std::uint16_t i = 0; i < count; ++i) {
    const bool v4 = random() % 2 == 0;
    const auto length = static_cast<std::uint8_t>(random() % (v4 ? 33 : random() % 2 == 0 ? 129 : 20));
    const net::Prefix to{address_in(v4, first_bits(), random).masked(length), length};
    if (table.add(to, {InterfaceIndex(i), random() % 2 == 0 ? net::IpAddress{} : to.address})) {
      routes.push_back(to);
    }
  }
  table.finish();
  for (unsigned i = 0; i < 300; ++i) {
    const auto to = address_in(i % 2 == 0, i < 280 ? first_bits() : static_cast<std::uint16_t>(random()), random);
    const std::uint32_t number = number_of(table, to);
    EXPECT_EQ(number, table.number(to)) << to.text();
    const auto found = table.find(to);
    ASSERT_EQ(found.has_value(), number != RouteTable::no_route) << to.text();
    if (found) {
      const Hop& hop = table.hop(number);
      EXPECT_EQ((Hop{hop.interface, hop.next_hop.is_none() ? to : hop.next_hop}), *found) << to.text();
    }
  }
}

TEST(RouteTable, NumbersAreOfTheRoutesFound) {
  for (std::uint64_t seed = 0; seed < 100 && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    expect_numbers_as_found(seed);
  }
}

TEST(RouteTable, RoutesBeyondSixteenBitsHaveNumbersToo) {
  RouteTable table;
  constexpr std::uint32_t more = 0xffff;
  for (std::uint32_t i = 0; i < more; ++i) {
    table.add({net::IpAddress::v4(0x0a000000u + i * 256), 24}, {InterfaceIndex(1), ip("192.0.2.1")});
  }
  table.add(prefix("203.0.0.0/16"), {InterfaceIndex(2), ip("192.0.2.2")});
  table.finish();
  EXPECT_EQ(number_of(table, ip("203.0.113.1")), more);
  EXPECT_EQ(table.hop(more).interface, InterfaceIndex(2));
}

TEST(SlotMap, ANameKeepsItsSlotWhileItRests) {
  SlotMap slots(2);
  const auto a = slots.acquire("a");
  const auto b = slots.acquire("b");
  ASSERT_TRUE(a && b);
  EXPECT_NE(*a, *b);
  EXPECT_EQ(slots.acquire("a"), a);
  EXPECT_FALSE(slots.acquire("c"));  // exhausted
  slots.keep_only({"b"});
  EXPECT_EQ(slots.name(*a), "a");  // rests
  EXPECT_FALSE(slots.acquire("c"));
  slots.swept();
  EXPECT_FALSE(slots.acquire("c"));
  EXPECT_EQ(slots.acquire("a"), a);  // comes back
  slots.keep_only({"a", "b"});
  slots.swept();
  slots.swept();
  slots.swept();
  EXPECT_EQ(slots.find("a"), a);
}

TEST(SlotMap, FreedAfterTwoSweeps) {
  SlotMap slots(1);
  const auto a = slots.acquire("a");
  slots.keep_only({});
  slots.keep_only({});  // once more changes nothing
  slots.swept();
  EXPECT_FALSE(slots.acquire("b"));
  slots.swept();
  EXPECT_FALSE(slots.find("a"));
  EXPECT_EQ(slots.name(*a), "");
  EXPECT_EQ(slots.acquire("b"), a);
  EXPECT_EQ(slots.extent(), 1u);
}

TEST(SlotMap, ComingBackStartsTheRestAnew) {
  SlotMap slots(1);
  slots.acquire("a");
  slots.keep_only({});
  slots.swept();
  slots.keep_only({"a"});
  slots.keep_only({});
  slots.swept();
  EXPECT_TRUE(slots.find("a"));
  slots.swept();
  EXPECT_FALSE(slots.find("a"));
}

TEST(SlotMap, ASweepBetweenAcquiringAndPublishingTakesNothingAway) {
  SlotMap slots(1);
  const auto a = slots.acquire("a");
  slots.keep_only({});
  slots.swept();
  EXPECT_EQ(slots.acquire("a"), a);
  slots.swept();
  EXPECT_EQ(slots.find("a"), a);
}

}  // namespace
}  // namespace limpet::plan
