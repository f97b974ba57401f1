// TCP options of delayed binding: what is promised is kept, or the backend is another one.
#include "delay_world.hpp"

namespace limpet::path {
namespace {

using plan::Known;

constexpr TcpPeer::Options stamping{.mss = 1400, .stamps = true, .clock = 0xfffff000};
const std::string request = "GET / HTTP/1.1\r\nHost: web.example\r\nCookie: SERVER=x.b1\r\n\r\n";

/// Nothing is learnt from responses.
model::Model reading_cookies(model::Model model) {
  model.services["web"].persist = {"route"};
  return model;
}

struct Row {
  const char* what;
  bool full_nat;
  model::ClientAddress told;
  const char* client;
  const char* vip;
};
class Stamped : public testing::TestWithParam<Row> {
 protected:
  Stamped()
      : lab(reading_cookies(GetParam().full_nat ? reading_local_model(GetParam().told) : reading_model())),
        world(lab, {.seed = 3}) {
    world.backends[""].tcp = {.stamps = true, .clock = 0x7fffff00};
    let_plan_age(lab);
  }
  TcpPeer& talk(TcpPeer::Options options = stamping) {
    TcpPeer& client = world.client(GetParam().client, GetParam().vip, options);
    client.write(request);
    EXPECT_TRUE(world.run_until([&] { return !world.servers.empty() && server().received().ends_with(request); }));
    return client;
  }
  TcpPeer& server() { return *world.servers.back().peer; }

  Lab lab;
  DelayWorld world;
};

TEST_P(Stamped, both_ways_and_the_express_way) {
  learn(lab);
  TcpPeer& client = talk();
  ASSERT_TRUE(client.uses_stamps() && server().uses_stamps());
  const std::string text(60'000, 'x');
  for (int i = 1; i <= 3; ++i) {
    server().write(text);
    client.write(text);
    ASSERT_TRUE(world.run_until([&] {
      return client.received().size() == text.size() * static_cast<unsigned>(i) &&
             server().received().ends_with(text) && server().received().size() > text.size() * static_cast<unsigned>(i);
    }));
  }
  if (GetParam().told == model::ClientAddress::none) {  // else all of its flow takes the long way
    EXPECT_GT(lab.node->state(0).spliced_express, 200u);
  }
  EXPECT_EQ(client.old_stamps() + server().old_stamps(), 0u) << "nothing has overtaken anything";
  client.close();
  server().close();
  EXPECT_TRUE(world.run_until([&] { return client.finished() && server().finished(); }));
}

TEST_P(Stamped, over_a_restart) {
  learn(lab);
  TcpPeer& client = talk();
  server().write("one");
  ASSERT_TRUE(world.run_until([&] { return client.received() == "one"; }));
  auto after = replay::Node::restart(std::move(lab.node), lab.model, {.workers = 1});
  ASSERT_TRUE(after) << after.error().text;
  lab.node = std::move(*after);
  server().write("two");
  client.write("more");
  EXPECT_TRUE(world.run_until([&] { return client.received() == "onetwo" && server().received().ends_with("more"); }));
  EXPECT_EQ(client.old_stamps() + server().old_stamps(), 0u);
}

TEST_P(Stamped, by_who_writes_a_byte_at_a_time) {
  learn(lab);
  TcpPeer::Options options = stamping;
  options.writes_bytes = true;
  TcpPeer& client = talk(options);
  EXPECT_TRUE(client.uses_stamps());
  EXPECT_GT(lab.count(Counter::delayed_owned), 2u);
  EXPECT_EQ(client.old_stamps() + server().old_stamps(), 0u);
}

TEST_P(Stamped, nobody_who_was_not_promised_it) {
  EXPECT_FALSE(talk().uses_stamps()) << "nothing is known of backends";
  world.servers.clear();
  learn(lab);
  EXPECT_FALSE(talk({}).uses_stamps()) << "its client does not ask";
}

TEST_P(Stamped, by_another_backend_than_breaks_the_promise) {
  learn(lab);
  world.backends["b1"].tcp = {};
  TcpPeer& client = talk();
  EXPECT_TRUE(client.uses_stamps());
  EXPECT_NE(world.servers.back().name, "b1");
  EXPECT_TRUE(world.servers.front().peer->was_reset()) << "told at once";
  EXPECT_EQ(lab.count(Counter::option_mismatch), 1u);
  EXPECT_EQ(lab.count(Counter::delayed_redispatched), 1u);
}

TEST_P(Stamped, or_reset_when_all_break_the_promise) {
  learn(lab);
  world.backends[""].tcp = {};
  TcpPeer& client = world.client(GetParam().client, GetParam().vip, stamping);
  client.write(request);
  EXPECT_TRUE(world.run_until([&] { return client.was_reset(); }));
  EXPECT_EQ(lab.count(Counter::option_mismatch), 3u);
  EXPECT_EQ(lab.node->state(0).awaited.count(), 0u);
}

INSTANTIATE_TEST_SUITE_P(
    Ways, Stamped,
    testing::Values(Row{"v4", false, model::ClientAddress::none, "10.0.0.1:1000", "192.0.2.10:80"},
                    Row{"v6", false, model::ClientAddress::none, "[2001:db8:c::1]:1000", "[2001:db8:1::10]:80"},
                    Row{"full_nat", true, model::ClientAddress::none, "10.0.0.1:1000", "192.0.2.10:80"},
                    Row{"proxy", true, model::ClientAddress::proxy_v2, "[2001:db8:c::1]:1000", "[2001:db8:1::10]:80"}),
    [](const auto& row) { return row.param.what; });

TEST(Offers, promise_no_timestamps_where_responses_are_changed) {
  model::Model model = reading_model();
  model.profiles["own"] = {.type = model::ProfileType::cookie, .name = "SRV", .by = model::By::insert};
  model.services["web"].persist = {"user", "own"};
  Lab lab(model);
  DelayWorld world(lab);
  world.backends[""].tcp = stamping;
  learn(lab);
  TcpPeer& client = world.client("10.0.0.1:1000", "192.0.2.10:80", stamping);
  client.write(request);
  ASSERT_TRUE(world.run_until([&] { return !world.servers.empty() && world.servers[0].peer->received() == request; }));
  EXPECT_FALSE(client.uses_stamps());
}

TEST(Offers, keep_timestamps_when_the_service_begins_to_change_responses) {
  Lab lab(reading_cookies(reading_model()));
  DelayWorld world(lab);
  world.backends[""].tcp = stamping;
  learn(lab);
  TcpPeer& client = world.client("10.0.0.1:1000", "192.0.2.10:80", stamping);
  ASSERT_TRUE(world.run_until([&] { return client.established(); }));
  lab.model.profiles["own"] = {.type = model::ProfileType::cookie, .name = "SRV", .by = model::By::insert};
  lab.model.profiles["route"].close_on_conflict = true;
  lab.model.services["web"].persist = {"route", "own"};
  lab.apply();
  client.write(request);
  ASSERT_TRUE(world.run_until([&] { return !world.servers.empty() && world.servers[0].peer->received() == request; }));
  EXPECT_TRUE(client.uses_stamps());
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  world.servers[0].peer->write(answer);
  EXPECT_TRUE(world.run_until([&] { return client.received() == answer; }));
  client.write("GET / HTTP/1.1\r\nHost: web.example\r\nCookie: SERVER=x.b2\r\n\r\n");
  world.run(500);
  EXPECT_FALSE(client.was_reset());
}

struct Taken {
  std::uint16_t learnt, taken;
};
class Sizes : public testing::TestWithParam<Taken> {};

/// Segments larger than the backend's are never sent to it: TcpPeer sees to that.
TEST_P(Sizes, are_what_the_backend_takes) {
  Lab lab(reading_cookies(reading_model()));
  DelayWorld world(lab);
  plan::Accepts accepts = accepts_all;
  accepts.mss = GetParam().learnt;
  learn(lab, accepts);
  world.backends[""].tcp = {.mss = GetParam().taken, .stamps = true};
  TcpPeer& client = world.client("10.0.0.1:1000", "192.0.2.10:80", stamping);
  const std::string text = request + std::string(20'000, 'x');
  client.write(text);
  EXPECT_TRUE(world.run_until([&] { return !world.servers.empty() && world.servers[0].peer->received() == text; }));
  EXPECT_EQ(lab.count(Counter::option_mismatch), 0u);
  EXPECT_EQ(client.peer_mss(), GetParam().learnt != 0 ? GetParam().learnt : 1400u);
}
INSTANTIATE_TEST_SUITE_P(Offers, Sizes,
                         testing::Values(Taken{1440, 1440}, Taken{1300, 1300}, Taken{0, 1400}, Taken{1200, 1460}));

TEST(Offers, promise_only_what_all_accept) {
  Lab lab(reading_cookies(reading_model()));
  DelayWorld world(lab);
  world.backends[""].tcp = {.scale = -1, .sack = false};
  learn(lab, {1400, 0, Known::no, Known::no, Known::no});
  TcpPeer& client = world.client("10.0.0.1:1000", "192.0.2.10:80", stamping);
  client.write(request);
  ASSERT_TRUE(world.run_until([&] { return !world.servers.empty() && world.servers[0].peer->received() == request; }));
  const splice::Offer answered = splice::read_offer(world.syn_ack().bytes.data(), world.syn_ack().parsed);
  EXPECT_EQ(answered, (splice::Offer{1400, splice::Offer::no_scale, false}));
  const splice::Offer asked =
      splice::read_offer(world.first_to_backends().bytes.data(), world.first_to_backends().parsed);
  EXPECT_EQ(asked, (splice::Offer{1400, splice::Offer::no_scale, false})) << "the backend is offered what was agreed";
}

/// A SYN that comes once more while its connection lives is answered with another number than the connection's.
TEST(Offers, give_each_connection_of_a_client_a_mark) {
  Lab lab(syn_proxy_model());
  DelayWorld world(lab);
  TcpPeer& client = world.client("10.0.0.1:1000");
  client.write("hello");
  ASSERT_TRUE(world.run_until([&] { return !world.servers.empty() && world.servers[0].peer->received() == "hello"; }));
  const Out first = world.syn_ack();
  const std::uint32_t own = net::tcp_sequence(first.bytes.data(), first.parsed);
  const auto again = lab.send_one(front_port, PacketBuilder()
                                                  .ethernet(gateway_mac, front_mac)
                                                  .ip("10.0.0.1", "192.0.2.10")
                                                  .tcp(1000, 80, flags::syn, {2, 4, 5, 0xb4, 1, 1, 4, 2, 1, 3, 3, 7})
                                                  .numbers(client.first(), 0, 65535)
                                                  .build());
  ASSERT_TRUE(again);
  EXPECT_NE(splice::Entry::mark_of(net::tcp_sequence(again->bytes.data(), again->parsed)), splice::Entry::mark_of(own));
}

}  // namespace
}  // namespace limpet::path
