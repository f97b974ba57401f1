// The express way into tunnels: each packet goes as it would have gone the long way.
#include "express_rows.hpp"

namespace limpet::path {
namespace {

using model::Forwarding;

struct Case {
  Forwarding forwarding;
  const char* client;
  const char* vip;
};
const Case cases[] = {
    {Forwarding::ipip, "10.0.0.1", "192.0.2.10"},         {Forwarding::gre, "10.0.0.1", "192.0.2.10"},
    {Forwarding::gue, "10.0.0.1", "192.0.2.10"},          {Forwarding::ipip, "2001:db8:c::1", "2001:db8:1::10"},
    {Forwarding::gre, "2001:db8:c::1", "2001:db8:1::10"}, {Forwarding::gue, "2001:db8:c::1", "2001:db8:1::10"},
};

PacketBuilder to(const Case& one) {
  return PacketBuilder().ethernet(gateway_mac, front_mac).ip(one.client, one.vip).payload("hello, backend");
}

Lab::Setup with(Forwarding forwarding, const std::function<void(model::Model&)>& declare = {}) {
  Lab::Setup setup;
  setup.model.services["web"].forwarding = forwarding;
  setup.model.services["dns"].forwarding = forwarding;
  setup.model.ports["back"].mtu = 1400;
  if (declare) {
    declare(setup.model);
  }
  return setup;
}

/// A TCP and a UDP flow, live and known to the plan.
void open(Twins& twins, const Case& one) {
  twins.each([&](Lab& lab) {
    const auto receive = [&](const Bytes& frame) { lab.node->receive(front_port, 0, on_the_wire(frame)); };
    receive(to(one).tcp(1000, 80, flags::syn).build());
    for (unsigned second = 0; second < 2; ++second) {
      receive(to(one).tcp(1000, 80).build());
      receive(to(one).udp(1000, 53).build());
      receive(to(one).udp(1000, 53).build());
      lab.wait_ms(1000);
    }
    receive(to(one).udp(1000, 53).build());
  });
  twins.expect_same();
}

/// What left on both; the express way was to decide about it.
void expect_taken(Twins& twins, const Bytes& plain, unsigned count = 1) {
  const Bytes frame = on_the_wire(plain);
  EXPECT_EQ(decided(twins.probe, front_port, {frame}), count);
  EXPECT_EQ(twins.send(front_port, frame).size(), 1u);
}

class ExpressTunnel : public ::testing::TestWithParam<Case> {};

TEST_P(ExpressTunnel, GoesAsTheLongWay) {
  const Case& one = GetParam();
  Twins twins(with(one.forwarding));
  open(twins, one);
  expect_taken(twins, to(one).tcp(1000, 80).build());
  expect_taken(twins, to(one).udp(1000, 53).build());
  expect_taken(twins, to(one).payload("").tcp(1000, 80).build());  // padded, in IPv4
  expect_taken(twins, to(one).tcp(1000, 80, flags::fin_ack).build());
  expect_taken(twins, to(one).tcp(1000, 80, flags::syn).build(), 0);
  EXPECT_GT(twins.express.count(Counter::encapsulated), 10u);
}

/// As large as the tunnel over the link takes, and one byte more, which the sender is told of.
TEST_P(ExpressTunnel, KnowsWhatFits) {
  const Case& one = GetParam();
  Twins twins(with(one.forwarding));
  open(twins, one);
  const bool v4 = ip(one.client).is_v4();
  const std::size_t headers = (v4 ? 20u : 40u) + 20u;
  const auto encap = one.forwarding == Forwarding::ipip  ? net::Encap::ipip
                     : one.forwarding == Forwarding::gre ? net::Encap::gre
                                                         : net::Encap::gue;
  const std::size_t most = 1400 - net::encap_size(encap, v4 ? net::Family::v4 : net::Family::v6) - headers;
  expect_taken(twins, to(one).payload(Bytes(most)).tcp(1000, 80).build());
  const std::uint64_t replied = twins.express.count(Counter::replied);
  expect_taken(twins, to(one).payload(Bytes(most + 1)).tcp(1000, 80).build(), 0);
  EXPECT_EQ(twins.express.count(Counter::replied), replied + 1);
}

TEST_P(ExpressTunnel, SourcesOfAPool) {
  const Case& one = GetParam();
  Twins twins(with(one.forwarding, [&](model::Model& m) {
    m.services["web"].tunnel.sources = {ip("198.51.100.200"), ip("198.51.100.201"), ip("2001:db8:2::200")};
  }));
  open(twins, one);
  expect_taken(twins, to(one).tcp(1000, 80).build());
}

INSTANTIATE_TEST_SUITE_P(Tunnels, ExpressTunnel, ::testing::ValuesIn(cases));

/// What may be cut on its way inside may be outside, too, and has a number of its own there.
TEST(ExpressTunnel, CopiesDontFragment) {
  Twins twins(with(Forwarding::ipip,
                   [](model::Model& m) { m.services["web"].tunnel.dont_fragment = model::DontFragment::copy; }));
  open(twins, cases[0]);
  for (unsigned i = 0; i < 3; ++i) {
    expect_taken(twins, to(cases[0]).tcp(1000, 80).build());
  }
}

TEST(ExpressTunnel, NoHeadroom) {
  Twins twins(with(Forwarding::ipip));
  open(twins, cases[0]);
  const Bytes frame = on_the_wire(to(cases[0]).tcp(1000, 80).build());
  EXPECT_EQ(decided(twins.probe, front_port, {frame}, Origin::port, ~std::size_t{0}, 19), 0u);
  EXPECT_EQ(decided(twins.probe, front_port, {frame}, Origin::port, ~std::size_t{0}, 20), 1u);
}

}  // namespace
}  // namespace limpet::path
