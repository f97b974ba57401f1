// Clients that say a word at a time and wait for each to be acknowledged: what they said is Limpet's to bring over.
#include "delay_world.hpp"

namespace limpet::path {
namespace {

const char* const text = "GET / HTTP/1.1\r\nHost: web.example\r\nCookie: SERVER=x.b2\r\n\r\n";

class Owned : public testing::Test {
 protected:
  explicit Owned(const DelayWorld::Weather& weather = {}) : world(lab, weather) {}

  TcpPeer& write_bytes(std::string_view own = "10.0.0.1:1000", std::string_view vip = "192.0.2.10:80") {
    TcpPeer& client = world.client(own, vip, {.writes_bytes = true});
    client.write(text);
    return client;
  }
  /// At a backend, not always the first that was tried.
  bool arrives() {
    return world.run_until([&] { return !world.servers.empty() && world.servers.back().peer->received() == text; });
  }
  [[nodiscard]] unsigned waiting() const { return lab.node->state(0).awaited.count(); }

  Lab lab{reading_model()};
  DelayWorld world;
};

TEST_F(Owned, obeys_a_cookie_that_comes_byte_by_byte) {
  for (const char* own : {"10.0.0.1:1000", "[2001:db8:c::1]:1000"}) {
    const bool v4 = own[0] != '[';
    world.servers.clear();
    const Millis begin = world.now();
    TcpPeer& client = write_bytes(own, v4 ? "192.0.2.10:80" : "[2001:db8:1::10]:80");
    ASSERT_TRUE(arrives());
    EXPECT_LT(world.now() - begin, 700u) << "it took as long to write";
    auto& server = *world.servers[0].peer;
    EXPECT_EQ(world.servers[0].name, "b2");
    server.write("answer");
    server.close();
    ASSERT_TRUE(world.run_until([&] { return client.received() == "answer" && client.heard_all(); }));
    client.close();
    ASSERT_TRUE(world.run_until([&] { return server.finished(); }));
    EXPECT_EQ(waiting(), 0u);
  }
  EXPECT_EQ(lab.count(Counter::token_hit), 2u);
  EXPECT_GT(lab.count(Counter::delayed_owned), 2u);
  EXPECT_EQ(lab.count(Counter::delayed_owned_again), 0u);
}

TEST_F(Owned, nothing_of_who_sends_full_segments) {
  TcpPeer& client = world.client("10.0.0.1:1000");
  const std::string long_head = "GET / HTTP/1.1\r\nX: " + std::string(8000, 'x') + "\r\nCookie: SERVER=x.b2\r\n\r\n";
  client.write(long_head);
  ASSERT_TRUE(
      world.run_until([&] { return !world.servers.empty() && world.servers[0].peer->received() == long_head; }));
  EXPECT_EQ(world.servers[0].name, "b2");
  EXPECT_EQ(lab.count(Counter::delayed_owned), 0u);
}

/// Nagle's algorithm switched off: as many packets as bytes, all under way at once.
TEST_F(Owned, puts_together_what_does_not_wait) {
  for (const char* own : {"10.0.0.1:1000", "[2001:db8:c::1]:1000"}) {
    for (const std::size_t segment_bytes : {1u, 2u, 3u}) {
      world.servers.clear();
      const std::string head =
          "GET / HTTP/1.1\r\nX: " + std::string(1500, 'x') + "\r\nCookie: SERVER=x.b2\r\n\r\n" + own;
      TcpPeer& client =
          world.client(own, own[0] != '[' ? "192.0.2.10:80" : "[2001:db8:1::10]:80", {.segment_bytes = segment_bytes});
      client.write(head);
      ASSERT_TRUE(
          world.run_until([&] { return !world.servers.empty() && world.servers[0].peer->received() == head; }, 2000));
      EXPECT_EQ(world.servers[0].name, "b2");
      client.abort();
      world.run(100);
      EXPECT_EQ(waiting(), 0u);
      EXPECT_EQ(lab.node->state(0).awaited.held(), 0u);
    }
  }
  EXPECT_EQ(lab.count(Counter::drop_held_full), 0u);
  EXPECT_EQ(lab.count(Counter::token_hit), 6u);
}

TEST_F(Owned, goes_to_the_next_backend_when_one_refuses) {
  world.backends["b2"].refuses = true;
  write_bytes();
  ASSERT_TRUE(arrives());
  EXPECT_NE(world.servers[0].name, "b2");
  EXPECT_EQ(lab.count(Counter::delayed_redispatched), 1u);
}

TEST_F(Owned, goes_by_another_profile_when_the_rest_does_not_come) {
  TcpPeer& client = world.client("10.0.0.1:1000", "192.0.2.10:80", {.writes_bytes = true});
  client.write("GET / HTTP/1.1\r\nHo");
  ASSERT_TRUE(world.run_until(
      [&] { return !world.servers.empty() && world.servers[0].peer->received() == "GET / HTTP/1.1\r\nHo"; }));
  world.run(300);
  EXPECT_EQ(waiting(), 0u);
  EXPECT_GT(lab.count(Counter::delayed_owned), 0u);
}

TEST_F(Owned, is_reset_with_a_backend_that_takes_nothing) {
  TcpPeer& client = write_bytes();
  ASSERT_TRUE(world.run_until([&] { return lab.count(Counter::delayed_spliced) == 1; }));
  world.servers[0].peer->vanish();
  ASSERT_TRUE(world.run_until([&] { return client.was_reset(); }));
  EXPECT_GE(lab.count(Counter::delayed_owned_again), 6u);
  EXPECT_EQ(waiting(), 0u);
  EXPECT_EQ(lab.node->state(0).awaited.held(), 0u);
}

TEST_F(Owned, ends_with_a_backend_that_resets) {
  TcpPeer& client = write_bytes();
  ASSERT_TRUE(world.run_until([&] { return lab.count(Counter::delayed_spliced) == 1; }));
  world.servers[0].peer->abort();
  world.run(300);
  EXPECT_TRUE(client.was_reset());
  EXPECT_EQ(waiting(), 0u);
}

TEST_F(Owned, ends_with_a_client_that_gives_up) {
  TcpPeer& client = world.client("10.0.0.1:1000", "192.0.2.10:80", {.writes_bytes = true});
  client.write("GET /");
  ASSERT_TRUE(world.run_until([&] { return lab.count(Counter::delayed_owned) > 1; }));
  client.abort();
  world.run(300);
  EXPECT_EQ(waiting(), 0u);
  EXPECT_EQ(lab.node->state(0).awaited.held(), 0u);
}

class OwnedInRain : public Owned {
 protected:
  OwnedInRain() : Owned({.loss_percent = 25, .twice_percent = 10, .late_percent = 20, .seed = 7}) {}
};

TEST_F(OwnedInRain, small_segments_arrive_whole) {
  for (unsigned i = 0; i < 20; ++i) {
    world.servers.clear();
    world.client(fmt::format("10.0.1.{}:1000", i + 1), "192.0.2.10:80", {.segment_bytes = 1 + i % 4}).write(text);
    ASSERT_TRUE(arrives());
  }
}

TEST_F(OwnedInRain, is_repeated_until_the_backend_has_it) {
  for (unsigned i = 0; i < 20; ++i) {
    world.servers.clear();
    write_bytes(fmt::format("10.0.0.{}:1000", i + 1));
    ASSERT_TRUE(arrives());
  }
  EXPECT_GT(lab.count(Counter::delayed_owned_again), 0u);
}

}  // namespace
}  // namespace limpet::path
