// What new flows must pass: access lists against the plainest way to ask them, rates against a count by hand, and
// what of both outlives a plan.
#include "plan/gate.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <random>

#include "support/packet_builder.hpp"

namespace limpet::plan {
namespace {

using net::Prefix;
using test::ip;

std::vector<Prefix> prefixes(std::initializer_list<std::string_view> texts) {
  std::vector<Prefix> result;
  for (const auto text : texts) {
    result.push_back(*Prefix::parse(text));
  }
  return result;
}

/// By looking at every prefix.
bool allows_plainly(const std::vector<Prefix>& allow, const std::vector<Prefix>& deny, const net::IpAddress& client) {
  std::optional<std::uint8_t> longest;
  bool allowed = allow.empty();
  const auto look = [&](const std::vector<Prefix>& list, bool answer) {
    for (const Prefix& prefix : list) {
      if (prefix.contains(client) && (!longest || prefix.length > *longest)) {
        longest = prefix.length;
        allowed = answer;
      }
    }
  };
  look(allow, true);
  look(deny, false);
  return allowed;
}

TEST(AccessList, LongestPrefixCounts) {
  const AccessList list(prefixes({"10.0.0.0/8", "10.1.2.0/24", "2001:db8::/32"}),
                        prefixes({"10.1.0.0/16", "10.1.2.3/32", "2001:db8:0:1::/64"}));
  for (const auto& [client, allowed] :
       std::initializer_list<std::pair<std::string_view, bool>>{{"9.255.255.255", false},
                                                                {"10.0.0.0", true},
                                                                {"10.0.255.255", true},
                                                                {"10.1.0.0", false},
                                                                {"10.1.1.255", false},
                                                                {"10.1.2.0", true},
                                                                {"10.1.2.2", true},
                                                                {"10.1.2.3", false},
                                                                {"10.1.2.4", true},
                                                                {"10.1.3.0", false},
                                                                {"10.2.0.0", true},
                                                                {"10.255.255.255", true},
                                                                {"11.0.0.0", false},
                                                                {"2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", false},
                                                                {"2001:db8::1", true},
                                                                {"2001:db8:0:1::1", false},
                                                                {"2001:db8:0:2::1", true},
                                                                {"2001:db9::", false}}) {
    EXPECT_EQ(list.allows(ip(client)), allowed) << client;
  }
}

TEST(AccessList, AnEmptyAllowListAllowsWhomNothingDenies) {
  const AccessList list({}, prefixes({"192.0.2.0/24"}));
  EXPECT_TRUE(list.allows(ip("192.0.1.255")));
  EXPECT_FALSE(list.allows(ip("192.0.2.0")));
  EXPECT_FALSE(list.allows(ip("192.0.2.255")));
  EXPECT_TRUE(list.allows(ip("192.0.3.0")));
  EXPECT_TRUE(list.allows(ip("2001:db8::1")));
  EXPECT_TRUE(AccessList{}.allows(ip("192.0.2.1")));
}

TEST(AccessList, WholeFamilies) {
  const AccessList v4(prefixes({"0.0.0.0/0"}), {});
  EXPECT_TRUE(v4.allows(ip("255.255.255.255")));
  EXPECT_TRUE(v4.allows(ip("0.0.0.1")));
  EXPECT_FALSE(v4.allows(ip("2001:db8::1")));
  const AccessList v6({}, prefixes({"::/0"}));
  EXPECT_TRUE(v6.allows(ip("192.0.2.1")));
  EXPECT_FALSE(v6.allows(ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")));
}

TEST(AccessList, AgreesWithThePlainWay) {
  std::mt19937_64 random(20261121);
  for (unsigned round = 0; round < 300; ++round) {
    // Few distinct bits, so that prefixes lie in one another, touch and repeat their ends.
    const bool v6 = round % 2 != 0;
    const auto address = [&] {
      const std::uint64_t bits = (random() & 0x0f) << 28 | (random() & 3) << 26 | (random() & 7);
      if (!v6) {
        return net::IpAddress::v4(static_cast<std::uint32_t>(bits));
      }
      std::uint8_t bytes[16] = {};
      store_be<std::uint64_t>(bytes, random() % 4 == 0 ? ~std::uint64_t{0} : bits << 32);
      store_be<std::uint64_t>(bytes + 8, bits << 32 | (random() & 1));
      return net::IpAddress::v6(bytes);
    };
    std::vector<Prefix> lists[2];
    std::vector<Prefix> seen;
    for (unsigned i = 0, count = static_cast<unsigned>(random() % 40); i < count; ++i) {
      const auto length = static_cast<std::uint8_t>(random() % (v6 ? 129 : 33));
      const Prefix prefix{address().masked(length), length};
      if (std::find(seen.begin(), seen.end(), prefix) == seen.end()) {
        seen.push_back(prefix);
        lists[random() % 2].push_back(prefix);
      }
    }
    const AccessList list(lists[0], lists[1]);
    for (unsigned i = 0; i < 300; ++i) {
      const net::IpAddress client = address();
      ASSERT_EQ(list.allows(client), allows_plainly(lists[0], lists[1], client)) << "round " << round << client.text();
    }
  }
}

/// How many of `tries` flows a millisecond pass in `ms`.
unsigned passed(const Rate& rate, unsigned tries, Millis ms, Instant due = 0) {
  unsigned count = 0;
  for (Millis now = 1'000'000; now < 1'000'000 + ms; ++now) {
    for (unsigned i = 0; i < tries; ++i) {
      if (rate.admits(due, instant_of(now))) {
        due = rate.next(due, instant_of(now));
        ++count;
      }
    }
  }
  return count;
}

TEST(Rate, GivesTheBurstAtOnceAndTheRateAfterwards) {
  EXPECT_EQ(passed(Rate::of(50, 100), 1000, 1), 100u);
  EXPECT_NEAR(passed(Rate::of(50, 100), 10, 10'000), 100 + 50 * 10, 1);
  EXPECT_NEAR(passed(Rate::of(1'000'000, 0), 3000, 1000), 2'000'000, 2000);
  EXPECT_NEAR(passed(Rate::of(7'777'777, 50'000), 20'000, 100), 50'000 + 99 * 7778, 2000);
  EXPECT_EQ(passed(Rate::of(1, 1), 5, 4000), 4u);
}

TEST(Rate, ASlowCallerIsNeverRefused) {
  EXPECT_EQ(passed(Rate::of(1000, 1), 1, 5000), 5000u);
}

model::Service limited(std::uint32_t per_s, std::uint8_t prefix4 = 32) {
  model::Service service;
  service.limits.new_flows_per_s = per_s;
  service.limits.per_source.prefix4 = prefix4;
  return service;
}

TEST(Gate, IsMadeOnlyWhereSomethingIsLimited) {
  std::uint32_t made = 0;
  EXPECT_EQ(make_gate({}, nullptr, made), nullptr);
  model::Service denies;
  denies.deny = prefixes({"192.0.2.0/24"});
  EXPECT_NE(make_gate(denies, nullptr, made), nullptr);
  EXPECT_EQ(made, 1u);
}

TEST(Gate, BucketsAndCountsGoOnInTheNextPlan) {
  std::uint32_t made = 0;
  const auto first = make_gate(limited(10), nullptr, made);
  first->use->count(3, Admission::limit_service);
  first->use->count(19, Admission::limit_service);  // the same lane
  const auto second = make_gate(limited(20), first.get(), made);
  EXPECT_EQ(second->use, first->use);
  EXPECT_EQ(second->id, first->id);
  EXPECT_EQ(second->use->counted(Admission::limit_service), 2u);
  EXPECT_EQ(second->use->counted(Admission::denied), 0u);
  const auto other_sources = make_gate(limited(20, 24), second.get(), made);
  EXPECT_EQ(other_sources->use, first->use);
  EXPECT_NE(other_sources->id, first->id);
  EXPECT_NE(make_gate(limited(20), nullptr, made)->id, other_sources->id);
}

}  // namespace
}  // namespace limpet::plan
