// Sessions of TLS 1.2 that go on where they began: ids learnt from ServerHellos, and no others.
#include "delay_world.hpp"
#include "path/reply.hpp"
#include "support/tls_words.hpp"

namespace limpet::path {
namespace {

namespace tls = limpet::test::tls;

/// Sessions by id, else by the client's address.
model::Model session_model() {
  model::Model model = base_model();
  model.profiles["session"] = {.type = model::ProfileType::tls_session_id};
  model.services["web"].persist = {"session", "client"};
  return model;
}

std::string id_of(unsigned number) {
  return fmt::format("{:032}", number);
}
std::string client_hello(const std::string& id) {
  return tls::client_hello(tls::extension(0, ""), id);
}
/// What follows it in the same flight, too.
std::string server_hello(const std::string& id, const std::string& extensions = tls::extension(0, "")) {
  return tls::server_hello(extensions, id) + tls::record('\x0b' + tls::vector_of(3, std::string(3000, 'c')));
}

/// One connection, up to the server's first flight.
struct Handshake {
  Handshake(DelayWorld& in, std::string_view own, const std::string& asked, const std::string& answered,
            std::size_t cut = 0, std::string_view vip = "192.0.2.10:80")
      : client(in.client(own, vip, {.mss = 1400})) {
    const std::size_t before = in.servers.size();
    client.write(asked);
    EXPECT_TRUE(
        in.run_until([&] { return in.servers.size() > before && in.servers.back().peer->received() == asked; }));
    name = in.servers.back().name;
    TcpPeer& server = *in.servers.back().peer;
    if (cut != 0) {
      server.write(answered.substr(0, cut));
      in.run(50);
    }
    server.write(answered.substr(cut));
    EXPECT_TRUE(in.run_until([&] { return client.received() == answered; }));
    in.run(50);
  }
  TcpPeer& client;
  std::string name;
};

std::uint64_t count(const Lab& lab, ProfileCounter counter) {
  return lab.count("session", counter);
}

TEST(TlsSessions, return_from_other_addresses) {
  Lab lab(session_model());
  DelayWorld world(lab);
  std::set<std::string> used;
  for (unsigned i = 0; i < 8; ++i) {
    const Handshake first(world, fmt::format("10.0.0.{}:1000", i + 1), client_hello(""), server_hello(id_of(i)));
    used.insert(first.name);
    for (const unsigned other : {1u, 2u, 3u}) {
      const Handshake next(world, fmt::format("10.0.{}.{}:1000", other, i + 1), client_hello(id_of(i)),
                           server_hello(id_of(i)));
      EXPECT_EQ(next.name, first.name);
    }
  }
  EXPECT_GT(used.size(), 1u);
  EXPECT_EQ(count(lab, ProfileCounter::learned), 8u);
  EXPECT_EQ(count(lab, ProfileCounter::record_hit), 24u);
  EXPECT_EQ(count(lab, ProfileCounter::backup), 8u);
  EXPECT_EQ(count(lab, ProfileCounter::chosen), 0u);
  EXPECT_EQ(lab.count(Counter::record_learned), 8u);
  EXPECT_EQ(lab.node->state(0).replies.used(), 0u);
}

TEST(TlsSessions, of_both_families_are_the_same) {
  Lab lab(session_model());
  DelayWorld world(lab);
  const Handshake first(world, "[2001:db8:c::7]:1000", client_hello(""), server_hello("one"), 0, "[2001:db8:1::10]:80");
  const Handshake next(world, "10.0.0.1:1000", client_hello("one"), server_hello("one"));
  EXPECT_EQ(next.name, first.name);
  EXPECT_EQ(count(lab, ProfileCounter::record_hit), 1u);
}

TEST(TlsSessions, that_nobody_has_given_leave_no_trace) {
  Lab lab(session_model());
  DelayWorld world(lab);
  std::string at;
  for (unsigned i = 0; i < 8; ++i) {
    const Handshake one(world, fmt::format("10.0.0.1:{}", 1000 + i), client_hello(id_of(i)),
                        server_hello(id_of(i), tls::extension(51, "key") + tls::selects_tls13));
    at = at.empty() ? one.name : at;
    EXPECT_EQ(one.name, at) << "the next profile decides";
  }
  EXPECT_EQ(count(lab, ProfileCounter::backup), 8u);
  EXPECT_EQ(count(lab, ProfileCounter::learned), 0u);
  EXPECT_EQ(lab.node->records().stats().live, 1u) << "that of the client's address";
}

TEST(TlsSessions, without_another_profile_leave_no_trace) {
  model::Model model = session_model();
  model.services["web"].persist = {"session"};
  Lab lab(model);
  DelayWorld world(lab);
  for (unsigned i = 0; i < 4; ++i) {
    const Handshake one(world, fmt::format("10.0.0.1:{}", 1000 + i), client_hello(id_of(i)), server_hello(""));
  }
  EXPECT_EQ(lab.node->records().stats().live, 0u);
}

TEST(TlsSessions, are_over_with_their_records) {
  Lab lab(session_model());
  lab.model.profiles["session"].idle_timeout_ms = 60'000;
  lab.model.profiles["client"].idle_timeout_ms = 3600'000;
  lab.apply();
  DelayWorld world(lab);
  const Handshake first(world, "10.0.0.1:1000", client_hello(""), server_hello("one"));
  lab.wait_ms(62'000);
  const Handshake next(world, "10.0.0.1:1001", client_hello("one"), server_hello("two"));
  EXPECT_EQ(count(lab, ProfileCounter::record_hit), 0u);
  EXPECT_EQ(count(lab, ProfileCounter::backup), 2u);
  EXPECT_EQ(next.name, first.name) << "by the address";
}

TEST(TlsSessions, go_to_who_gave_the_id_last) {
  Lab lab(session_model());
  DelayWorld world(lab);
  const Handshake first(world, "10.0.0.1:1000", client_hello(""), server_hello("one"));
  world.backends[first.name].refuses = true;
  const Handshake moved(world, "10.0.0.2:1000", client_hello("one"), server_hello("two"));
  EXPECT_NE(moved.name, first.name);
  world.backends[first.name].refuses = false;
  EXPECT_EQ(Handshake(world, "10.0.0.3:1000", client_hello("two"), server_hello("two")).name, moved.name);
  EXPECT_EQ(count(lab, ProfileCounter::learned), 2u);
}

TEST(TlsSessions, are_learnt_of_what_a_server_says_first) {
  Lab lab(session_model());
  DelayWorld world(lab);
  const std::string hello = server_hello("one");
  unsigned port = 1000;
  for (const std::string& answer :
       {std::string("\x15\x03\x03\0\2\1\x70", 7) + hello, "HTTP/1.1 200 OK\r\n\r\n" + hello, "220 hello\r\n" + hello,
        hello.substr(0, 9) + '\2' + hello.substr(10), server_hello(std::string(33, 'x')), server_hello("")}) {
    const Handshake one(world, fmt::format("10.0.0.1:{}", ++port), client_hello(""), answer);
  }
  EXPECT_EQ(count(lab, ProfileCounter::learned), 0u);
  EXPECT_EQ(lab.node->state(0).replies.used(), 0u);
}

TEST(TlsSessions, beside_cookies_are_learnt_too) {
  model::Model model = session_model();
  model.profiles["cookie"] = {.type = model::ProfileType::cookie, .name = "S"};
  model.services["web"].persist = {"cookie", "session", "client"};
  Lab lab(model);
  DelayWorld world(lab);
  const Handshake tls(world, "10.0.0.1:1000", client_hello(""), server_hello("one"));
  const Handshake http(world, "10.0.0.1:1001", get_request, "HTTP/1.1 200 OK\r\nSet-Cookie: S=x\r\n\r\n");
  EXPECT_EQ(count(lab, ProfileCounter::learned), 1u);
  EXPECT_EQ(lab.count("cookie", ProfileCounter::learned), 1u);
  EXPECT_EQ(Handshake(world, "10.0.7.1:1000", client_hello("one"), server_hello("one")).name, tls.name);
  EXPECT_EQ(count(lab, ProfileCounter::record_hit), 1u);
}

TEST(TlsSessions, take_the_express_way_once_they_are_known) {
  Lab lab(session_model());
  DelayWorld world(lab);
  const Handshake one(world, "10.0.0.1:1000", client_hello(""), server_hello("one"));
  unsigned plain = 0, all = 0;
  lab.node->state(0).spliced.each([&](const splice::Entry& entry) {
    ++all;
    plain += entry.is_plain() ? 1u : 0u;
  });
  EXPECT_EQ(all, 1u);
  EXPECT_EQ(plain, 1u);
}

/// Each way that it may be cut in two segments.
class HelloCut : public testing::TestWithParam<std::size_t> {};

TEST_P(HelloCut, is_learnt_all_the_same) {
  Lab lab(session_model());
  DelayWorld world(lab);
  const std::string answer = server_hello(id_of(7));
  const Handshake first(world, "10.0.0.1:1000", client_hello(""), answer, GetParam());
  EXPECT_EQ(Handshake(world, "10.0.0.2:1000", client_hello(id_of(7)), answer).name, first.name);
  EXPECT_EQ(count(lab, ProfileCounter::learned), 1u);
  EXPECT_EQ(count(lab, ProfileCounter::record_hit), 1u);
}
INSTANTIATE_TEST_SUITE_P(Cuts, HelloCut, testing::Range(std::size_t{1}, std::size_t{90}));

}  // namespace
}  // namespace limpet::path
