// Delayed binding: Limpet completes the client's handshake, looks at what the client says, and joins it with a backend.
#include "delay_world.hpp"

namespace limpet::path {
namespace {

std::string request(std::string_view header) {
  return fmt::format("GET / HTTP/1.1\r\nHost: web.example\r\n{}\r\n\r\n", header);
}

/// A whole exchange; the backend's name.
std::string exchange(Lab& lab, DelayWorld& world, std::string_view client, const std::string& text,
                     std::string_view vip = "192.0.2.10:80") {
  const std::size_t before = world.servers.size();
  TcpPeer& peer = world.client(client, vip);
  peer.write(text);
  EXPECT_TRUE(
      world.run_until([&] { return world.servers.size() > before && world.servers.back().peer->received() == text; }));
  if (world.servers.size() != before + 1) {
    return "";
  }
  auto& server = *world.servers.back().peer;
  server.write("answer");
  server.close();
  EXPECT_TRUE(world.run_until([&] { return peer.received() == "answer" && peer.heard_all(); }));
  peer.close();
  EXPECT_TRUE(world.run_until([&] { return server.finished(); }));
  EXPECT_EQ(lab.node->state(0).awaited.count(), 0u);
  return world.servers.back().name;
}

TEST(Delay, keeps_nothing_for_a_syn) {
  Lab lab(syn_proxy_model());
  Talk talk(lab, "10.0.0.1", 1000);
  for (int i = 0; i < 100; ++i) {
    const auto out = lab.send_one(front_port, talk.packet(flags::syn, ""));
    ASSERT_TRUE(out);
    EXPECT_EQ(out->port, front_port);
    EXPECT_EQ(out->parsed.tcp_flags, flags::syn_ack);
  }
  EXPECT_EQ(lab.count(Counter::syn_cookies), 100u);
  EXPECT_EQ(lab.node->state(0).flows.stats().embryonic, 0u);
  EXPECT_EQ(lab.node->state(0).spliced.used(), 0u);
  EXPECT_EQ(lab.node->records().stats().provisional, 0u);
}

TEST(Delay, believes_no_invented_acknowledgment) {
  Lab lab(syn_proxy_model());
  Talk talk(lab, "10.0.0.1", 1000);
  const auto out = lab.send_one(front_port, talk.packet(flags::ack, ""));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->parsed.tcp_flags, flags::rst) << "there is no such connection";
  EXPECT_TRUE(lab.send(front_port, talk.packet(flags::rst, "")).empty());
  EXPECT_EQ(lab.count(Counter::drop_no_syn_cookie), 1u);
  EXPECT_EQ(lab.node->state(0).spliced.used(), 0u);
}

TEST(Delay, does_not_reset_what_came_early) {
  Lab lab(syn_proxy_model());
  Talk talk(lab, "10.0.0.1", 1000);
  const auto answer = lab.send_one(front_port, talk.packet(flags::syn, ""));
  ASSERT_TRUE(answer);
  const std::uint32_t own = net::tcp_sequence(answer->bytes.data(), answer->parsed);
  const auto later = [&](std::string_view payload) {
    return PacketBuilder()
        .ethernet(gateway_mac, front_mac)
        .ip("10.0.0.1", "192.0.2.10")
        .tcp(1000, 80, flags::ack)
        .numbers(5000, own + 1)
        .payload(payload)
        .build();
  };
  EXPECT_TRUE(lab.send(front_port, later("data")).empty());
  EXPECT_TRUE(lab.send(front_port, later("")).empty());
  EXPECT_EQ(lab.node->state(0).spliced.used(), 0u);
}

TEST(Delay, another_node_takes_over_what_one_has_begun) {
  constexpr std::int64_t begin_s = 1'767'225'600;
  const auto node = [](Millis up_ms, std::int64_t wall_s) {
    return Lab::Setup{.model = reading_model(),
                      .start_ms = up_ms,
                      .unix_at_zero_s = wall_s - static_cast<std::int64_t>(up_ms / 1000)};
  };
  Lab one(node(1'000'000, begin_s));
  const auto said = [](std::uint8_t tcp_flags, std::uint32_t sequence, std::uint32_t acknowledgment,
                       std::string_view payload) {
    return PacketBuilder()
        .ethernet(gateway_mac, front_mac)
        .ip("10.0.0.1", "192.0.2.10")
        .tcp(1000, 80, tcp_flags)
        .numbers(sequence, acknowledgment)
        .payload(payload)
        .build();
  };
  const auto answer = one.send_one(front_port, said(flags::syn, 4999, 0, ""));
  ASSERT_TRUE(answer);
  const std::uint32_t own = net::tcp_sequence(answer->bytes.data(), answer->parsed);
  const auto data = said(flags::ack, 5000, own + 1, request("Cookie: SERVER=x.b2"));
  for (const std::int64_t ahead_s : {-7, 0, 7}) {
    Lab other(node(777'000'000, begin_s + ahead_s));
    const auto out = other.send_one(front_port, data);
    ASSERT_TRUE(out);
    EXPECT_EQ(out->destination().text(), "198.51.100.12:8080");
    EXPECT_EQ(out->parsed.tcp_flags, flags::syn);
    EXPECT_EQ(net::tcp_sequence(out->bytes.data(), out->parsed), 4999u);
  }
  Lab wrong(node(777'000'000, begin_s + 3600));
  EXPECT_EQ(wrong.send_one(front_port, data)->parsed.tcp_flags, flags::rst) << "its clock is an hour ahead";
}

class DelayFamilies : public testing::TestWithParam<const char*> {};

TEST_P(DelayFamilies, passes_a_handshake_on) {
  Lab lab(syn_proxy_model());
  DelayWorld world(lab);
  const bool v4 = GetParam()[0] != '[';
  const std::string at = exchange(lab, world, v4 ? "10.0.0.1:1000" : "[2001:db8:c::1]:1000", get_request, GetParam());
  EXPECT_FALSE(at.empty());
  EXPECT_EQ(lab.count(Counter::delayed_opened), 1u);
  EXPECT_EQ(lab.count(Counter::delayed_spliced), 1u);
  EXPECT_EQ(exchange(lab, world, v4 ? "10.0.0.1:1001" : "[2001:db8:c::1]:1001", get_request, GetParam()), at)
      << "the client's record";
}
INSTANTIATE_TEST_SUITE_P(Both, DelayFamilies, testing::Values("192.0.2.10:80", "[2001:db8:1::10]:80"),
                         [](const auto& row) { return row.param[0] == '[' ? "v6" : "v4"; });

TEST(Delay, lets_a_server_speak_first) {
  Lab lab(syn_proxy_model());
  DelayWorld world(lab);
  TcpPeer& client = world.client("10.0.0.1:1000");
  ASSERT_TRUE(world.run_until([&] { return !world.servers.empty() && world.servers[0].peer->established(); }));
  world.servers[0].peer->write("220 hello");
  EXPECT_TRUE(world.run_until([&] { return client.received() == "220 hello"; }));
}

TEST(Delay, follows_a_cookie_that_names_the_backend) {
  Lab lab(reading_model());
  DelayWorld world(lab);
  for (const char* name : {"b3", "b1", "b4", "b2", "b3"}) {
    static std::uint16_t port = 1000;
    EXPECT_EQ(exchange(lab, world, fmt::format("10.0.0.1:{}", ++port),
                       request(fmt::format("Cookie: a=b; SERVER=xyz.{}", name))),
              name);
  }
  EXPECT_EQ(lab.count(Counter::token_hit), 5u);
  EXPECT_EQ(lab.node->records().stats().live, 0u) << "nothing to remember";
}

TEST(Delay, remembers_who_a_header_names) {
  Lab lab(reading_model());
  DelayWorld world(lab);
  std::map<std::string, std::string> at;
  for (unsigned i = 0; i < 40; ++i) {
    const std::string user = fmt::format("user{}", i % 8);
    const std::string where =
        exchange(lab, world, fmt::format("10.0.{}.1:1000", i), request(fmt::format("X-User: {}", user)));
    EXPECT_EQ(at.emplace(user, where).first->second, where) << "whatever address they come from";
  }
  std::set<std::string> used;
  for (const auto& [user, where] : at) {
    used.insert(where);
  }
  EXPECT_GT(used.size(), 1u);
  EXPECT_EQ(lab.node->records().stats().live, 8u);
}

TEST(Delay, waits_for_the_rest_of_a_head) {
  Lab lab(reading_model());
  DelayWorld world(lab);
  TcpPeer& client = world.client("10.0.0.1:1000", "192.0.2.10:80", {.segment_bytes = 16});
  const std::string text = request("Cookie: SERVER=x.b2");
  client.write(text);
  ASSERT_TRUE(world.run_until([&] { return !world.servers.empty() && world.servers[0].peer->received() == text; }));
  EXPECT_EQ(world.servers[0].name, "b2");
}

TEST(Delay, waits_for_who_lost_a_syn_and_a_segment) {
  Lab lab(reading_model());
  DelayWorld world(lab);
  for (const char* const backend : {"b1", "b2", "b3"}) {
    TcpPeer& client = world.client(fmt::format("10.0.0.1:{}", 1000 + world.servers.size()));
    world.run(3200);  // RFC 6298, section 5.7
    client.write(request(fmt::format("Cookie: SERVER=x.{}", backend)));
    const std::size_t servers = world.servers.size();
    ASSERT_TRUE(world.run_until([&] { return world.servers.size() > servers; }));
    EXPECT_EQ(world.servers.back().name, backend);
  }
}

TEST(Delay, does_not_wait_for_ever) {
  Lab lab(reading_model());
  DelayWorld world(lab);
  TcpPeer& client = world.client("10.0.0.1:1000");
  client.write("GET / HTT");
  const Millis begin = world.now();
  ASSERT_TRUE(
      world.run_until([&] { return !world.servers.empty() && world.servers[0].peer->received() == "GET / HTT"; }));
  EXPECT_GE(world.now() - begin, 5000u);
  TcpPeer& silent = world.client("10.0.0.1:1001");
  ASSERT_TRUE(world.run_until([&] { return world.servers.size() == 2 && silent.established(); }));
}

TEST(Delay, goes_on_at_once_where_nothing_will_be_found) {
  Lab lab(reading_model());
  DelayWorld world(lab);
  TcpPeer& client = world.client("10.0.0.1:1000");
  client.write("\x16\x03\x01 this is no HTTP");
  const Millis begin = world.now();
  ASSERT_TRUE(world.run_until([&] { return !world.servers.empty() && !world.servers[0].peer->received().empty(); }));
  EXPECT_LT(world.now() - begin, 100u);
}

TEST(Delay, asks_the_next_backend_when_one_refuses) {
  for (const bool silent : {false, true}) {
    Lab lab(reading_model());
    DelayWorld world(lab);
    world.backends["b3"] = {.refuses = !silent, .is_silent = silent, .tcp = {}};
    const Millis begin = world.now();
    const std::string at = exchange(lab, world, "10.0.0.1:1000", request("Cookie: SERVER=x.b3"));
    EXPECT_LT(world.now() - begin, silent ? 5000u : 150u);
    EXPECT_FALSE(at.empty());
    EXPECT_NE(at, "b3");
    EXPECT_EQ(lab.count(Counter::delayed_redispatched), 1u);
    EXPECT_EQ(lab.moved_in_all(), 0u) << "there was no session to move";
  }
}

TEST(Delay, moves_a_record_whose_backend_refuses) {
  Lab lab(reading_model());
  DelayWorld world(lab);
  const std::string first = exchange(lab, world, "10.0.0.1:1000", request("X-User: me"));
  world.backends[first] = {.refuses = true, .tcp = {}};
  const std::string next = exchange(lab, world, "10.0.0.1:1001", request("X-User: me"));
  EXPECT_NE(next, first);
  EXPECT_EQ(lab.moved(Reason::backend_down), 1u);
  world.backends.erase(first);
  EXPECT_EQ(exchange(lab, world, "10.0.0.1:1002", request("X-User: me")), next);
}

TEST(Delay, resets_the_client_when_all_refuse) {
  Lab lab(reading_model());
  DelayWorld world(lab);
  world.backends[""].refuses = true;
  TcpPeer& client = world.client("10.0.0.1:1000");
  client.write(request("X-User: me"));
  EXPECT_TRUE(world.run_until([&] { return client.was_reset(); }));
  EXPECT_EQ(lab.node->state(0).awaited.count(), 0u);
  EXPECT_EQ(lab.node->state(0).spliced.used(), 0u);
  EXPECT_EQ(lab.node->state(0).flows.stats().embryonic, 0u);
}

TEST(Delay, tries_three_backends_and_no_more) {
  model::Model model = reading_model();
  model.pools["web"] = pool(1, 9);
  Lab lab(model);
  DelayWorld world(lab);
  world.backends[""].refuses = true;
  TcpPeer& client = world.client("10.0.0.1:1000");
  client.write(request("X-User: me"));
  EXPECT_TRUE(world.run_until([&] { return client.was_reset(); }));
  EXPECT_EQ(lab.count(Counter::made), 3u);
  EXPECT_EQ(lab.node->state(0).awaited.count(), 0u);
  EXPECT_EQ(lab.node->state(0).flows.stats().embryonic, 0u);
}

TEST(Delay, ends_with_its_service) {
  Lab lab(reading_model());
  DelayWorld world(lab);
  world.client("10.0.0.1:1000").write("GET ");
  world.run(100);
  ASSERT_EQ(lab.node->state(0).awaited.count(), 1u);
  lab.model.services.erase("web");
  lab.apply();
  world.run(6000);
  EXPECT_EQ(lab.node->state(0).awaited.count(), 0u);
  EXPECT_EQ(lab.node->state(0).spliced.used(), 0u);
}

class DelayFull : public testing::TestWithParam<bool> {};

/// Also when who has waited longest waits for a backend that does not answer.
TEST_P(DelayFull, has_room_for_who_says_something) {
  Lab lab(reading_model());
  DelayWorld world(lab);
  if (GetParam()) {
    world.backends["b3"].is_silent = true;
    world.client("10.0.0.2:1000").write(request("Cookie: SERVER=x.b3"));
    world.run(100);
  }
  for (unsigned i = 0; i < Limits{}.awaited_max + 1; ++i) {  // they say nothing
    world.client(fmt::format("10.1.{}.{}:1000", i / 250, i % 250 + 1));
  }
  world.run(100);
  EXPECT_GE(lab.node->state(0).awaited.count(), Limits{}.awaited_max - 8);
  const std::string text = request("Cookie: SERVER=x.b2");
  const Millis begin = world.now();
  world.client("10.0.0.1:1000").write(text);
  EXPECT_TRUE(world.run_until([&] {
    return std::any_of(world.servers.begin(), world.servers.end(),
                       [&](const auto& server) { return server.peer->received() == text && server.name == "b2"; });
  }));
  EXPECT_LT(world.now() - begin, 1000u) << "inspect_delay is five seconds";
}
INSTANTIATE_TEST_SUITE_P(Oldest, DelayFull, testing::Bool(),
                         [](const auto& row) { return row.param ? "connects" : "hears"; });

TEST(Delay, keeps_an_end_that_comes_by_itself) {
  Lab lab(reading_model());
  DelayWorld world(lab, {.back_ms = 30});
  TcpPeer& client = world.client("10.0.0.1:1000");
  const std::string text = request("Cookie: SERVER=x.b2");
  client.write(text);
  ASSERT_TRUE(world.run_until([&] { return lab.count(Counter::delayed_held) == 2; }));
  client.close();
  ASSERT_TRUE(world.run_until([&] { return lab.count(Counter::delayed_held) == 3; })) << "before the backend answers";
  ASSERT_TRUE(world.run_until([&] { return !world.servers.empty() && world.servers[0].peer->heard_all(); }, 150))
      << "the client would send it again after 200 ms";
  EXPECT_EQ(world.servers[0].peer->received(), text);
  EXPECT_EQ(lab.count(Counter::drop_held_again), 0u);
}

TEST(Delay, ends_with_a_client_that_gives_up) {
  Lab lab(reading_model());
  DelayWorld world(lab);
  TcpPeer& client = world.client("10.0.0.1:1000");
  client.write("GET ");
  world.run(100);
  ASSERT_EQ(lab.node->state(0).awaited.count(), 1u);
  client.abort();
  world.run(300);
  EXPECT_EQ(lab.node->state(0).awaited.count(), 0u);
  EXPECT_EQ(lab.node->state(0).spliced.used(), 0u);
}

TEST(Delay, takes_a_port_again) {
  Lab lab(reading_model());
  DelayWorld world(lab);
  EXPECT_EQ(exchange(lab, world, "10.0.0.1:1000", request("Cookie: SERVER=x.b1")), "b1");
  EXPECT_EQ(lab.node->state(0).spliced.used(), 1u);
  EXPECT_EQ(exchange(lab, world, "10.0.0.1:1000", request("Cookie: SERVER=x.b4")), "b4");
  for (int second = 0; second < 40; ++second) {
    lab.wait_ms(1000);
  }
  EXPECT_EQ(lab.node->state(0).spliced.used(), 0u) << "it goes with its flow";
}

/// A client that has lost its connection without a word, and opens another one from the same port.
TEST(Delay, lets_a_client_begin_anew) {
  Lab lab(reading_model());
  DelayWorld world(lab);
  TcpPeer& before = world.client("10.0.0.1:1000");
  before.write(request("Cookie: SERVER=x.b1"));
  ASSERT_TRUE(world.run_until([&] { return !world.servers.empty() && !world.servers[0].peer->received().empty(); }));
  TcpPeer* last = &before;
  for (const char* name : {"b2", "b1"}) {
    const std::string text = request(fmt::format("Cookie: SERVER=x.{}", name));
    const std::size_t servers = world.servers.size();
    last->vanish();
    TcpPeer& after = world.client("10.0.0.1:1000");
    after.write(text);
    ASSERT_TRUE(world.run_until([&] { return world.servers.size() > servers; }, 10'000)) << name;
    EXPECT_EQ(world.servers.back().name, name);
    ASSERT_TRUE(world.run_until([&] { return world.servers.back().peer->received() == text; }));
    world.servers.back().peer->write("answer");
    EXPECT_TRUE(world.run_until([&] { return after.received() == "answer"; }));
    last = &after;
  }
  EXPECT_EQ(lab.count(Counter::delayed_redispatched), 0u) << "b1, which still has the first one, is told of its end";
}

TEST(Delay, is_bounded) {
  Lab lab(reading_model());
  DelayWorld world(lab);
  TcpPeer& client = world.client("10.0.0.1:1000", "192.0.2.10:80", {.segment_bytes = 8});
  client.write("GET /" + std::string(60'000, 'x'));
  world.run(500);
  EXPECT_LE(lab.node->state(0).awaited.held(), AwaitedConnections::held_of_one_max);
  EXPECT_GT(lab.count(Counter::drop_held_full), 0u);
  ASSERT_TRUE(world.run_until(
      [&] { return !world.servers.empty() && world.servers[0].peer->received().size() == 60'005; }, 120'000))
      << "nothing is lost by it";
}

TEST(Delay, stays_with_what_it_was_opened_by) {
  Lab lab(syn_proxy_model());
  DelayWorld world(lab);
  TcpPeer& before = world.client("10.0.0.1:1000");
  before.write("one");
  ASSERT_TRUE(world.run_until([&] { return !world.servers.empty() && world.servers[0].peer->received() == "one"; }));
  lab.model.services["web"].syn_proxy = false;
  lab.apply();
  before.write(" two");
  world.servers[0].peer->write("answer");
  EXPECT_TRUE(
      world.run_until([&] { return world.servers[0].peer->received() == "one two" && before.received() == "answer"; }));
  TcpPeer& after = world.client("10.0.0.1:1001");
  after.write("three");
  ASSERT_TRUE(
      world.run_until([&] { return world.servers.size() == 2 && world.servers[1].peer->received() == "three"; }));
  lab.model.services["web"].syn_proxy = true;
  lab.apply();
  after.write(" four");
  EXPECT_TRUE(world.run_until([&] { return world.servers[1].peer->received() == "three four"; }));
  EXPECT_EQ(lab.count(Counter::delayed_opened), 1u);
}

TEST(Delay, asks_the_next_backend_when_one_cannot_be_reached) {
  Lab lab(reading_model());
  Talk talk(lab, "10.0.0.1", 1000);
  DelayWorld world(lab);
  world.backends["b3"].is_silent = true;
  TcpPeer& client = world.client("10.0.0.1:1000");
  client.write(request("Cookie: SERVER=x.b3"));
  const Out syn = world.first_to_backends();
  ASSERT_EQ(name_at(syn.destination().text()), "b3");
  const auto quoted = [&](std::uint32_t by) {
    Bytes bytes = syn.bytes;
    const std::size_t at = syn.parsed.l4_offset + net::tcp::sequence;
    store_be<std::uint32_t>(&bytes[at], load_be<std::uint32_t>(&bytes[at]) + by);
    bytes.erase(bytes.begin(), bytes.begin() + syn.parsed.l3_offset);
    return PacketBuilder()
        .ethernet(backend_mac(1), back_mac)
        .ip("198.51.100.13", "10.0.0.1")
        .icmp(net::icmp::unreachable, 1, {0, 0, 0, 0})
        .payload(bytes)
        .build();
  };
  EXPECT_TRUE(lab.send(back_port, quoted(1)).empty()) << "not about this SYN";
  EXPECT_EQ(lab.count(Counter::delayed_redispatched), 0u);
  const auto outs = lab.send(back_port, quoted(0));
  ASSERT_EQ(outs.size(), 1u);
  EXPECT_EQ(outs[0].parsed.tcp_flags, flags::syn);
  EXPECT_NE(name_at(outs[0].destination().text()), "b3");
  EXPECT_EQ(lab.count(Counter::delayed_redispatched), 1u);
}

TEST(Delay, numbers_what_icmp_errors_quote) {
  Lab lab(reading_model());
  DelayWorld world(lab);
  TcpPeer& client = world.client("10.0.0.1:1000");
  client.write(request("Cookie: SERVER=x.b1"));
  ASSERT_TRUE(world.run_until([&] { return !world.servers.empty() && !world.servers[0].peer->received().empty(); }));
  world.servers[0].peer->write("answer");
  ASSERT_TRUE(world.run_until([&] { return client.received() == "answer"; }));
  const Out data = world.last_to_clients();
  Bytes quoted = data.bytes;
  quoted.erase(quoted.begin(), quoted.begin() + data.parsed.l3_offset);
  const auto error =
      lab.send_one(back_port == data.port ? back_port : front_port, PacketBuilder()
                                                                        .ethernet(gateway_mac, front_mac)
                                                                        .ip("10.0.0.99", "192.0.2.10")
                                                                        .icmp(net::icmp::unreachable, 4, {0, 0, 5, 0})
                                                                        .payload(quoted)
                                                                        .build());
  ASSERT_TRUE(error);
  EXPECT_EQ(error->port, back_port);
  const std::size_t inner = error->parsed.l4_offset + net::icmp::size + net::ipv4::size;
  const std::uint32_t number = load_be<std::uint32_t>(&error->bytes[inner + net::tcp::sequence]);
  EXPECT_EQ(number, world.servers[0].peer->first() + 1) << "the backend's own, as of what it has sent";
}

TEST(Delay, keeps_promises_that_a_backend_does_not) {
  Lab lab(reading_model());
  DelayWorld world(lab);
  world.backends["b1"].tcp = {.scale = -1, .sack = false, .window_bytes = 30'000};
  world.backends["b2"].tcp = {.scale = 2, .window_bytes = 200'000};
  world.backends["b3"].tcp = {.scale = 14, .window_bytes = 1'000'000};
  unsigned port = 1000;
  for (const char* name : {"b1", "b2", "b3"}) {
    for (const int scale : {-1, 0, 3, 14}) {
      TcpPeer& client = world.client(fmt::format("10.0.0.1:{}", ++port), "192.0.2.10:80",
                                     {.scale = scale, .sack = scale != 0, .window_bytes = 50'000});
      const std::string text = request(fmt::format("Cookie: SERVER=x.{}", name)) + std::string(80'000, 'u');
      client.write(text);
      const std::size_t before = world.servers.size();
      ASSERT_TRUE(world.run_until([&] {
        return world.servers.size() > before && world.servers.back().peer->received() == text;
      })) << name
          << " " << scale;
      const std::string answer(80'000, 'd');
      world.servers.back().peer->write(answer);
      ASSERT_TRUE(world.run_until([&] { return client.received() == answer; })) << name << " " << scale;
    }
  }
}

TEST(Delay, forgets_a_syn_that_nobody_stands_by) {
  Lab lab(syn_proxy_model());
  DelayWorld world(lab);
  TcpPeer& client = world.client("10.0.0.1:1000");
  client.write("hello");
  ASSERT_TRUE(world.run_until([&] { return !world.servers.empty() && world.servers[0].peer->received() == "hello"; }));
  const auto asked_anew = [&] {
    bool any = false;
    lab.node->state(0).spliced.sweep(lab.node->state(0).spliced.bucket_count(),
                                     [&](const splice::Entry& entry) { any = any || entry.asked_anew; });
    return any;
  };
  EXPECT_FALSE(asked_anew());
  ASSERT_EQ(lab.send(front_port, Talk(lab, "10.0.0.1", 1000).packet(flags::syn, "")).size(), 1u);
  EXPECT_TRUE(asked_anew());
  const std::string text(500'000, 'x');
  client.write(text);
  ASSERT_TRUE(world.run_until([&] { return world.servers[0].peer->received().size() == text.size() + 5; }));
  EXPECT_FALSE(asked_anew()) << "the connection has gone on, which no other client's would";
  EXPECT_FALSE(client.was_reset());
}

}  // namespace
}  // namespace limpet::path
