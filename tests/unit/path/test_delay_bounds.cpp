// What one connection that waits may take from others: nothing. And what becomes of it when it has said too much, came
// out of order, begins anew, or belongs to a backend that is down.
#include "delay_world.hpp"

namespace limpet::path {
namespace {

std::string request(std::string_view header) {
  return fmt::format("GET / HTTP/1.1\r\nHost: web.example\r\n{}\r\n\r\n", header);
}

/// A client that sends just the segments it is told to.
class Raw {
 public:
  Raw(Lab& lab, std::string_view own, std::uint32_t first = 1000) : lab_(&lab), own_(endpoint(own)), first_(first) {
    const auto out = lab.send_one(front_port, segment(flags::syn, first, 0));
    EXPECT_TRUE(out && out->parsed.tcp_flags == flags::syn_ack);
    theirs_ = net::tcp_sequence(out->bytes.data(), out->parsed);
    say(0, "");
  }
  /// Bytes of what it says, from this one on; what leaves Limpet for it.
  std::vector<Out> say(std::uint32_t from, std::string_view text) {
    return lab_->send(front_port, segment(flags::ack, first_ + 1 + from, theirs_ + 1, text));
  }

 private:
  [[nodiscard]] Bytes segment(std::uint8_t tcp_flags, std::uint32_t sequence, std::uint32_t acknowledgment,
                              std::string_view text = "") const {
    const net::Endpoint vip = endpoint("192.0.2.10:80");
    PacketBuilder builder;
    builder.ethernet(gateway_mac, front_mac).ip(own_.address, vip.address).payload(text);
    return builder.tcp(own_.l4_port, vip.l4_port, tcp_flags).numbers(sequence, acknowledgment).build();
  }

  Lab* lab_;
  net::Endpoint own_;
  std::uint32_t first_, theirs_ = 0;
};

/// Where the first SYN among these goes, as "198.51.100.11:8080".
std::string asked(const std::vector<Out>& outs) {
  for (const Out& out : outs) {
    if (out.port == back_port && out.parsed.tcp_flags == flags::syn) {
      return out.destination().text();
    }
  }
  return "";
}

/// All that leaves within a time.
std::string asked_within(Lab& lab, Millis ms) {
  std::vector<Out> outs;
  for (Millis waited = 0; waited < ms; waited += 5) {
    lab.wait_ms(5);
    for (Out& out : lab.take()) {
      outs.push_back(std::move(out));
    }
  }
  return asked(outs);
}

constexpr const char* b2 = "198.51.100.12:8080";

TEST(DelayBounds, what_lies_outside_its_window_is_nobody_elses_loss) {
  Lab lab(reading_model());
  const std::string text = request("Cookie: SERVER=x.b2");
  Raw innocent(lab, "10.0.0.1:1000"), hostile(lab, "10.0.0.2:1000");
  EXPECT_EQ(asked(innocent.say(0, text.substr(0, 20))), "");
  for (std::uint32_t i = 0; i < 1000; ++i) {
    EXPECT_TRUE(hostile.say(20'000 + i, "").empty());
  }
  EXPECT_EQ(lab.count(Counter::drop_held_full), 1000u);
  EXPECT_EQ(asked_within(lab, 30), "") << "nobody's choice was hurried";
  EXPECT_EQ(asked(innocent.say(20, text.substr(20))), b2);
  EXPECT_EQ(lab.count("route", ProfileCounter::timed_out), 0u);
}

/// Segments that are too large to be put together, and too many to be held.
TEST(DelayBounds, who_says_too_much_in_pieces_is_decided_by_what_it_has_said) {
  Lab lab(reading_model());
  const std::string text = request("Cookie: SERVER=x.b2");
  Raw innocent(lab, "10.0.0.1:1000"), talker(lab, "10.0.0.2:1000");
  EXPECT_EQ(asked(innocent.say(0, text.substr(0, 20))), "");
  const std::string head = "GET /" + std::string(8000, 'x');
  std::string at;
  for (std::uint32_t i = 0; i < 18 && at.empty(); ++i) {
    at = asked(talker.say(i * 300, head.substr(i * 300, 300)));
    EXPECT_TRUE(at.empty() || i >= AwaitedConnections::held_of_one_max - 1);
  }
  EXPECT_NE(at, "") << "it need not wait for inspect_delay";
  EXPECT_EQ(lab.count("route", ProfileCounter::oversized), 1u);
  EXPECT_EQ(lab.count("route", ProfileCounter::timed_out), 0u);
  EXPECT_EQ(asked_within(lab, 30), "");
  EXPECT_EQ(asked(innocent.say(20, text.substr(20))), b2);
}

/// The first segment got lost: what fills the gap takes the place of what comes last.
TEST(DelayBounds, a_gap_is_filled_where_no_more_is_held) {
  Lab lab(reading_model());
  const std::string text = request("X-Long: " + std::string(6000, 'x') + "\r\nCookie: SERVER=x.b2");
  Raw client(lab, "10.0.0.1:1000");
  for (std::uint32_t i = 1; i <= AwaitedConnections::held_of_one_max + 2; ++i) {
    EXPECT_EQ(asked(client.say(i * 300, text.substr(i * 300, 300))), "") << i;
  }
  EXPECT_EQ(asked_within(lab, 30), "");
  EXPECT_EQ(asked(client.say(0, text.substr(0, 300))), "") << "the head is not whole yet";
  EXPECT_EQ(lab.count("route", ProfileCounter::oversized), 0u);
}

/// A client that lost its connection while it waited, and opens another one from the same port.
TEST(DelayBounds, a_connection_that_waits_gives_way_to_the_next_from_its_port) {
  Lab lab(reading_model());
  Raw before(lab, "10.0.0.1:1000");
  EXPECT_EQ(asked(before.say(0, "GET /")), "");
  ASSERT_EQ(lab.node->state(0).awaited.count(), 1u);
  Raw after(lab, "10.0.0.1:1000", 77'000);
  EXPECT_EQ(lab.node->state(0).awaited.count(), 1u);
  EXPECT_EQ(asked(after.say(0, request("Cookie: SERVER=x.b2"))), b2);
}

/// Its own SYN that comes late, by a detour, ends nothing.
TEST(DelayBounds, a_late_syn_ends_no_connection_that_waits) {
  Lab lab(reading_model());
  const std::string text = request("Cookie: SERVER=x.b2");
  Raw client(lab, "10.0.0.1:1000");
  EXPECT_EQ(asked(client.say(0, text.substr(0, 20))), "");
  Raw same(lab, "10.0.0.1:1000");
  EXPECT_EQ(asked(client.say(20, text.substr(20))), b2);
}

class DelayHold : public testing::Test {
 protected:
  static model::Model model() {
    model::Model model = reading_model();
    model.profiles["user"].on_down = model::OnDown::hold;
    model.services["web"].persist = {"user"};
    return model;
  }
  DelayHold() {
    open("10.0.0.1:1000");
    home = world.servers.at(0).name;
    lab.set_health("web/" + home, plan::Health::down);
  }
  TcpPeer& open(std::string_view own) {
    const std::size_t servers = world.servers.size();
    TcpPeer& client = world.client(own);
    client.write(request("X-User: me"));
    world.run_until([&] { return world.servers.size() > servers; }, 3000);
    return client;
  }
  Lab lab{model()};
  DelayWorld world{lab};
  std::string home;
};

TEST_F(DelayHold, waits_until_the_backend_is_up_again) {
  open("10.0.0.2:1000");
  ASSERT_EQ(world.servers.size(), 1u);
  EXPECT_EQ(lab.node->state(0).awaited.count(), 1u);
  lab.set_health("web/" + home, plan::Health::up);
  ASSERT_TRUE(world.run_until([&] { return world.servers.size() == 2; }, 1500));
  EXPECT_EQ(world.servers[1].name, home);
  EXPECT_TRUE(world.run_until([&] { return world.servers[1].peer->received() == request("X-User: me"); }));
  EXPECT_EQ(lab.moved_in_all(), 0u);
}

TEST_F(DelayHold, is_admitted_once) {
  lab.model.services["web"].limits.new_flows_per_s = 1;
  lab.model.services["web"].limits.burst = 6;
  lab.apply();
  for (unsigned i = 0; i < 4; ++i) {
    world.client(fmt::format("10.0.0.{}:1000", i + 2)).write(request("X-User: me"));
  }
  world.run(9000);
  EXPECT_EQ(lab.count(Counter::drop_limit_service), 0u);
  EXPECT_EQ(lab.node->state(0).awaited.count(), 4u);
  lab.set_health("web/" + home, plan::Health::up);
  EXPECT_TRUE(world.run_until([&] { return world.servers.size() == 5; }, 1500));
}

TEST_F(DelayHold, leaves_room_for_others) {
  const unsigned most = Limits{}.awaited_max / 2;
  for (unsigned i = 0; i < most + 10; ++i) {
    Raw one(lab, fmt::format("10.1.{}.{}:1000", i / 250, i % 250 + 1));
    one.say(0, request("X-User: me"));
    for (std::uint32_t at = 1000; at < 1010; at += 2) {
      one.say(at, "x");  // which it may not pile up
    }
  }
  EXPECT_LE(lab.node->state(0).awaited.count(), most);
  EXPECT_GE(lab.node->state(0).awaited.count(), most - 8);
  EXPECT_LE(lab.node->state(0).awaited.held(), most);
  EXPECT_GE(lab.count(Counter::resets), 10u);
  EXPECT_EQ(lab.count(Counter::drop_held_full), 0u);
}

TEST_F(DelayHold, is_bounded) {
  TcpPeer& client = open("10.0.0.2:1000");
  EXPECT_FALSE(client.was_reset());
  EXPECT_TRUE(world.run_until([&] { return client.was_reset(); }, 12'000));
  EXPECT_EQ(lab.node->state(0).awaited.count(), 0u);
  EXPECT_EQ(world.servers.size(), 1u) << "no other backend was asked";
  EXPECT_EQ(lab.count(Counter::resets), 1u);
  EXPECT_EQ(lab.moved_in_all(), 0u);
}

}  // namespace
}  // namespace limpet::path
