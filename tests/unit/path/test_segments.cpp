// Frames in segments leave as the same frames do that come whole: every way of forwarding, both ways, both families.
#include "lab.hpp"

namespace limpet::path {
namespace {

using model::Forwarding;

constexpr Forwarding modes[] = {Forwarding::nat,  Forwarding::dr,  Forwarding::full_nat,
                                Forwarding::ipip, Forwarding::gre, Forwarding::gue};

Lab::Setup setup(Forwarding mode, std::size_t segment_bytes, unsigned workers) {
  Lab::Setup setup;
  setup.segment_bytes = segment_bytes;
  setup.workers = workers;
  for (auto& [name, port] : setup.model.ports) {
    port.mtu = 9000;
  }
  for (auto& [name, service] : setup.model.services) {
    service.forwarding = mode;
    if (mode == Forwarding::full_nat) {
      service.local_addresses = {prefix("198.51.100.200/32"), prefix("2001:db8:2::200/128")};
    }
  }
  return setup;
}

/// The same frames for both; what leaves has to be the same, byte by byte.
class Twins {
 public:
  Twins(Forwarding mode, std::size_t segment_bytes, unsigned workers)
      : whole_(setup(mode, 0, workers)), cut_(setup(mode, segment_bytes, workers)) {}

  std::vector<Out> send(PortIndex port, const Bytes& frame) {
    auto expected = whole_.send(port, frame);
    const auto got = cut_.send(port, frame);
    EXPECT_EQ(got.size(), expected.size());
    for (std::size_t i = 0; i < std::min(got.size(), expected.size()); ++i) {
      EXPECT_EQ(got[i].port, expected[i].port);
      EXPECT_EQ(got[i].bytes, expected[i].bytes);
    }
    return expected;
  }

 private:
  Lab whole_;
  Lab cut_;
};

/// A client's packet and, where answers pass Limpet, the backend's, with `payload_bytes` in each.
void talk(Twins& twins, const net::Endpoint& client, const net::Endpoint& vip, std::size_t payload_bytes, bool direct) {
  const bool udp = vip.l4_port == 53;
  const auto packet = [&](const net::Endpoint& from, const net::Endpoint& to, std::uint8_t tcp_flags,
                          std::size_t bytes) {
    PacketBuilder builder;
    builder.ip(from.address, to.address).payload(std::string(bytes, 'p'));
    udp ? builder.udp(from.l4_port, to.l4_port) : builder.tcp(from.l4_port, to.l4_port, tcp_flags);
    return builder;
  };
  const auto from_client = [&](std::uint8_t tcp_flags, std::size_t bytes) {
    return twins.send(front_port, packet(client, vip, tcp_flags, bytes).ethernet(gateway_mac, front_mac).build());
  };
  const auto opened = from_client(flags::syn, 0);
  ASSERT_EQ(opened.size(), 1u);
  const auto from_backend = [&](std::uint8_t tcp_flags, std::size_t bytes) {
    const Bytes frame = packet(opened[0].destination(), opened[0].source(), tcp_flags, bytes)
                            .ethernet(backend_mac(1), back_mac)
                            .build();
    EXPECT_EQ(twins.send(back_port, frame).size(), 1u);
  };
  if (!direct) {
    from_backend(flags::syn_ack, 0);
  }
  EXPECT_EQ(from_client(flags::ack, payload_bytes).size(), 1u);
  EXPECT_EQ(from_client(flags::ack, payload_bytes).size(), 1u);
  if (!direct) {
    from_backend(flags::ack, payload_bytes);
  }
}

class Segments : public ::testing::TestWithParam<Forwarding> {};

TEST_P(Segments, AreForwardedAsWholeFramesAre) {
  const bool direct = GetParam() != Forwarding::nat && GetParam() != Forwarding::full_nat;
  for (const unsigned workers : {1u, 3u}) {
    for (const std::size_t segment_bytes : {256u, 301u, 2048u}) {
      Twins twins(GetParam(), segment_bytes, workers);
      std::uint16_t l4_port = 2000;
      for (const std::size_t payload_bytes : {0u, 190u, 216u, 217u, 2000u, 8800u}) {
        for (const char* vip : {"192.0.2.10:80", "192.0.2.10:53", "[2001:db8:1::10]:80", "[2001:db8:1::10]:53"}) {
          const auto to = endpoint(vip);
          const auto from = to.address.is_v4() ? client_address(1 + l4_port % 50u) : ip("2001:db8:c::7");
          talk(twins, {from, ++l4_port}, to, payload_bytes, direct);
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, Segments, ::testing::ValuesIn(modes));

TEST(Segments, AnAnswerToPingKeepsTheRest) {
  Twins twins(Forwarding::nat, 256, 1);
  for (const auto& [client, vip] :
       {std::pair{"10.0.0.1", "192.0.2.10"}, std::pair{"2001:db8:c::1", "2001:db8:1::10"}}) {
    const auto request = ip(vip).is_v4() ? net::icmp::echo_request : net::icmpv6::echo_request;
    const Bytes frame = PacketBuilder()
                            .ethernet(gateway_mac, front_mac)
                            .ip(client, vip)
                            .payload(std::string(6000, 'e'))
                            .icmp(request)
                            .build();
    EXPECT_EQ(twins.send(front_port, frame).size(), 1u);
  }
}

TEST(Segments, TheSenderIsToldWhatFits) {
  Lab::Setup small = setup(Forwarding::nat, 256, 1);
  small.model.ports["back"].mtu = 1500;
  Lab lab(small);
  for (const char* client : {"10.0.0.1", "2001:db8:c::1"}) {
    Talk talk(lab, client, 1000, ip(client).is_v4() ? "192.0.2.10:80" : "[2001:db8:1::10]:80");
    talk.open();
    const auto out = lab.send_one(front_port, talk.packet(flags::ack, std::string(6000, 'x')));
    ASSERT_TRUE(out);
    EXPECT_EQ(out->port, front_port);
    EXPECT_EQ(out->parsed.icmp_type, ip(client).is_v4() ? net::icmp::unreachable : net::icmpv6::packet_too_big);
  }
}

}  // namespace
}  // namespace limpet::path
