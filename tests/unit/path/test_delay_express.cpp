// Spliced connections on the express way, and beside them the same ones on the long way.
#include "delay_world.hpp"

namespace limpet::path {
namespace {

struct Row {
  bool full_nat;
  const char* client;
  const char* vip;
};
class DelayExpress : public testing::TestWithParam<Row> {};

struct Seen {
  std::uint64_t express, hits, in, back, dropped;
};

const std::string request = "GET / HTTP/1.1\r\nHost: web.example\r\nCookie: SERVER=x.b2\r\n\r\n";

model::Model model_of(const Row& row) {
  return row.full_nat ? reading_local_model(model::ClientAddress::none) : reading_model();
}

Seen talk(const Row& row, bool takes_express, bool edited) {
  model::Model model = model_of(row);
  model.profiles["route"].close_on_conflict = edited;  // all that clients say is looked at
  Lab lab(model);
  lab.node->state(0).takes_express = takes_express;
  let_plan_age(lab);
  DelayWorld world(lab, {.seed = 7});
  world.backends[""].tcp = {.mss = 1400, .scale = 2, .window_bytes = 30'000};
  TcpPeer& client = world.client(row.client, row.vip, {.mss = 1400});
  client.write(request);
  EXPECT_TRUE(world.run_until([&] { return !world.servers.empty() && world.servers[0].peer->received() == request; }));
  TcpPeer& server = *world.servers[0].peer;
  std::string up = request, down;
  for (int i = 0; i < 4; ++i) {
    up += std::string(30'000, static_cast<char>('a' + i));
    down += std::string(50'000, static_cast<char>('A' + i));
    client.write(up.substr(server.received().size()));
    server.write(down.substr(client.received().size()));
    EXPECT_TRUE(world.run_until([&] { return server.received() == up && client.received() == down; }));
  }
  const std::uint64_t dropped = lab.count(Counter::drop_no_return_flow) + lab.count(Counter::drop_no_syn_cookie) +
                                lab.count(Counter::drop_malformed);
  const Seen seen{lab.node->state(0).spliced_express, lab.count(Counter::flow_hit), lab.count(Counter::forwarded_in),
                  lab.count(Counter::forwarded_back), dropped};
  client.close();
  server.close();
  EXPECT_TRUE(world.run_until([&] { return client.finished() && server.finished(); }));
  return seen;
}

TEST_P(DelayExpress, does_what_the_long_way_does) {
  const Seen express = talk(GetParam(), true, false);
  const Seen longer = talk(GetParam(), false, false);
  EXPECT_GT(express.express, 200u);
  EXPECT_EQ(longer.express, 0u);
  EXPECT_EQ(express.hits, longer.hits);
  EXPECT_EQ(express.in, longer.in);
  EXPECT_EQ(express.back, longer.back);
  EXPECT_EQ(express.dropped, 0u);
}

/// Two sides that disagree would acknowledge each other's acknowledgments for ever.
TEST_P(DelayExpress, ends_storms_of_acknowledgments) {
  for (const bool takes_express : {true, false}) {
    Lab lab(model_of(GetParam()));
    lab.node->state(0).takes_express = takes_express;
    let_plan_age(lab);
    DelayWorld world(lab);
    TcpPeer& client = world.client(GetParam().client, GetParam().vip);
    client.write(request);
    ASSERT_TRUE(
        world.run_until([&] { return !world.servers.empty() && world.servers[0].peer->received() == request; }));
    TcpPeer& server = *world.servers[0].peer;
    world.run(1000);
    for (int i = 0; i < 1000; ++i) {
      client.acknowledge();
      server.acknowledge();
    }
    world.run(100);
    constexpr std::uint64_t pass = splice::AckGuard::same_max;
    EXPECT_GE(lab.count(Counter::drop_ack_storm), 2 * (1000 - 2 * pass)) << "in two seconds, perhaps";
    EXPECT_LE(lab.count(Counter::drop_ack_storm), 2 * (1000 - pass));
    client.write("more");
    server.write("less");
    EXPECT_TRUE(world.run_until([&] { return server.received() == request + "more" && client.received() == "less"; }));
  }
}

TEST_P(DelayExpress, is_not_for_what_is_edited) {
  EXPECT_EQ(talk(GetParam(), true, true).express, 0u);
}

INSTANTIATE_TEST_SUITE_P(Ways, DelayExpress,
                         testing::Values(Row{false, "10.0.0.1:1000", "192.0.2.10:80"},
                                         Row{false, "[2001:db8:c::1]:1000", "[2001:db8:1::10]:80"},
                                         Row{true, "10.0.0.1:1000", "192.0.2.10:80"},
                                         Row{true, "[2001:db8:c::1]:1000", "[2001:db8:1::10]:80"}));

}  // namespace
}  // namespace limpet::path
