// What backends answer: learnt from, rewritten, or with a cookie put in.
#include "delay_world.hpp"
#include "extract/cookie_token.hpp"
#include "path/reply.hpp"

namespace limpet::path {
namespace {

constexpr std::size_t token_size = extract::cookie_token_bytes;

model::Model cookie_model(model::By by) {
  model::Model model = base_model();
  model.profiles["own"] = {.type = model::ProfileType::cookie, .name = "SRV", .by = by};
  model.services["web"].persist = {"own"};
  return model;
}

std::string request(std::string_view header = "") {
  return fmt::format("GET / HTTP/1.1\r\nHost: web.example\r\n{}\r\n", header);
}
std::string cookie(std::string_view value) {
  return fmt::format("Cookie: a=b; SRV={}\r\n", value);
}
std::string response(std::string_view header = "") {
  return fmt::format("HTTP/1.1 200 OK\r\n{}Content-Length: 4\r\n\r\nbody", header);
}

/// One connection: what it asked, at which backend, and what came.
struct Exchange {
  Exchange(DelayWorld& in, std::string_view own, TcpPeer::Options options = {})
      : world(in), client(in.client(own, "192.0.2.10:80", options)) {}

  TcpPeer& server() { return *world.servers.at(at).peer; }
  std::string name() { return world.servers.at(at).name; }

  /// Until a backend has it.
  Exchange& ask(const std::string& text) {
    const std::size_t before = world.servers.size();
    const std::size_t known = asked.size();
    asked += text;
    client.write(text);
    EXPECT_TRUE(world.run_until([&] {
      at = known == 0 ? world.servers.size() - 1 : at;
      return (known != 0 || world.servers.size() > before) && server().received() == asked;
    }));
    return *this;
  }
  /// What the client has got of this, when `size` more than was said has come.
  std::string answer(const std::string& text, std::size_t more = 0) {
    const std::size_t before = client.received().size();
    server().write(text);
    EXPECT_TRUE(world.run_until([&] { return client.received().size() == before + text.size() + more; }))
        << client.received();
    world.run(50);
    return client.received().substr(before);
  }
  void end() {
    server().close();
    client.close();
    EXPECT_TRUE(world.run_until([&] { return server().finished(); }));
  }

  DelayWorld& world;
  TcpPeer& client;
  std::string asked;
  std::size_t at = 0;
};

const std::string before_token = "HTTP/1.1 200 OK\r\nSet-Cookie: SRV=";
const std::string behind_token = "; Path=/; HttpOnly; SameSite=Lax\r\n";
const std::size_t line_size = before_token.size() - 17 + token_size + behind_token.size();

std::string inserted_token(const std::string& got) {
  EXPECT_TRUE(got.starts_with(before_token)) << got;
  EXPECT_EQ(got.substr(before_token.size() + token_size), behind_token + response().substr(17)) << got;
  return got.substr(before_token.size(), token_size);
}

TEST(Insert, names_the_backend_to_who_has_no_cookie) {
  Lab lab(cookie_model(model::By::insert));
  DelayWorld world(lab);
  for (unsigned i = 0; i < 8; ++i) {
    Exchange first(world, fmt::format("10.0.0.{}:1000", i + 1));
    const std::string token = inserted_token(first.ask(request()).answer(response(), line_size));
    EXPECT_EQ(first.ask(request(cookie(token))).answer(response()), response()) << "it has the cookie";
    first.end();
    Exchange next(world, fmt::format("10.0.1.{}:1000", i + 1));
    next.ask(request(cookie(token)));
    EXPECT_EQ(next.name(), first.name());
    EXPECT_EQ(next.answer(response()), response()) << "it has shown the cookie";
    next.end();
  }
  EXPECT_EQ(lab.count(Counter::cookies_inserted), 8u);
  EXPECT_EQ(lab.count(Counter::token_hit), 8u);
  EXPECT_EQ(lab.node->state(0).replies.used(), 0u);
}

TEST(Insert, takes_no_token_that_it_has_not_made) {
  Lab lab(cookie_model(model::By::insert));
  DelayWorld world(lab);
  Exchange one(world, "10.0.0.1:1000");
  inserted_token(one.ask(request(cookie(std::string(token_size, 'A')))).answer(response(), line_size));
  EXPECT_EQ(lab.count(Counter::token_hit), 0u);
}

TEST(Insert, waits_for_the_final_response) {
  Lab lab(cookie_model(model::By::insert));
  DelayWorld world(lab);
  Exchange one(world, "10.0.0.1:1000");
  const std::string interim = "HTTP/1.1 100 Continue\r\n\r\n";
  EXPECT_EQ(one.ask(request()).answer(interim), interim);
  inserted_token(one.ask("body").answer(response(), line_size));
  Exchange both(world, "10.0.0.2:1000");
  const std::string got = both.ask(request()).answer(interim + response(), line_size);
  inserted_token(got.substr(interim.size()));
}

TEST(Insert, leaves_what_is_no_http_alone) {
  Lab lab(cookie_model(model::By::insert));
  DelayWorld world(lab);
  Exchange one(world, "10.0.0.1:1000");
  EXPECT_EQ(one.ask(request()).answer("220 hello\r\n"), "220 hello\r\n");
  EXPECT_EQ(one.ask(request()).answer("HTTP/2 200\r\n"), "HTTP/2 200\r\n");
  EXPECT_EQ(lab.count(Counter::cookies_inserted), 0u);
  EXPECT_EQ(lab.node->state(0).replies.used(), 0u);
}

TEST(Insert, leaves_room_in_each_segment) {
  Lab lab(cookie_model(model::By::insert));
  DelayWorld world(lab);
  Exchange one(world, "10.0.0.1:1000", {.mss = 600});  // the peer checks what it gets
  const std::string body(5000, 'x');
  const std::string got = one.ask(request()).answer(response() + body, line_size);
  EXPECT_EQ(got.substr(got.size() - body.size()), body);
}

TEST(Insert, ends_tokens_of_old_and_backends_that_are_down) {
  model::Model model = cookie_model(model::By::insert);
  model.profiles["own"].max_life_ms = 60'000;
  Lab lab(model);
  DelayWorld world(lab);
  Exchange first(world, "10.0.0.1:1000");
  const std::string token = inserted_token(first.ask(request()).answer(response(), line_size));
  first.end();
  Exchange second(world, "10.0.0.2:1000");
  EXPECT_EQ(second.ask(request(cookie(token))).answer(response()), response());
  second.end();
  world.backends[first.name()].refuses = true;
  Exchange third(world, "10.0.0.3:1000");
  const std::string other = inserted_token(third.ask(request(cookie(token))).answer(response(), line_size));
  EXPECT_NE(third.name(), first.name());
  EXPECT_NE(other, token);
  third.end();
  lab.wait_ms(61'000);
  Exchange last(world, "10.0.0.4:1000");
  inserted_token(last.ask(request(cookie(other))).answer(response(), line_size));
}

/// Each way that a head may be cut in two segments.
class Straddling : public testing::TestWithParam<std::size_t> {};

TEST_P(Straddling, insert_comes_once) {
  Lab lab(cookie_model(model::By::insert));
  DelayWorld world(lab);
  Exchange one(world, "10.0.0.1:1000");
  one.ask(request());
  one.server().write(response().substr(0, std::min(GetParam(), response().size())));
  world.run(50);
  one.server().write(response().substr(std::min(GetParam(), response().size())));
  ASSERT_TRUE(world.run_until([&] { return one.client.received().size() == response().size() + line_size; }));
  inserted_token(one.client.received());
  one.end();
  EXPECT_EQ(lab.node->state(0).replies.used(), 0u);
}

TEST_P(Straddling, placeholder_becomes_a_token) {
  Lab lab(cookie_model(model::By::rewrite));
  DelayWorld world(lab);
  const std::string text = response("Set-Cookie: SRV=0000000000000000000000000000; Path=/\r\n");
  Exchange one(world, "10.0.0.1:1000");
  one.ask(request());
  one.server().write(text.substr(0, GetParam()));
  world.run(50);
  one.server().write(text.substr(GetParam()));
  ASSERT_TRUE(world.run_until([&] { return one.client.received().size() == text.size(); }));
  const std::string got = one.client.received();
  const std::size_t at = text.find("0000");
  EXPECT_EQ(got.substr(0, at), text.substr(0, at));
  EXPECT_EQ(got.substr(at + token_size), text.substr(at + token_size));
  const std::string token = got.substr(at, token_size);
  EXPECT_NE(token, std::string(token_size, '0'));
  one.end();
  Exchange next(world, "10.0.0.2:1000");
  next.ask(request(cookie(token)));
  EXPECT_EQ(next.name(), one.name());
  EXPECT_EQ(lab.count(Counter::token_hit), 1u);
  EXPECT_EQ(lab.count(Counter::cookies_rewritten), 1u);
}
INSTANTIATE_TEST_SUITE_P(Cuts, Straddling, testing::Range(std::size_t{1}, std::size_t{80}));

TEST(Rewrite, changes_placeholders_only) {
  Lab lab(cookie_model(model::By::rewrite));
  DelayWorld world(lab);
  Exchange one(world, "10.0.0.1:1000");
  for (const char* header :
       {"", "Set-Cookie: SRV=abc\r\n", "Set-Cookie: SRV=000000000000000000000000000\r\n", "Set-Cookie: SRV=\r\n",
        "Set-Cookie: SRV=00000000000000000000000000000\r\n", "Set-Cookie: XSRV=0000000000000000000000000000\r\n",
        "X-Set-Cookie: SRV=0000000000000000000000000000\r\n"}) {
    const std::string text = response(header);
    EXPECT_EQ(one.ask(request()).answer(text), text);
  }
  const std::string in_body = response() + "Set-Cookie: SRV=0000000000000000000000000000\r\n\r\n";
  EXPECT_EQ(one.ask(request()).answer(in_body), in_body);
  const std::string alike = response("Set-Cookie: SRV=0000000000000000000000000000\r\n");
  EXPECT_EQ(one.answer(alike), alike) << "nobody has asked for that";
  EXPECT_EQ(lab.count(Counter::cookies_rewritten), 0u);
  EXPECT_NE(one.ask(request()).answer(alike), alike);
}

model::Model learning_model() {
  model::Model model = base_model();
  model.profiles["id"] = {.type = model::ProfileType::cookie, .name = "SRV"};
  model.profiles["agent"] = {.type = model::ProfileType::header, .name = "Mcp-Session-Id"};
  model.services["web"].persist = {"id", "agent"};
  return model;
}

TEST(Learn, remembers_who_has_given_a_value) {
  Lab lab(learning_model());
  DelayWorld world(lab);
  for (unsigned i = 0; i < 8; ++i) {
    Exchange first(world, fmt::format("10.0.0.{}:1000", i + 1));
    EXPECT_EQ(first.ask(request()).answer(response()), response());
    const std::string login = response(fmt::format("Set-Cookie: SRV=s{}; Path=/\r\nmcp-session-id: m{}\r\n", i, i));
    EXPECT_EQ(first.ask(request()).answer(login), login) << "of a later request, too";
    first.end();
    for (const std::string& header : {cookie(fmt::format("s{}", i)), fmt::format("Mcp-Session-Id: m{}\r\n", i)}) {
      Exchange next(world, fmt::format("10.0.{}.{}:1000", int{header.front()}, i + 1));
      next.ask(request(header));
      EXPECT_EQ(next.name(), first.name());
      next.end();
    }
  }
  EXPECT_EQ(lab.count(Counter::record_learned), 16u);
  EXPECT_EQ(lab.count(Counter::record_hit), 16u);
  for (const char* profile : {"id", "agent"}) {
    EXPECT_EQ(lab.count(profile, ProfileCounter::learned), 8u);
    EXPECT_EQ(lab.count(profile, ProfileCounter::record_hit), 8u);
  }
}

TEST(Learn, believes_the_last_to_give_a_value) {
  Lab lab(learning_model());
  DelayWorld world(lab);
  const std::string login = response("Set-Cookie: SRV=same\r\n");
  std::string last;
  for (unsigned i = 0; i < 6; ++i) {
    Exchange one(world, fmt::format("10.0.0.{}:1000", i + 1));
    one.ask(request()).answer(login);
    last = one.name();
    one.end();
    Exchange next(world, fmt::format("10.0.1.{}:1000", i + 1));
    EXPECT_EQ(next.ask(request(cookie("same"))).name(), last);
    next.end();
  }
}

TEST(Learn, looks_at_heads_only) {
  Lab lab(learning_model());
  DelayWorld world(lab);
  Exchange one(world, "10.0.0.1:1000");
  one.ask(request()).answer(response() + "Set-Cookie: SRV=body\r\n\r\n");
  one.answer(response("Set-Cookie: SRV=unasked\r\n"));
  one.ask(request()).answer("HTTP/1.1 200 OK\r\nSet-Cookie : SRV=odd\r\n\r\n");
  one.ask(request()).answer("HTTP/1.1 200 OK\r\nSet-Cookie: SRV=\r\n\r\n");
  EXPECT_EQ(lab.count(Counter::record_learned), 0u);
  EXPECT_EQ(lab.node->state(0).replies.used(), 0u);
}

TEST(Learn, gives_up_a_head_that_does_not_end) {
  Lab lab(learning_model());
  DelayWorld world(lab);
  Exchange one(world, "10.0.0.1:1000");
  const std::string text = "HTTP/1.1 200 OK\r\nX: " + std::string(10'000, 'x') + "\r\nSet-Cookie: SRV=far\r\n\r\n";
  EXPECT_EQ(one.ask(request()).answer(text), text);
  EXPECT_EQ(lab.count(Counter::replies_missed), 1u);
  EXPECT_EQ(lab.count(Counter::record_learned), 0u);
  EXPECT_EQ(lab.node->state(0).replies.used(), 0u);
}

TEST(CloseOnConflict, ends_a_connection_that_asks_for_another_backend) {
  model::Model model = reading_model();
  model.profiles["route"].close_on_conflict = true;
  Lab lab(model);
  DelayWorld world(lab);
  const auto route = [](std::string_view to) { return request(fmt::format("Cookie: SERVER=x.{}\r\n", to)); };
  Exchange one(world, "10.0.0.1:1000");
  EXPECT_EQ(one.ask(route("b1")).answer(response()), response());
  EXPECT_EQ(one.ask(route("b1")).answer(response()), response());
  EXPECT_EQ(one.ask(request()).answer(response()), response()) << "names nobody";
  EXPECT_EQ(one.ask(route("gone")).answer(response()), response()) << "names nobody who is there";
  one.client.write(route("b2"));
  ASSERT_TRUE(world.run_until([&] { return one.client.was_reset() && one.server().was_reset(); }));
  EXPECT_EQ(one.server().received(), one.asked) << "the backend has not seen it";
  Exchange again(world, "10.0.0.1:1001");
  EXPECT_EQ(again.ask(route("b2")).name(), "b2");
}

TEST(CloseOnConflict, keeps_what_was_sent_elsewhere_for_good_reason) {
  model::Model model = reading_model();
  model.profiles["route"].close_on_conflict = true;
  Lab lab(model);
  DelayWorld world(lab);
  world.backends["b1"].refuses = true;
  Exchange one(world, "10.0.0.1:1000");
  EXPECT_EQ(one.ask(request("Cookie: SERVER=x.b1\r\n")).answer(response()), response());
  EXPECT_NE(one.name(), "b1");
}

}  // namespace
}  // namespace limpet::path
