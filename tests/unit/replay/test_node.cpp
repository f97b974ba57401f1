// The node in memory: reproducible, its clock the caller's, its tables swept.
#include <gtest/gtest.h>

#include "replay/node.hpp"
#include "support/packet_builder.hpp"

namespace limpet::replay {
namespace {

using counters::Counter;
using test::Bytes;
using test::ip;
using test::PacketBuilder;

const PortIndex front(1);  // ports are numbered by name: "back" is 0

model::Model example() {
  const auto prefix = [](std::string_view text) { return *net::Prefix::parse(text); };
  model::Model model;
  model.ports["front"].addresses = {prefix("192.0.2.1/24")};
  model.ports["back"].addresses = {prefix("198.51.100.1/24")};
  model.profiles["client"].idle_timeout_ms = 60'000;
  for (unsigned i = 1; i <= 3; ++i) {
    model.pools["web"].backends[fmt::format("b{}", i)].addresses = {{ip(fmt::format("198.51.100.{}", 10 + i)), 80}};
  }
  model::Service& web = model.services["web"];
  web.pool = "web";
  web.listen = {{prefix("192.0.2.10/32"), 53, net::Protocol::udp}};
  web.persist = {"client"};
  return model;
}

std::unique_ptr<Node> make(unsigned workers = 1) {
  auto node = Node::create(example(), hash::fixed_secret(), {.workers = workers, .flows_max = 64, .records_max = 64});
  return std::move(node.value());
}

Bytes from_client(unsigned client) {
  return PacketBuilder()
      .ethernet(test::client_mac, stand_in_mac(1))
      .ip(net::IpAddress::v4(0xc0000264 + client), ip("192.0.2.10"))
      .udp(1000, 53)
      .payload("?")
      .build();
}
/// The client and every backend tell their MAC addresses when asked.
void answer_questions(Node& node, std::vector<Sent>& log) {
  for (auto sent = node.take_sent(); !sent.empty(); sent = node.take_sent()) {
    for (Sent& frame : sent) {
      if (load_be<std::uint16_t>(&frame.bytes[12]) == net::ether_type::arp) {
        const auto target = net::IpAddress::v4(&frame.bytes[14 + net::arp::target_ip]);
        const net::Mac mac{{2, 7, 7, 7, 7, static_cast<std::uint8_t>(target.v4_host())}};
        node.receive(frame.port, 0,
                     PacketBuilder()
                         .ethernet(mac, stand_in_mac(frame.port.value()))
                         .arp(net::arp::reply, mac, target.text(), stand_in_mac(frame.port.value()), "198.51.100.1")
                         .build());
      }
      log.push_back(std::move(frame));
    }
  }
}

std::vector<Sent> run(unsigned workers) {
  const auto node = make(workers);
  std::vector<Sent> log;
  for (unsigned i = 0; i < 60; ++i) {
    node->receive(front, i % workers, from_client(i % 20));
    answer_questions(*node, log);
    node->advance(node->now_ms() + 77 * i);
    answer_questions(*node, log);
  }
  EXPECT_EQ(node->violations(), 0u);
  return log;
}

TEST(Node, IsReproducible) {
  for (const unsigned workers : {1u, 4u}) {
    const auto first = run(workers);
    const auto second = run(workers);
    ASSERT_EQ(first.size(), second.size());
    ASSERT_GT(first.size(), 60u);
    for (std::size_t i = 0; i < first.size(); ++i) {
      EXPECT_EQ(first[i].port, second[i].port);
      EXPECT_EQ(first[i].bytes, second[i].bytes);
    }
  }
}

TEST(Node, TheClockNeverGoesBack) {
  const auto node = make();
  node->advance(2'000'000);
  node->advance(1'500'000);
  EXPECT_EQ(node->now_ms(), 2'000'000u);
}

TEST(Node, ProvisionalRecordsLiveTenSeconds) {
  const auto node = make();
  node->receive(front, 0, from_client(1));
  EXPECT_EQ(node->records().stats().provisional, 1u);
  node->advance(node->now_ms() + 9'000);
  EXPECT_EQ(node->records().stats().provisional, 1u);
  node->advance(node->now_ms() + 13'000);
  EXPECT_EQ(node->records().stats().provisional, 0u);
  EXPECT_EQ(node->counter(Counter::record_ended), 0u);  // it never counted as one
}

TEST(Node, IdleRecordsEnd) {
  const auto node = make();
  const record::Key key = record::source_key(ip("192.0.2.100"), 32, 64, 0);
  node->records().claim(key, node->records().hash(key), BackendSlot(0),
                        static_cast<std::uint32_t>(node->now_ms() / 1000), record::Share::live);
  node->advance(node->now_ms() + 58'000);
  EXPECT_EQ(node->records().stats().live, 1u);
  node->advance(node->now_ms() + 15'000);
  EXPECT_EQ(node->records().stats().live, 0u);
  EXPECT_EQ(node->counter(Counter::record_ended), 1u);
}

TEST(Node, OtherPortsNeedARestart) {
  const auto node = make();
  auto more = example();
  more.ports["third"] = {};
  EXPECT_FALSE(node->apply(more));
  auto renamed = example();
  renamed.ports["outside"] = renamed.ports.extract("front").mapped();
  const auto refused = node->apply(renamed);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text.find("restart"), std::string::npos);
  auto vlan = example();
  vlan.ports["back"].vlans[5].addresses = {*net::Prefix::parse("203.0.113.1/24")};
  EXPECT_TRUE(node->apply(vlan));
  EXPECT_EQ(node->plan().version, 2u);
}

TEST(Node, BackendsKeepTheirStateOverAModel) {
  const auto node = make();
  node->backend("web/b1").health = plan::Health::down;
  auto model = example();
  model.pools["web"].backends["b1"].weight = 7;
  model.pools["web"].backends["b9"].addresses = {{ip("198.51.100.19"), 80}};
  model.pools["web"].backends["b9"].state = model::AdminState::drain;
  ASSERT_TRUE(node->apply(model));
  EXPECT_EQ(node->backend("web/b1").health, plan::Health::down);
  EXPECT_EQ(node->backend("web/b1").weight, 7u * plan::weight_one);
  EXPECT_EQ(node->backend("web/b9").admin, plan::Admin::drain);
}

TEST(Node, UnusableModelsAreRefused) {
  auto model = example();
  model.services["also"] = model.services["web"];
  EXPECT_FALSE(Node::create(model, hash::fixed_secret(), {}));
}

}  // namespace
}  // namespace limpet::replay
