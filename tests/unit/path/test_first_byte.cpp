// How long a client waits for the first byte of an answer, where Limpet completes its handshake and where it does not.
#include "delay_world.hpp"

namespace limpet::path {
namespace {

struct Waited {
  Millis since_syn_ms = 0, since_request_ms = 0;
};

Waited wait_for_answer(const model::Model& model, Millis front_ms, Millis back_ms) {
  Lab lab(model);
  DelayWorld world(lab, {.front_ms = front_ms, .back_ms = back_ms});
  const Millis begin = world.now();
  TcpPeer& client = world.client("10.0.0.1:1000");
  client.write(get_request);
  EXPECT_TRUE(world.run_until([&] { return client.established(); }));
  const Millis asked = world.now();
  EXPECT_TRUE(
      world.run_until([&] { return !world.servers.empty() && world.servers[0].peer->received() == get_request; }));
  TcpPeer& server = *world.servers.at(0).peer;
  server.write("answer");
  server.close();
  EXPECT_TRUE(world.run_until([&] { return !client.received().empty(); }));
  const Waited waited{world.now() - begin, world.now() - asked};
  EXPECT_TRUE(world.run_until([&] { return client.received() == "answer" && client.heard_all(); }));
  client.close();
  EXPECT_TRUE(world.run_until([&] { return server.finished(); }));
  return waited;
}

/// A request waits for the handshake with its backend, which begins only then. The client's own handshake has not
/// waited for that, so that from the SYN on the first byte takes no longer.
TEST(FirstByte, one_round_trip_between_limpet_and_backend_is_added_and_no_more) {
  const struct { Millis front_ms, back_ms; } ways[] = {{5, 5}, {50, 5}, {5, 50}, {100, 20}};
  for (const auto& [front_ms, back_ms] : ways) {
    const Waited plain = wait_for_answer(base_model(), front_ms, back_ms);
    for (const model::Model& delayed : {reading_model(), syn_proxy_model()}) {
      const Waited waited = wait_for_answer(delayed, front_ms, back_ms);
      EXPECT_EQ(waited.since_request_ms, plain.since_request_ms + 2 * back_ms) << front_ms << " and " << back_ms;
      EXPECT_EQ(waited.since_syn_ms, plain.since_syn_ms) << front_ms << " and " << back_ms;
    }
  }
}

}  // namespace
}  // namespace limpet::path
