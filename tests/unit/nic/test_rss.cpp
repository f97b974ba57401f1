// RSS over tables of capabilities (no virtual device has the interesting ones), and who serves which queue.
#include <gtest/gtest.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <random>

#include "nic/rss.hpp"

namespace limpet::nic {
namespace {

constexpr std::uint64_t v4 = RTE_ETH_RSS_IPV4, v6 = RTE_ETH_RSS_IPV6;
constexpr std::uint64_t ports4 = RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV4_UDP;
constexpr std::uint64_t ports6 = RTE_ETH_RSS_NONFRAG_IPV6_TCP | RTE_ETH_RSS_NONFRAG_IPV6_UDP;
constexpr std::uint64_t extended = RTE_ETH_RSS_IPV6_EX | RTE_ETH_RSS_IPV6_TCP_EX | RTE_ETH_RSS_IPV6_UDP_EX;
constexpr std::uint64_t source = RTE_ETH_RSS_L3_SRC_ONLY, destination = RTE_ETH_RSS_L3_DST_ONLY;
constexpr std::uint64_t unwanted = RTE_ETH_RSS_VXLAN | RTE_ETH_RSS_ETH | RTE_ETH_RSS_L4_SRC_ONLY;

TEST(ChooseRss, TakesTheBestThatTheDeviceHas) {
  using model::Side;
  const struct {
    const char* what;
    RssCapabilities capabilities;
    Side side;
    unsigned queues;
    RssEffect effect;
    std::uint64_t hash_types;
    RssReason reason;
    model::Rss rss = model::Rss::automatic;
    bool full_nat = false;
    bool v4_clients = true;
  } rows[] = {
      {"client addresses towards clients",
       {v4 | v6 | ports4 | source | destination, 52, 512},
       Side::clients,
       4,
       RssEffect::owner,
       v4 | v6 | ports4 | source,
       RssReason::client_address},
      {"client addresses towards backends",
       {v4 | v6 | ports4 | source | destination, 52, 512},
       Side::backends,
       4,
       RssEffect::owner,
       v4 | v6 | ports4 | destination,
       RssReason::client_address},
      {"both sides on one port: pairs",
       {v4 | v6 | ports4 | source | destination, 52, 512},
       Side::both,
       4,
       RssEffect::spread,
       v4 | v6,
       RssReason::both_sides},
      {"no single address: pairs, under a key that leaves one",
       {v4 | v6 | ports4, 40, 128},
       Side::clients,
       4,
       RssEffect::owner,
       v4 | v6,
       RssReason::lone_ipv4},
      {"the same where clients come by IPv6 only",
       {v4 | v6 | ports4, 40, 512},
       Side::backends,
       4,
       RssEffect::owner,
       v4 | v6,
       RssReason::lone_ipv6,
       model::Rss::automatic,
       false,
       false},
      {"a table that can't follow Owner's: pairs",
       {v4 | v6 | source, 40, 64},
       Side::clients,
       4,
       RssEffect::spread,
       v4 | v6,
       RssReason::odd_table},
      {"nor can one of another size",
       {v4 | v6 | ports4, 40, 192},
       Side::backends,
       4,
       RssEffect::spread,
       v4 | v6,
       RssReason::odd_table},
      {"the other direction only: pairs, under a key that leaves one",
       {v4 | v6 | source, 40, 128},
       Side::backends,
       4,
       RssEffect::owner,
       v4 | v6,
       RssReason::lone_ipv4},
      {"no pairs: ports", {ports4, 40, 128}, Side::clients, 2, RssEffect::spread, ports4, RssReason::no_pairs},
      {"pairs of one family only",
       {v4 | ports6, 40, 128},
       Side::clients,
       2,
       RssEffect::spread,
       v4 | ports6,
       RssReason::no_pairs},
      {"what is not IP is left alone",
       {v4 | v6 | unwanted, 40, 128},
       Side::both,
       2,
       RssEffect::spread,
       v4 | v6,
       RssReason::both_sides},
      {"only tunnels: nothing", {unwanted, 40, 128}, Side::clients, 2, RssEffect::none, 0, RssReason::no_hash},
      {"one queue: nothing to spread",
       {v4 | v6 | source, 40, 128},
       Side::clients,
       1,
       RssEffect::none,
       0,
       RssReason::one_queue},
      {"no indirection table",
       {v4 | v6 | source, 40, 0},
       Side::clients,
       4,
       RssEffect::none,
       0,
       RssReason::no_indirection},
      {"key too short for IPv6 pairs",
       {v4 | v6 | source, 16, 128},
       Side::clients,
       4,
       RssEffect::none,
       0,
       RssReason::short_key},
      {"key size not told: the usual 40",
       {v4 | v6 | source, 0, 128},
       Side::clients,
       4,
       RssEffect::owner,
       v4 | v6 | source,
       RssReason::client_address},
      {"no RSS at all", {0, 0, 0}, Side::clients, 4, RssEffect::none, 0, RssReason::no_hash},
      {"pairs on request",
       {v4 | v6 | ports4 | source | destination, 52, 512},
       Side::clients,
       4,
       RssEffect::spread,
       v4 | v6,
       RssReason::configured,
       model::Rss::spread},
      {"nothing on request",
       {v4 | v6 | ports4 | source | destination, 52, 512},
       Side::clients,
       4,
       RssEffect::none,
       0,
       RssReason::configured,
       model::Rss::software},
      {"answers to local addresses: ports, though it could hash one address",
       {v4 | v6 | ports4 | ports6 | destination, 40, 128},
       Side::backends,
       2,
       RssEffect::owner,
       v4 | v6 | ports4 | ports6,
       RssReason::answers,
       model::Rss::automatic,
       true},
      {"answers: IPv6 ports also where extension headers may be",
       {v4 | v6 | ports4 | ports6 | extended, 40, 128},
       Side::backends,
       2,
       RssEffect::owner,
       v4 | v6 | ports4 | ports6 | extended,
       RssReason::answers,
       model::Rss::automatic,
       true},
      {"clients of full NAT: their addresses",
       {v4 | v6 | ports4 | ports6 | source, 40, 128},
       Side::clients,
       2,
       RssEffect::owner,
       v4 | v6 | ports4 | ports6 | source,
       RssReason::client_address,
       model::Rss::automatic,
       true},
      {"ports of one family only: pairs for all",
       {v4 | v6 | ports4, 40, 128},
       Side::backends,
       2,
       RssEffect::spread,
       v4 | v6,
       RssReason::no_ports,
       model::Rss::automatic,
       true},
      {"answers, and no ports: their one address says nothing",
       {v4 | v6 | destination, 40, 128},
       Side::backends,
       2,
       RssEffect::spread,
       v4 | v6,
       RssReason::no_ports,
       model::Rss::automatic,
       true},
      {"pairs on request, also for answers",
       {v4 | v6 | ports4 | ports6, 40, 128},
       Side::backends,
       2,
       RssEffect::spread,
       v4 | v6,
       RssReason::configured,
       model::Rss::spread,
       true},
  };
  for (const auto& row : rows) {
    const auto choice = choose_rss(row.capabilities, {row.side, row.rss, row.full_nat, row.v4_clients}, row.queues);
    EXPECT_EQ(choice.effect, row.effect) << row.what;
    EXPECT_EQ(choice.hash_types, row.hash_types) << row.what;
    EXPECT_EQ(choice.reason, row.reason) << row.what;
    const bool lone = row.reason == RssReason::lone_ipv4 || row.reason == RssReason::lone_ipv6;
    ASSERT_EQ(choice.lone.has_value(), lone) << row.what;
    if (lone) {
      EXPECT_EQ(choice.lone->source, row.side == Side::clients) << row.what;
      EXPECT_EQ(choice.lone->v4, row.v4_clients) << row.what;
    }
    EXPECT_FALSE(choice.words().empty()) << row.what;
    EXPECT_FALSE(choice.why().empty()) << row.what;
  }
}

TEST(ChooseRss, AsksForLessWhenTheDriverRefuses) {
  const RssCapabilities all{v4 | v6 | ports4 | source | destination, 52, 512};
  const auto choices = rss_choices(all, {model::Side::clients, model::Rss::automatic}, 4);
  EXPECT_EQ(choices[0].effect, RssEffect::owner);
  EXPECT_EQ(choices[1].effect, RssEffect::spread);
  EXPECT_EQ(choices[1].hash_types, v4 | v6);
  EXPECT_EQ(choices[1].reason, RssReason::refused);
  EXPECT_EQ(choices[2].effect, RssEffect::none);
  const auto lone = rss_choices({v4 | v6, 40, 128}, {model::Side::clients, model::Rss::automatic}, 4);
  EXPECT_TRUE(lone[0].lone);
  EXPECT_FALSE(lone[1].lone) << "it is spread by Owner's key";
  for (const auto& choice : rss_choices(all, {model::Side::clients, model::Rss::software}, 4)) {
    EXPECT_EQ(choice.effect, RssEffect::none);
  }
}

TEST(RssKey, IsOwnersOrTheOneThatLeavesAnAddress) {
  const hash::Owner owner(2);
  const RssChoice plain{RssEffect::owner, v4 | v6 | source, RssReason::client_address, {}};
  const hash::LoneAddress towards_backends{.source = false, .v4 = true};
  const RssChoice lone{RssEffect::owner, v4 | v6, RssReason::lone_ipv4, towards_backends};
  for (const unsigned size : {40u, 52u, 64u}) {
    const auto key = rss_key(owner, plain, size);
    const auto lone_key = rss_key(owner, lone, size);
    ASSERT_EQ(key.size(), size);
    ASSERT_EQ(lone_key.size(), size);
    for (unsigned i = 0; i < size; ++i) {
      EXPECT_EQ(key[i], owner.key()[i % 4]) << i;
    }
    EXPECT_TRUE(std::equal(lone_key.begin(), lone_key.begin() + 40, hash::lone_key(towards_backends).begin()));
  }
}

TEST(RssIndirection, BringsEveryClientToItsOwnersQueue) {
  std::mt19937 random(1);
  for (const unsigned workers : {1u, 2u, 3u, 4u, 7u, 16u}) {
    const hash::Owner owner(workers);
    for (const unsigned size : {128u, 512u, 2048u}) {
      for (const unsigned queues_max : {workers, 1u, 2u}) {
        const auto queues = Queues::choose(workers, queues_max, workers);
        const auto table = rss_indirection(owner, queues, size);
        for (int i = 0; i < 200; ++i) {
          const auto client = net::IpAddress::v4(static_cast<std::uint32_t>(random()));
          EXPECT_EQ(table[owner.rss_hash(client) % size], queues.receive_queue(owner.owner(client)));
        }
      }
    }
  }
}

TEST(Queues, EveryQueueHasOneWorkerAndEveryWorkerASender) {
  for (unsigned workers = 1; workers <= 8; ++workers) {
    for (const unsigned receive_max : {0u, 1u, 2u, 3u, 16u}) {
      for (const unsigned transmit_max : {0u, 1u, 2u, 5u, 16u}) {
        const auto queues = Queues::choose(workers, receive_max, transmit_max);
        unsigned receivers = 0;
        for (unsigned worker = 0; worker < workers; ++worker) {
          receivers += queues.receives(worker) ? 1 : 0;
          EXPECT_LT(queues.sender(worker), queues.transmit);
          EXPECT_EQ(queues.sender(queues.sender(worker)), queues.sender(worker)) << "a sender has its own queue";
          EXPECT_LT(queues.receive_queue(worker), queues.receive);
        }
        EXPECT_EQ(receivers, queues.receive);
        EXPECT_EQ(queues.receive, std::min(std::max(receive_max, 1u), workers));
      }
    }
  }
}

}  // namespace
}  // namespace limpet::nic
