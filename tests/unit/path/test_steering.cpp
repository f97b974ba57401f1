// Several workers: packets come to any of them, and the owner of the client sees them all, in order.
#include <map>

#include "lab.hpp"

namespace limpet::path {
namespace {

Lab::Setup four_workers() {
  Lab::Setup setup;
  setup.workers = 4;
  return setup;
}

TEST(Steering, AnyWorkerWillDo) {
  for (const auto& [client, vip] :
       {std::pair{"10.0.0.5", "192.0.2.10:80"}, std::pair{"2001:db8:c::5", "[2001:db8:1::10]:80"},
        std::pair{"10.0.0.6", "192.0.2.10:53"}}) {
    Lab lab(four_workers());
    Talk talk(lab, client, 1000, vip);
    const auto at = talk.up(flags::syn, 0);
    EXPECT_TRUE(talk.down(flags::syn_ack, 3));
    for (unsigned worker = 0; worker < 4; ++worker) {
      EXPECT_EQ(talk.up(flags::ack, worker), at);
      EXPECT_TRUE(talk.down(flags::ack, worker));
    }
    EXPECT_EQ(lab.count(Counter::flow_new), 1u);
    EXPECT_EQ(lab.live_flows(), 2u);
    EXPECT_GE(lab.count(Counter::handed_off), 6u);
  }
}

TEST(Steering, EveryWorkerOwnsSomeClients) {
  Lab lab(four_workers());
  for (std::uint32_t i = 0; i < 400; ++i) {
    Talk(lab, {client_address(i), 1000}, endpoint("192.0.2.10:80")).open();
  }
  for (unsigned worker = 0; worker < 4; ++worker) {
    EXPECT_NEAR(static_cast<double>(lab.node->state(worker).flows.stats().live_narrow), 200.0, 80.0);
  }
}

TEST(Steering, OrderWithinAFlowSurvivesHandOff) {
  Lab lab(four_workers());
  const auto numbered = [&](std::uint32_t client, std::uint8_t number) {
    return PacketBuilder()
        .ethernet(gateway_mac, front_mac)
        .ip(client_address(client), ip("192.0.2.10"))
        .udp(1000, 53)
        .payload(Bytes{number})
        .build();
  };
  std::vector<replay::Node::Arrival> arrivals;
  for (std::uint8_t number = 0; number < 100; ++number) {  // more than a burst
    for (std::uint32_t client = 0; client < 8; ++client) {
      arrivals.push_back({front_port, client % 4, numbered(client, number)});
    }
  }
  lab.node->receive(arrivals);
  std::map<net::IpAddress, std::vector<std::uint8_t>> got;
  for (const Out& out : lab.take()) {
    got[out.parsed.source].push_back(out.bytes.back());
  }
  ASSERT_EQ(got.size(), 8u);
  for (const auto& [client, numbers] : got) {
    EXPECT_EQ(numbers.size(), 100u) << client.text();
    EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end())) << client.text();
  }
  EXPECT_GT(lab.count(Counter::handed_off), 0u);
}

TEST(Steering, OnePrefixOnSeveralWorkersIsOneSession) {
  auto setup = four_workers();
  setup.model.profiles["client"].prefix4 = 16;
  Lab lab(setup);
  std::vector<replay::Node::Arrival> arrivals;
  for (std::uint32_t i = 0; i < 100; ++i) {  // all at one instant
    arrivals.push_back(
        {front_port, i % 4, Talk(lab, {client_address(i), 1}, endpoint("192.0.2.10:80")).packet(flags::syn)});
  }
  lab.node->receive(arrivals);
  const auto outs = lab.take();
  ASSERT_EQ(outs.size(), 100u);
  for (const Out& out : outs) {
    EXPECT_EQ(out.destination(), outs[0].destination());
  }
}

TEST(Steering, WhatNobodyOwnsIsAnsweredWhereItComesIn) {
  Lab lab(four_workers());
  for (unsigned worker = 0; worker < 4; ++worker) {
    const auto out = lab.send_one(front_port,
                                  PacketBuilder()
                                      .ethernet(gateway_mac, front_mac)
                                      .ip("10.0.0.1", "192.0.2.10")
                                      .icmp(net::icmp::echo_request)
                                      .build(),
                                  worker);
    EXPECT_TRUE(out);
  }
  EXPECT_EQ(lab.count(Counter::handed_off), 0u);
}

}  // namespace
}  // namespace limpet::path
