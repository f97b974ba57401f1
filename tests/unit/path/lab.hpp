// A node between clients and backends for tests of the whole path: two ports, static neighbours, four backends of
// both families. Every frame that leaves is checked for its checksums, and when the lab is torn down every packet
// must be accounted for and no session may have moved without a reason.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "net/parse.hpp"
#include "replay/node.hpp"
#include "support/packet_builder.hpp"
#include "support/two_ports.hpp"

namespace limpet::path {

using counters::Counter;
using counters::ProfileCounter;
using limpet::test::back_mac;
using limpet::test::back_port;
using limpet::test::Bytes;
using limpet::test::endpoint;
using limpet::test::front_mac;
using limpet::test::front_port;
using limpet::test::gateway_mac;
using limpet::test::ip;
using limpet::test::PacketBuilder;
using limpet::test::prefix;

namespace flags {
inline constexpr std::uint8_t fin = net::tcp_flag::fin, syn = net::tcp_flag::syn, rst = net::tcp_flag::rst,
                              ack = net::tcp_flag::ack, syn_ack = syn | ack, fin_ack = fin | ack;
}

inline net::Mac backend_mac(unsigned number) {
  return {{2, 0, 0, 0, 1, static_cast<std::uint8_t>(number)}};
}
inline model::Listen listen(std::string_view vip, std::uint16_t l4_port, net::Protocol protocol) {
  return {prefix(vip), l4_port, protocol};
}

/// "198.51.100.11:8080" and "[2001:db8:2::11]:8080" for number 1; port 0: the client's is kept.
inline model::Backend backend(unsigned number, std::uint16_t l4_port = 8080) {
  model::Backend made;
  made.addresses = {{ip(fmt::format("198.51.100.{}", 10 + number)), l4_port},
                    {ip(fmt::format("2001:db8:2::{}", 10 + number)), l4_port}};
  return made;
}
inline model::Pool pool(unsigned first, unsigned last, std::uint16_t l4_port = 8080) {
  model::Pool made;
  for (unsigned number = first; number <= last; ++number) {
    made.backends[fmt::format("b{}", number)] = backend(number, l4_port);
  }
  return made;
}
inline model::Service service(std::string pool, std::vector<model::Listen> listens) {
  model::Service made;
  made.pool = std::move(pool);
  made.listen = std::move(listens);
  made.persist = {"client"};
  return made;
}

/// Services web (192.0.2.10:80/tcp and IPv6) and dns (192.0.2.10:53/udp and IPv6); pools web and dns of b1 .. b4.
inline model::Model base_model() {
  model::Model model;
  test::declare_ports(model);
  for (unsigned number = 1; number <= 9; ++number) {
    for (const auto& address : backend(number).addresses) {
      model.ports["back"].neighbors[address.address] = backend_mac(number);
    }
  }
  model.profiles["client"] = {};
  model.pools["web"] = pool(1, 4);
  model.pools["dns"] = pool(1, 4, 53);
  using net::Protocol;
  model.services["web"] =
      service("web", {listen("192.0.2.10", 80, Protocol::tcp), listen("2001:db8:1::10", 80, Protocol::tcp)});
  model.services["dns"] =
      service("dns", {listen("192.0.2.10", 53, Protocol::udp), listen("2001:db8:1::10", 53, Protocol::udp)});
  return model;
}

/// A frame that left, parsed.
struct Out {
  PortIndex port;
  bool to_kernel = false;
  Bytes bytes;
  net::Parsed parsed;
  [[nodiscard]] net::Endpoint source() const { return {parsed.source, parsed.source_port}; }
  [[nodiscard]] net::Endpoint destination() const { return {parsed.destination, parsed.destination_port}; }
  [[nodiscard]] net::Mac to_mac() const {
    net::Mac mac;
    std::copy_n(bytes.begin(), 6, mac.bytes.begin());
    return mac;
  }
};

/// IPv4 header and TCP, UDP, ICMP checksums computed anew in the plainest way.
inline void expect_right_checksums(const Out& out) {
  const net::Parsed& p = out.parsed;
  ASSERT_EQ(p.error, net::ParseError::none);
  if (p.kind != net::Kind::ip || p.l4_offset == 0 || p.fragment) {
    return;
  }
  const auto at = [&](std::size_t offset) { return out.bytes.begin() + static_cast<std::ptrdiff_t>(offset); };
  if (p.source.is_v4()) {
    const std::size_t header = std::size_t{static_cast<std::uint8_t>(out.bytes[p.l3_offset] & 15)} * 4;
    EXPECT_EQ(test::plain_checksum(Bytes(at(p.l3_offset), at(p.l3_offset + header))), 0);
  }
  if (p.protocol == net::ip_protocol::gre || p.protocol == net::ip_protocol::ipip ||
      p.protocol == net::ip_protocol::ipv6) {
    return;  // without a checksum of its own
  }
  const Bytes message(at(p.l4_offset), at(std::size_t{p.l3_offset} + p.l3_size));
  const bool icmp = p.source.is_v4() && p.protocol == net::ip_protocol::icmp;
  EXPECT_EQ(
      icmp ? test::plain_checksum(message) : test::plain_l4_checksum(p.source, p.destination, p.protocol, message), 0);
}

class Lab {
 public:
  struct Setup {
    model::Model model = base_model();
    unsigned workers = 1;
    std::uint64_t flows_max = 4096;
    std::uint64_t records_max = 4096;
    hash::Secret secret = hash::fixed_secret();
    Millis start_ms = 1'000'000;
    std::int64_t unix_at_zero_s = 0;
    std::size_t segment_bytes = 0;  // of the first segment of larger frames; 0: all come whole
  };
  Lab() : Lab(Setup{}) {}
  explicit Lab(model::Model changed) : Lab(with_model(std::move(changed))) {}
  explicit Lab(const Setup& setup) : model(setup.model) {
    auto made = replay::Node::create(model, setup.secret,
                                     {.workers = setup.workers,
                                      .flows_max = setup.flows_max,
                                      .records_max = setup.records_max,
                                      .start_ms = setup.start_ms,
                                      .unix_at_zero_s = setup.unix_at_zero_s,
                                      .segment_bytes = setup.segment_bytes});
    if (!made) {
      throw std::runtime_error(made.error().text);
    }
    node = std::move(*made);
  }
  Lab(const Lab&) = delete;
  Lab& operator=(const Lab&) = delete;
  ~Lab() {
    expect_accounted();
    EXPECT_EQ(node->violations(), 0u);
  }

  /// What left because this frame came.
  std::vector<Out> send(PortIndex port, const Bytes& frame, unsigned worker = 0) {
    node->receive(port, worker, frame);
    return take();
  }
  std::vector<Out> take() {
    std::vector<Out> outs;
    for (auto& sent : node->take_sent()) {
      Out out{sent.port, sent.to_kernel, std::move(sent.bytes), {}};
      net::parse(out.bytes.data(), out.bytes.size(), out.bytes.size(), out.parsed);
      expect_right_checksums(out);
      outs.push_back(std::move(out));
    }
    return outs;
  }
  std::optional<Out> send_one(PortIndex port, const Bytes& frame, unsigned worker = 0) {
    auto outs = send(port, frame, worker);
    EXPECT_LE(outs.size(), 1u);
    return outs.empty() ? std::nullopt : std::optional(std::move(outs.front()));
  }

  void wait_ms(Millis ms) { node->advance(node->now_ms() + ms); }
  void apply() {
    const auto applied = node->apply(model);
    ASSERT_TRUE(applied) << applied.error().text;
  }
  void set_health(const std::string& name, plan::Health health) { node->backend(name).health = health; }
  void set_admin(const std::string& name, plan::Admin admin) { node->backend(name).admin = admin; }
  [[nodiscard]] std::uint64_t count(Counter counter) const { return node->counter(counter); }
  [[nodiscard]] std::uint64_t count(const std::string& profile, ProfileCounter counter) const {
    return node->plan().profile_uses.at(profile)->sum(counter);
  }
  [[nodiscard]] std::uint64_t moved(Reason reason) const { return node->moves()[static_cast<std::size_t>(reason)]; }
  [[nodiscard]] std::uint64_t moved_in_all() const {
    std::uint64_t sum = 0;
    for (const auto count : node->moves()) {
      sum += count;
    }
    return sum;
  }
  [[nodiscard]] std::uint64_t live_flows() {
    std::uint64_t sum = 0;
    for (unsigned i = 0; i < node->workers(); ++i) {
      const auto stats = node->state(i).flows.stats();
      sum += stats.live_narrow + stats.live_wide;
    }
    return sum;
  }
  [[nodiscard]] std::uint64_t dropped() const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < counters::counter_count; ++i) {
      sum += counters::descriptions[i].is_drop ? count(static_cast<Counter>(i)) : 0;
    }
    return sum;
  }
  void expect_accounted() {
    std::uint64_t waiting = 0;
    for (unsigned i = 0; i < node->workers(); ++i) {
      waiting += node->state(i).waiting.count + node->state(i).fragments.held() + node->state(i).awaited.held();
    }
    EXPECT_EQ(count(Counter::received) + count(Counter::from_control) + count(Counter::made),
              count(Counter::transmitted) + count(Counter::punted) + dropped() + waiting);
    EXPECT_EQ(count(Counter::handed_off), count(Counter::taken_over));
  }

  model::Model model;
  std::unique_ptr<replay::Node> node;

 private:
  static Setup with_model(model::Model model) {
    Setup setup;
    setup.model = std::move(model);
    return setup;
  }
};

/// One connection (or UDP exchange) of a client, which remembers what it looked like at the backend.
class Talk {
 public:
  Talk(Lab& lab, std::string_view client, std::uint16_t l4_port, std::string_view vip = "192.0.2.10:80")
      : Talk(lab, {ip(client), l4_port}, endpoint(vip)) {}
  Talk(Lab& lab, const net::Endpoint& client, const net::Endpoint& vip)
      : lab_(&lab), client_(client), vip_(vip), udp_(vip.l4_port == 53) {}

  /// The client's packet arrives; where it went, as "198.51.100.11:8080", empty if nowhere.
  std::string up(std::uint8_t tcp_flags = flags::ack, unsigned worker = 0) {
    const auto out = lab_->send_one(front_port, packet(tcp_flags), worker);
    if (!out || out->port != back_port) {
      return "";
    }
    EXPECT_EQ(out->source().address, client_.address);
    seen_ = *out;
    return out->destination().text();
  }
  /// The backend answers; true when the client gets it as from the VIP.
  bool down(std::uint8_t tcp_flags = flags::ack, unsigned worker = 0) {
    const auto out = lab_->send_one(back_port, answer(tcp_flags), worker);
    if (!out || out->port != front_port) {
      return false;
    }
    EXPECT_EQ(out->source(), vip_);
    EXPECT_EQ(out->destination(), client_);
    return true;
  }
  /// SYN, SYN-ACK, ACK, or two datagrams around an answer; where they went.
  std::string open() {
    const std::string at = up(flags::syn);
    if (at.empty()) {
      return at;
    }
    EXPECT_TRUE(down(flags::syn_ack));
    EXPECT_EQ(up(flags::ack), at);
    return at;
  }
  void close() {
    up(flags::fin_ack);
    down(flags::fin_ack);
    up(flags::ack);
  }

  [[nodiscard]] Bytes packet(std::uint8_t tcp_flags = flags::ack, std::string_view payload = "hello") const {
    PacketBuilder builder;
    builder.ethernet(gateway_mac, front_mac).ip(client_.address, vip_.address).payload(payload);
    udp_ ? builder.udp(client_.l4_port, vip_.l4_port) : builder.tcp(client_.l4_port, vip_.l4_port, tcp_flags);
    return builder.build();
  }
  [[nodiscard]] Bytes answer(std::uint8_t tcp_flags = flags::ack) const {
    const net::Parsed& p = seen_.parsed;
    PacketBuilder builder;
    builder.ethernet(backend_mac(1), back_mac).ip(p.destination, p.source).payload("answer");
    udp_ ? builder.udp(p.destination_port, p.source_port) : builder.tcp(p.destination_port, p.source_port, tcp_flags);
    return builder.build();
  }
  /// The last packet as the backend got it.
  [[nodiscard]] const Out& seen() const { return seen_; }

 private:
  Lab* lab_;
  net::Endpoint client_;
  net::Endpoint vip_;
  bool udp_;
  Out seen_;
};

inline net::IpAddress client_address(std::uint32_t number) {
  return net::IpAddress::v4(0x0a000000u + number);
}
/// "b3" for "198.51.100.13:8080" and "[2001:db8:2::13]:8080".
inline std::string name_at(const std::string& at) {
  const auto found = net::Endpoint::parse(at);
  return found ? fmt::format("b{}", found->address.bytes()[15] - (found->address.is_v4() ? 10 : 0x10)) : "";
}

}  // namespace limpet::path
