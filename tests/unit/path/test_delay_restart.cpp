// Spliced connections over a kill of Limpet and a start.
#include "delay_world.hpp"

namespace limpet::path {
namespace {

const std::string request = "GET / HTTP/1.1\r\nHost: web.example\r\nCookie: SERVER=x.b1\r\n\r\n";

void restart(Lab& lab, const replay::Node::Options& options = {.workers = 1}) {
  auto after = replay::Node::restart(std::move(lab.node), lab.model, options);
  ASSERT_TRUE(after) << after.error().text;
  lab.node = std::move(*after);
}

struct Row {
  bool full_nat;
  const char* client;
  const char* vip;
  unsigned workers;
};
class DelayRestart : public testing::TestWithParam<Row> {};

TEST_P(DelayRestart, goes_on) {
  const Row& row = GetParam();
  Lab lab(row.full_nat ? reading_local_model(model::ClientAddress::none) : reading_model());
  DelayWorld world(lab, {.loss_percent = 3, .twice_percent = 2, .late_percent = 10, .seed = 5});
  world.backends["b1"].tcp = {.mss = 1400, .scale = 2, .window_bytes = 60'000};
  std::vector<TcpPeer*> clients;
  for (unsigned i = 0; i < 20; ++i) {
    clients.push_back(&world.client(fmt::format(fmt::runtime(row.client), i + 1), row.vip, {.mss = 1400}));
    clients.back()->write(request);
  }
  ASSERT_TRUE(world.run_until([&] {
    return world.servers.size() == 20 && std::all_of(world.servers.begin(), world.servers.end(),
                                                     [](const auto& one) { return one.peer->received() == request; });
  }));
  std::string down(90'000, 'd');
  for (std::size_t i = 0; i < down.size(); i += 7) {
    down[i] = static_cast<char>('a' + i % 26);
  }
  for (const auto& server : world.servers) {
    server.peer->write(down);
  }
  ASSERT_TRUE(world.run_until([&] { return clients[0]->received().size() > 20'000; }));
  restart(lab, {.workers = row.workers});
  EXPECT_EQ(lab.node->recovered().spliced, 20u);
  for (TcpPeer* const client : clients) {
    client->write("more");
  }
  ASSERT_TRUE(world.run_until([&] {
    return std::all_of(clients.begin(), clients.end(), [&](const auto* one) { return one->received() == down; }) &&
           std::all_of(world.servers.begin(), world.servers.end(),
                       [](const auto& one) { return one.peer->received() == request + "more"; });
  }));
  EXPECT_EQ(world.servers.size(), 20u);
}

TEST_P(DelayRestart, keeps_no_entry_without_its_flow) {
  Lab lab(GetParam().full_nat ? reading_local_model(model::ClientAddress::none) : reading_model());
  DelayWorld world(lab);
  world.client("10.0.0.1:1000").write(request);
  ASSERT_TRUE(world.run_until([&] { return !world.servers.empty() && world.servers[0].peer->received() == request; }));
  lab.node->state(0).flows.each([](const auto&, auto&) { return flow::Sweep::erase; });
  ASSERT_EQ(lab.node->state(0).spliced.used(), 1u);
  restart(lab);
  EXPECT_EQ(lab.node->state(0).spliced.used(), 0u);
}

// With full NAT a flow may not go on with other workers: its answers would come to another one than its client's.
INSTANTIATE_TEST_SUITE_P(Ways, DelayRestart,
                         testing::Values(Row{false, "10.0.0.{}:1000", "192.0.2.10:80", 1},
                                         Row{false, "[2001:db8:c::{}]:1000", "[2001:db8:1::10]:80", 1},
                                         Row{false, "10.0.0.{}:1000", "192.0.2.10:80", 3},
                                         Row{true, "10.0.0.{}:1000", "192.0.2.10:80", 1},
                                         Row{true, "[2001:db8:c::{}]:1000", "[2001:db8:1::10]:80", 1}));

/// A connection whose client has got an answer, but for what `before_restart` does to it; the client after a restart.
template <class F>
void expect_reset(F&& before_restart) {
  Lab lab(reading_model());
  DelayWorld world(lab);
  TcpPeer& client = world.client("10.0.0.1:1000");
  client.write(request);
  ASSERT_TRUE(world.run_until([&] { return !world.servers.empty() && !world.servers[0].peer->received().empty(); }));
  world.servers[0].peer->write("answer");
  ASSERT_TRUE(world.run_until([&] { return client.received() == "answer"; }));
  before_restart(lab);
  restart(lab);
  EXPECT_EQ(lab.live_flows(), 0u);
  client.write("more");
  EXPECT_TRUE(world.run_until([&] { return client.was_reset(); })) << "told at once, not left waiting";
}

TEST(DelayOverRestart, ends_what_cannot_be_joined_again) {
  expect_reset([](Lab& lab) {
    lab.node->state(0).spliced.each([&](splice::Entry& entry) { lab.node->state(0).spliced.erase(entry); });
  });
  expect_reset([](Lab& lab) { lab.node->state(0).spliced.each([](splice::Entry& entry) { entry.replying = true; }); });
}

TEST(DelayOverRestart, forgets_who_has_no_backend_yet) {
  Lab lab(reading_model());
  DelayWorld world(lab);
  TcpPeer& client = world.client("10.0.0.1:1000");
  client.write(request.substr(0, 20));
  ASSERT_TRUE(world.run_until([&] { return lab.node->state(0).awaited.held() > 1; }));
  restart(lab);
  EXPECT_EQ(lab.node->state(0).spliced.used(), 0u);
  EXPECT_EQ(lab.node->state(0).awaited.count(), 0u);
}

TEST(DelayOverRestart, keeps_no_numbers_apart_once_nobody_splices) {
  Lab lab(reading_model());
  DelayWorld world(lab);
  world.client("10.0.0.1:1000").write(request);
  ASSERT_TRUE(world.run_until([&] { return !world.servers.empty() && world.servers[0].peer->received() == request; }));
  lab.model.services["web"].persist = {"client"};
  restart(lab);
  EXPECT_EQ(lab.live_flows(), 0u) << "its sides would not understand each other";
  EXPECT_EQ(lab.node->state(0).spliced.used(), 0u);
}

}  // namespace
}  // namespace limpet::path
