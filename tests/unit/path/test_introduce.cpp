// client_address = "proxy_v2": what the flow's entries know while a header is under way, and the bound on repeats.
#include "full_nat.hpp"
#include "net/client_address.hpp"
#include "net/tcp_edit.hpp"

namespace limpet::path {
namespace {

constexpr std::uint32_t isn = 0xffff'fff8;  // wraps within the header
constexpr std::uint32_t server_isn = 70'000;
const net::Endpoint client{ip("10.0.0.5"), 1000}, vip{ip("192.0.2.10"), 80};

model::Model proxy_model() {
  model::Model model = full_nat_model();
  model.services.erase("dns");
  model.services["web"].client_address = model::ClientAddress::proxy_v2;
  return model;
}

struct Numbers {
  std::uint32_t sequence, acknowledgment;
};

Bytes frame(PortIndex port, const net::Endpoint& from, const net::Endpoint& to, std::uint8_t tcp_flags,
            const Numbers& numbers, const Bytes& options = {}) {
  const bool up = port == front_port;
  Bytes bytes = PacketBuilder()
                    .ethernet(up ? gateway_mac : backend_mac(1), up ? front_mac : back_mac)
                    .ip(from.address, to.address)
                    .tcp(from.l4_port, to.l4_port, tcp_flags, options)
                    .build();
  net::Parsed parsed;
  net::parse(bytes.data(), bytes.size(), bytes.size(), parsed);
  net::move_sequence(bytes.data(), parsed, numbers.sequence - net::tcp_sequence(bytes.data(), parsed));
  net::move_acknowledgment(bytes.data(), parsed,
                           numbers.acknowledgment - net::tcp_acknowledgment(bytes.data(), parsed));
  return bytes;
}

class Introduce : public ::testing::Test {
 protected:
  std::vector<Out> up(std::uint8_t tcp_flags, const Numbers& numbers) {
    return lab.send(front_port, frame(front_port, client, vip, tcp_flags, numbers));
  }
  std::vector<Out> down(std::uint8_t tcp_flags, const Numbers& numbers, const Bytes& options = {}) {
    return lab.send(back_port, frame(back_port, server, local, tcp_flags, numbers, options));
  }
  /// SYN, SYN-ACK and the client's ACK.
  void open() {
    const auto syn = up(flags::syn, {isn, 0});
    ASSERT_EQ(syn.size(), 1u);
    local = syn[0].source();
    server = syn[0].destination();
    ASSERT_EQ(down(flags::syn_ack, {server_isn, isn + 1 - 28}, {4, 2, 1, 1}).size(), 1u);
    ASSERT_EQ(up(flags::ack, {isn + 1, server_isn + 1}).size(), 1u);
  }
  /// Entries with one of the flags, of either direction.
  [[nodiscard]] unsigned entries_with(flow::Direction direction, std::uint8_t flags) {
    unsigned count = 0;
    lab.node->state(0).flows.each([&](const auto& key, const auto& entry) {
      count += key.direction == direction && (entry.flags() & flags) != 0 ? 1 : 0;
      return flow::Sweep::keep;
    });
    return count;
  }
  [[nodiscard]] bool is_owed() {
    const unsigned forward = entries_with(flow::Direction::forward, flow::flag::owes);
    EXPECT_EQ(entries_with(flow::Direction::back, flow::flag::owed), forward);
    return forward != 0;
  }
  /// What a backend without the header acknowledges when later bytes come.
  std::vector<Out> miss() {
    return down(flags::ack, {server_isn + 1, isn + 1 - 28}, {1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 9});
  }

  Lab lab{proxy_model()};
  net::Endpoint local, server;
};

TEST_F(Introduce, AFlowOwesItsHeaderUntilItIsAcknowledged) {
  open();
  EXPECT_TRUE(is_owed());
  down(flags::ack, {server_isn + 1, isn + 1 - 20});
  EXPECT_TRUE(is_owed()) << "a part of it";
  down(flags::ack, {server_isn + 1, isn + 1});
  EXPECT_FALSE(is_owed());
  EXPECT_TRUE(down(flags::syn_ack, {server_isn, isn + 1 - 28}).empty()) << "a late one begins nothing";
  EXPECT_FALSE(is_owed());
  EXPECT_EQ(lab.count(Counter::drop_before_header), 1u);
}

TEST_F(Introduce, AHalfOpenConnectionIsNotAnsweredForItsClient) {
  const auto syn = up(flags::syn, {isn, 0});
  local = syn.at(0).source();
  server = syn.at(0).destination();
  down(flags::syn_ack, {server_isn, isn + 1 - 28}, {4, 2, 1, 1});
  const auto out = miss();
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].port, front_port);
  EXPECT_EQ(lab.count(Counter::proxy_header_repeated), 0u);
}

TEST_F(Introduce, ABackendThatNeverTakesTheHeaderIsNoLoop) {
  open();
  unsigned repeated = 0;
  for (unsigned i = 0; i < 3000; ++i) {
    const auto out = miss();
    ASSERT_EQ(out.size(), 1u);
    repeated += out[0].port == back_port ? 1 : 0;
    if (out[0].port == front_port) {
      EXPECT_EQ(net::tcp_acknowledgment(out[0].bytes.data(), out[0].parsed), isn + 1);
    }
  }
  EXPECT_EQ(repeated, 1000u) << "a tenth of a second's";
  EXPECT_EQ(lab.count(Counter::proxy_header_repeated), repeated);
}

TEST_F(Introduce, ADamagedAcknowledgmentBringsNoHeader) {
  open();
  Bytes damaged = frame(back_port, server, local, flags::ack, {server_isn + 1, isn + 1 - 28},
                        {1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 9});
  damaged.back() ^= 1;
  lab.node->receive(back_port, 0, damaged);
  EXPECT_EQ(lab.node->take_sent().at(0).port, front_port);
  EXPECT_EQ(lab.count(Counter::proxy_header_repeated), 0u);
}

}  // namespace
}  // namespace limpet::path
