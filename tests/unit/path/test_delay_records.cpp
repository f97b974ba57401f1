// The record of a delayed connection's session, whose key was said once: kept in use by the connection for as long as
// it lives, and counted once with it.
#include "delay_world.hpp"

namespace limpet::path {
namespace {

constexpr Millis idle_ms = 60'000;

std::string request(std::string_view header = "") {
  return fmt::format("GET / HTTP/1.1\r\nHost: web.example\r\n{}\r\n", header);
}

struct Kept {
  explicit Kept(model::ProfileType type, std::string name) : lab(model(type, std::move(name))) {}
  static model::Model model(model::ProfileType type, std::string name) {
    model::Model model = base_model();
    model.profiles["user"] = {.type = type, .name = std::move(name), .idle_timeout_ms = idle_ms};
    model.services["web"].persist = {"user"};
    return model;
  }
  /// Which backend a connection that says this reaches.
  std::string open(std::string_view client, const std::string& text) {
    const std::size_t servers = world.servers.size();
    last = &world.client(client);
    last->write(text);
    EXPECT_TRUE(world.run_until([&] { return world.servers.size() > servers; }));
    EXPECT_TRUE(world.run_until([&] { return world.servers.back().peer->received() == text; }));
    world.run(50);
    return world.servers.back().name;
  }
  /// The client says a little now and then, for much longer than a record lives unused.
  void talk(TcpPeer& client, unsigned times = 10) {
    for (unsigned i = 0; i < times; ++i) {
      lab.wait_ms(idle_ms - 10'000);
      client.write("x");
      world.run(50);
    }
  }
  /// There is a backend that would take nearly all who have no record.
  void add_heavy() {
    lab.model.pools["web"].backends["b9"] = backend(9);
    lab.model.pools["web"].backends["b9"].weight = 1'000'000;
    lab.apply();
  }
  [[nodiscard]] std::int64_t alone() const {
    std::int64_t sum = 0;
    for (std::uint32_t slot = 0; slot < lab.node->backends().count(); ++slot) {
      sum += lab.node->state(0).uses[slot].flows_alone.load();
    }
    return sum;
  }
  Lab lab;
  DelayWorld world{lab};
  TcpPeer* last = nullptr;
};

TEST(DelayRecords, are_kept_in_use_by_live_connections) {
  Kept kept(model::ProfileType::header, "X-User");
  const std::string text = request("X-User: me\r\n");
  const std::string home = kept.open("10.0.0.1:1000", text);
  EXPECT_EQ(kept.alone(), 0) << "the session is counted by its record";
  kept.talk(*kept.last);
  kept.add_heavy();
  EXPECT_EQ(kept.open("10.0.0.2:1000", text), home);
  EXPECT_EQ(kept.lab.count(Counter::record_hit), 1u);
  kept.lab.wait_ms(2 * idle_ms);  // both are silent
  EXPECT_EQ(kept.open("10.0.0.3:1000", text), "b9");
}

TEST(DelayRecords, learnt_ones_too) {
  Kept kept(model::ProfileType::cookie, "SRV");
  const std::string home = kept.open("10.0.0.1:1000", request());
  TcpPeer& client = *kept.last;
  EXPECT_EQ(kept.alone(), 1) << "without a record";
  const std::string login = "HTTP/1.1 101 Switching\r\nSet-Cookie: SRV=s1\r\n\r\n";
  kept.world.servers[0].peer->write(login);
  ASSERT_TRUE(kept.world.run_until([&] { return client.received() == login; }));
  EXPECT_EQ(kept.alone(), 0);
  kept.talk(client);
  kept.add_heavy();
  EXPECT_EQ(kept.open("10.0.0.2:1000", request("Cookie: SRV=s1\r\n")), home);
  EXPECT_EQ(kept.lab.moved_in_all(), 0u);
}

TEST(DelayRecords, over_a_restart) {
  // As tables lie; connections by themselves; records by themselves, too.
  const replay::Node::Options same{.workers = 1, .flows_max = 4096, .records_max = 4096};
  const replay::Node::Options more{.workers = 2, .flows_max = 4096, .records_max = 4096};
  for (const replay::Node::Options& options : {same, more, replay::Node::Options{.workers = 1}}) {
    Kept kept(model::ProfileType::header, "X-User");
    const std::string text = request("X-User: me\r\n");
    const std::string home = kept.open("10.0.0.1:1000", text);
    auto after = replay::Node::restart(std::move(kept.lab.node), kept.lab.model, options);
    ASSERT_TRUE(after) << after.error().text;
    kept.lab.node = std::move(*after);
    kept.talk(*kept.last);
    EXPECT_EQ(kept.lab.node->records().stats().live, 1u) << options.workers << " " << options.records_max;
    kept.add_heavy();
    EXPECT_EQ(kept.open("10.0.0.2:1000", text), home);
  }
}

/// A move like any other.
TEST(DelayRecords, that_another_backend_claims_are_moved) {
  Kept kept(model::ProfileType::cookie, "SRV");
  const std::string login = "HTTP/1.1 200 OK\r\nSet-Cookie: SRV=same\r\nContent-Length: 0\r\n\r\n";
  std::set<std::string> homes;
  for (unsigned i = 0; i < 8; ++i) {
    homes.insert(kept.open(fmt::format("10.0.0.{}:1000", i + 1), request()));
    kept.world.servers.back().peer->write(login);
    ASSERT_TRUE(kept.world.run_until([&] { return kept.last->received() == login; }));
  }
  ASSERT_GT(homes.size(), 1u);
  EXPECT_EQ(kept.lab.moved(Reason::token), kept.lab.moved_in_all());
  EXPECT_GE(kept.lab.moved(Reason::token), homes.size() - 1);
  EXPECT_EQ(kept.lab.node->take_moves().size(), kept.lab.moved_in_all());
}

}  // namespace
}  // namespace limpet::path
