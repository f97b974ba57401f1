// The same in bad weather: whatever gets lost, comes late or twice, each side gets exactly what the other one said, and
// no timestamps but its own as echoes.
#include "delay_world.hpp"
#include "net/client_address.hpp"
#include "support/sanitized.hpp"

namespace limpet::path {
namespace {

std::string text_of(std::mt19937& random, std::size_t size) {
  std::string text(size, 0);
  for (char& c : text) {
    c = static_cast<char>('a' + random() % 26);
  }
  return text;
}

model::Model replying_model(model::By by) {
  model::Model model = reading_model();
  model.profiles["own"] = {.type = model::ProfileType::cookie, .name = "SRV", .by = by};
  model.services["web"].persist = {"user", "own"};
  return model;
}

/// What was said, but for a line put in (kind 3) or a token in the place of others (kind 4) behind the head's `size`.
bool is_answer(unsigned kind, const std::string& got, const std::string& said, std::size_t size) {
  if (kind < 3 || kind > 4) {
    return got == said;
  }
  if (got.size() < said.size() || got.substr(0, size) != said.substr(0, size)) {
    return false;
  }
  const std::string line = "Set-Cookie: SRV=", behind = "; Path=/; HttpOnly; SameSite=Lax\r\n";
  const std::string changed = got.substr(size, got.size() - said.size() + (kind == 4 ? 28 : 0));
  const std::string rest = got.substr(size + changed.size());
  return kind == 4 ? changed.size() == 28 && changed != std::string(28, 'x') && rest == said.substr(size + 28)
                   : changed.size() == line.size() + 28 + behind.size() && changed.starts_with(line) &&
                         changed.ends_with(behind) && rest == said.substr(size);
}

/// `express`: packets that went that way are added; `stamped`: connections with timestamps.
void check(std::uint32_t seed, std::uint64_t& express, unsigned& stamped) {
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  Lab::Setup setup;
  const unsigned kind = below(8);
  setup.model = kind == 0   ? syn_proxy_model()
                : kind == 1 ? reading_local_model(model::ClientAddress::none)
                : kind == 2 ? reading_local_model(model::ClientAddress::proxy_v2)
                : kind <= 4 ? replying_model(kind == 3 ? model::By::insert : model::By::rewrite)
                            : reading_model();
  if (kind != 0 && kind != 3 && kind != 4 && below(4) != 0) {
    setup.model.services["web"].persist = {"route"};  // nothing is learnt from responses
  }
  const bool v4 = below(2) == 0;
  const std::size_t told = kind == 2 ? net::proxy_header_size(v4 ? net::Family::v4 : net::Family::v6) : 0;
  Lab lab(setup);
  DelayWorld world(lab,
                   {.loss_percent = below(12), .twice_percent = below(8), .late_percent = below(30), .seed = seed});
  for (const char* name : {"b1", "b2", "b3", "b4"}) {
    world.backends[name] = {.refuses = below(12) == 0,
                            .is_silent = false,
                            .tcp = {.mss = static_cast<std::uint16_t>(1400 + below(41)),
                                    .scale = static_cast<int>(below(9)) - 1,
                                    .sack = below(4) != 0,
                                    .stamps = below(8) != 0,
                                    .clock = static_cast<std::uint32_t>(random()),
                                    .window_bytes = 20'000 + below(200'000)}};
  }
  // Three are tried.
  world.backends["b3"].refuses = world.backends["b4"].refuses = false;
  world.backends["b3"].tcp.stamps = world.backends["b4"].tcp.stamps = true;
  const bool replies = kind == 3 || kind == 4;
  for (auto& [name, backend] : world.backends) {
    backend.tcp.segment_bytes = replies && below(3) != 0 ? 5 + below(60) : 1460;
  }
  let_plan_age(lab);
  const bool promised = below(3) != 0;
  if (promised) {
    learn(lab);
  }
  TcpPeer& client =
      world.client(v4 ? "10.0.0.1:1000" : "[2001:db8:c::1]:1000", v4 ? "192.0.2.10:80" : "[2001:db8:1::10]:80",
                   {.mss = static_cast<std::uint16_t>(below(2) == 0 ? 1440 : 536 + below(900)),
                    .scale = static_cast<int>(below(10)) - 1,
                    .sack = below(4) != 0,
                    .stamps = below(4) != 0,
                    .clock = static_cast<std::uint32_t>(random()),
                    .window_bytes = 20'000 + below(200'000),
                    .segment_bytes = below(3) == 0 ? 20 + below(200) : 1460,
                    .writes_bytes = below(5) == 0});
  const std::string up =
      fmt::format("POST / HTTP/1.1\r\nHost: web.example\r\nCookie: SERVER=x.b{}\r\n\r\n", 1 + below(4)) +
      text_of(random, below(40'000));
  const std::string head = kind == 3   ? "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"
                           : kind == 4 ? "HTTP/1.1 200 OK\r\nX-User: learnt\r\nSet-Cookie: SRV="
                                       : "";
  const std::string down = head +
                           (kind == 4   ? std::string(28, 'x') + "\r\n\r\n"
                            : kind == 3 ? "\r\n"
                                        : "") +
                           text_of(random, below(replies ? 4'000 : 40'000));
  client.write(up);
  ASSERT_TRUE(world.run_until([&] { return !world.servers.empty(); }, 120'000));
  const auto server = [&]() -> TcpPeer& { return *world.servers.back().peer; };
  // Who is to be told of the client waits for that before it says a word (proxy-protocol.txt, section 2).
  ASSERT_TRUE(world.run_until([&] { return server().established() && server().received().size() >= told; }, 120'000));
  server().write(down);
  ASSERT_TRUE(world.run_until(
      [&] {
        return server().received().substr(std::min(told, server().received().size())) == up &&
               is_answer(kind, client.received(), down, head.size());
      },
      300'000))
      << "kind " << kind << ": " << server().received().size() << " of " << up.size() << ", "
      << client.received().size() << " of " << down.size();
  express += lab.node->state(0).spliced_express;
  EXPECT_EQ(client.uses_stamps(), server().uses_stamps());
  stamped += client.uses_stamps() ? 1 : 0;
  below(2) == 0 ? client.close() : server().close();
  world.run(500);
  client.close();
  server().close();
  ASSERT_TRUE(world.run_until([&] { return client.heard_all() && server().heard_all(); }, 120'000));
  EXPECT_FALSE(client.was_reset());
  EXPECT_EQ(lab.count(Counter::delayed_spliced), 1u);
  lab.wait_ms(2000);
  EXPECT_EQ(lab.node->state(0).awaited.held(), 0u);
}

/// A thousand in all; fewer where every step is watched.
constexpr std::uint32_t seeds_each = test::sanitized ? 10 : 50;

class DelayRandom : public testing::TestWithParam<std::uint32_t> {};

TEST_P(DelayRandom, both_sides_get_what_was_said) {
  std::uint64_t express = 0;
  unsigned stamped = 0;
  const std::uint32_t first = GetParam() * seeds_each;
  for (std::uint32_t seed = first; seed < first + seeds_each && !HasFatalFailure(); ++seed) {
    check(seed, express, stamped);
  }
  EXPECT_GT(stamped, seeds_each / 8) << "connections with timestamps";
  EXPECT_GT(express, 5u * seeds_each) << "packets on the express way";
}
INSTANTIATE_TEST_SUITE_P(Seeds, DelayRandom, testing::Range(std::uint32_t{0}, std::uint32_t{20}));

}  // namespace
}  // namespace limpet::path
