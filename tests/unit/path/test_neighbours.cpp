// Packets for neighbours whose MAC address is not known: they wait, in order, for a while.
#include "lab.hpp"

namespace limpet::path {
namespace {

model::Model strangers() {
  auto model = base_model();
  model.ports["back"].neighbors.clear();
  return model;
}

bool is_arp(const Out& out) {
  return out.parsed.kind == net::Kind::arp;
}

Bytes arp_reply(const char* who, unsigned number) {
  return PacketBuilder()
      .ethernet(backend_mac(number), back_mac)
      .arp(net::arp::reply, backend_mac(number), who, back_mac, "198.51.100.1")
      .build();
}

TEST(Waiting, PacketsLeaveInOrderOnceTheNeighbourAnswers) {
  Lab lab(strangers());
  Talk talk(lab, "10.0.0.1", 1000, "192.0.2.10:53");
  const auto first = lab.send(front_port, talk.packet(0, "0"));
  ASSERT_EQ(first.size(), 1u);
  EXPECT_TRUE(is_arp(first[0]));
  for (char c = '1'; c <= '9'; ++c) {
    EXPECT_TRUE(lab.send(front_port, talk.packet(0, std::string(1, c))).empty());
  }
  EXPECT_EQ(lab.count(Counter::held), 10u);
  const auto target = net::IpAddress::v4(&first[0].bytes[14 + net::arp::target_ip]);
  const auto outs = lab.send(back_port, arp_reply(target.text().c_str(), 3));
  ASSERT_EQ(outs.size(), 10u);
  for (std::size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(outs[i].bytes.back(), '0' + i);
    EXPECT_EQ(outs[i].to_mac(), backend_mac(3));
    EXPECT_EQ(outs[i].parsed.destination, target);
  }
  EXPECT_EQ(lab.send(front_port, talk.packet()).size(), 1u);
}

TEST(Waiting, Ipv6AsksBySolicitation) {
  Lab lab(strangers());
  Talk talk(lab, "2001:db8:c::1", 1000, "[2001:db8:1::10]:53");
  const auto outs = lab.send(front_port, talk.packet());
  ASSERT_EQ(outs.size(), 1u);
  EXPECT_EQ(outs[0].parsed.icmp_type, net::icmpv6::neighbour_solicitation);
}

TEST(Waiting, PatienceEnds) {
  Lab lab(strangers());
  Talk talk(lab, "10.0.0.1", 1000);
  lab.send(front_port, talk.packet(flags::syn));
  lab.send(front_port, talk.packet(flags::syn));
  lab.wait_ms(5'000);
  for (const Out& out : lab.take()) {
    EXPECT_TRUE(is_arp(out));
  }
  EXPECT_EQ(lab.count(Counter::drop_no_neighbour), 2u);
  EXPECT_EQ(lab.node->state(0).waiting.count, 0u);
}

TEST(Waiting, TheQueueIsBounded) {
  Lab lab(strangers());
  Talk talk(lab, "10.0.0.1", 1000);
  for (unsigned i = 0; i < Waiting::capacity + 10; ++i) {
    lab.send(front_port, talk.packet());
  }
  EXPECT_EQ(lab.count(Counter::drop_neighbour_queue_full), 10u);
  EXPECT_EQ(lab.node->state(0).waiting.count, Waiting::capacity);
}

TEST(Waiting, ControlsFullRingIsTheFramesOnlyDrop) {
  Lab lab;
  for (unsigned i = 0; i < 1000; ++i) {  // more than the ring holds
    l3::Frame frame;
    static_cast<void>(lab.node->state(0).to_control.frames.push(frame));
  }
  const Bytes reply = arp_reply("198.51.100.77", 7);
  lab.send(back_port, reply);
  EXPECT_EQ(lab.count(Counter::drop_control_full), 1u);
  EXPECT_EQ(lab.count(Counter::drop_consumed), 0u);
  lab.send(back_port, reply);
  EXPECT_EQ(lab.count(Counter::drop_consumed), 1u);
}

TEST(Waiting, ArpAndSolicitationsAreAnsweredOnTheirLinkOnly) {
  Lab lab;
  const auto ask = [&](PortIndex port, const char* target) {
    return lab.send_one(port, PacketBuilder()
                                  .ethernet(gateway_mac, net::Mac{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}})
                                  .arp(net::arp::request, gateway_mac, "192.0.2.254", {}, target)
                                  .build());
  };
  for (const char* target : {"192.0.2.1", "192.0.2.10"}) {
    const auto out = ask(front_port, target);
    ASSERT_TRUE(out);
    EXPECT_EQ(net::IpAddress::v4(&out->bytes[14 + net::arp::sender_ip]), ip(target));
  }
  EXPECT_FALSE(ask(front_port, "192.0.2.77"));
  EXPECT_FALSE(ask(front_port, "198.51.100.1"));  // ours, but on another link
}

}  // namespace
}  // namespace limpet::path
