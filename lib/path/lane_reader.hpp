// What the express way sees of a packet: whose flow it may belong to, by which key, and what it is to that flow.
#pragma once

#include "path/burst.hpp"
#include "path/state.hpp"
#include "path/wire.hpp"

namespace limpet::path {
namespace lane {

namespace tcp = net::tcp_flag;

constexpr std::uint64_t mac_mask = 0xffff'ffff'ffff;  // of eight bytes that begin with a MAC address

/// What a packet is to its flow. A datagram always goes on.
enum class Kind : std::uint8_t { special, goes_on, opens, answers, ends };

/// By SYN, RST, FIN and ACK: SYN with nothing or ACK (RFC 9293, section 3.5), or FIN or RST without SYN.
constexpr Kind kind_of(std::uint8_t tcp_flags) noexcept {
  const auto turns = tcp_flags & (tcp::syn | tcp::fin | tcp::rst);
  if (turns == 0) [[likely]] {
    return Kind::goes_on;
  }
  return (turns & tcp::syn) == 0       ? Kind::ends
         : turns != tcp::syn           ? Kind::special
         : (tcp_flags & tcp::ack) == 0 ? Kind::opens
                                       : Kind::answers;
}

/// `size`: of the L4 packet, all of it readable.
[[gnu::always_inline]] inline Kind kind_of(std::uint8_t protocol, const std::uint8_t* l4, int size) noexcept {
  if (protocol == net::ip_protocol::tcp) {
    const int header = (l4[net::tcp::data_offset] >> 4) * 4;
    return header < int{net::tcp::size} || header > size ? Kind::special : kind_of(l4[net::tcp::flags]);
  }
  if (protocol != net::ip_protocol::udp || size < int{net::udp::size}) {
    return Kind::special;
  }
  const int length = load_be<std::uint16_t>(l4 + net::udp::length);
  return length >= int{net::udp::size} && length <= size ? Kind::goes_on : Kind::special;
}

}  // namespace lane

/// Reads packets of one kind, each into a candidate: one that may belong to a live flow, whose bucket is asked for.
template <class Wire>
class LaneReader {
 protected:
  using Kind = lane::Kind;
  using Key = typename Wire::Key;
  using Entry = flow::Entry<Key>;
  static constexpr std::size_t l3 = net::ethernet::size;

  struct Candidate {
    typename Entry::Pattern key;
    std::uint64_t hash;
    Entry* entry;
    const plan::Front* front;  // of a client's packet; null: a backend's
    std::uint16_t l3_size;
    std::uint8_t protocol;
    std::uint8_t packet;  // its place in the burst
    Kind kind;
  };
  static_assert(std::is_trivially_default_constructible_v<Candidate>);

  [[gnu::always_inline]] inline LaneReader(State& state, const plan::Plan& plan, Burst& burst) noexcept
      : state_(state),
        plan_(plan),
        burst_(burst),
        live_(state.flows.live_share<Key>()),
        steers_(state.node.owner.workers() != 1 && burst.source.origin == Origin::port) {}

 public:
  /// What read() needs: Ethernet, IP and TCP headers.
  static constexpr std::size_t packet_min = l3 + Wire::header + net::tcp::size;

  /// Reads a packet of at least packet_min bytes; what may belong to a live flow is kept in mind. False: it is none of
  /// this lane's.
  [[gnu::always_inline]] bool read(unsigned i) noexcept {
    const Packet& packet = burst_.packets[i];
    const std::uint8_t* const ip = packet.data + l3;
    Candidate& c = candidates_[count_];
    const std::uint32_t size = Wire::size(ip);
    c.l3_size = static_cast<std::uint16_t>(size);
    c.protocol = ip[Wire::protocol];
    c.packet = static_cast<std::uint8_t>(i);
    if (!Wire::is_plain(ip) || size > packet.size - l3 || !is_ours(packet)) {
      return false;
    }
    c.kind = lane::kind_of(c.protocol, ip + Wire::header, int{c.l3_size} - int{Wire::header});
    if (c.kind == Kind::special) {
      return false;
    }
    Key key;
    if (!is_known(ip, c, key)) {
      return false;
    }
    if ((steers_ && is_anothers(ip, c)) || (c.kind != Kind::goes_on && !is_expected(c))) {
      return true;
    }
    c.key = Entry::pattern(key);
    c.hash = state_.flows.hash(key);
    live_.prefetch(live_.first(c.hash));
    ++count_;
    return true;
  }

 protected:
  static bool follows_records(const plan::Front& front) noexcept {
    return (front.flags & plan::Front::follows_records) != 0;
  }

  State& state_;
  const plan::Plan& plan_;
  Burst& burst_;
  const flow::Share<Key>& live_;
  unsigned count_ = 0;        // candidates
  unsigned handed_over_ = 0;  // packets that are another worker's
  std::array<Candidate, burst_max> candidates_;

 private:
  [[nodiscard]] [[gnu::always_inline]] inline bool is_ours(const Packet& packet) noexcept {
    if (packet.port != port_) {
      port_ = packet.port;
      face_ = plan_.express.face(port_);
    }
    return face_ != nullptr && (net::detail::load_raw<std::uint64_t>(packet.data) & lane::mac_mask) == face_->mac &&
           (net::detail::load_raw<std::uint64_t>(packet.data + 6) & lane::mac_mask) != face_->mac;
  }

  /// Either way may be tried first: a packet that could be both has no flow of the wrong one, whose client would be a
  /// VIP. The packet before tells which is likely. Local addresses, which are Limpet's own, may be VIPs of other ports.
  [[gnu::always_inline]] inline bool is_known(const std::uint8_t* ip, Candidate& c, Key& key) noexcept {
    return answers_ && !Wire::local ? is_from_backend(ip, c, key) || is_from_client(ip, c, key)
                                    : is_from_client(ip, c, key) || is_from_backend(ip, c, key);
  }

  [[gnu::always_inline]] inline bool is_from_client(const std::uint8_t* ip, Candidate& c, Key& key) noexcept {
    const std::uint8_t* const l4 = ip + Wire::header;
    const typename Wire::Exact to(ip + Wire::destination, l4 + net::tcp::destination_port, c.protocol);
    c.front = plan_.express.find_front(to);
    if (c.front == nullptr || ((c.front->flags & plan::Front::local) != 0) != Wire::local) {
      return false;
    }
    answers_ = false;
    key = Wire::forward(ip + Wire::source, ip + Wire::destination, load_be<std::uint16_t>(l4 + net::tcp::source_port),
                        c.front->listener);
    return true;
  }

  [[gnu::always_inline]] inline bool is_from_backend(const std::uint8_t* ip, Candidate& c, Key& key) noexcept {
    if (Wire::local && !plan_.fronts.is_local(Wire::address(ip + Wire::destination))) {
      return false;
    }
    const std::uint8_t* const l4 = ip + Wire::header;
    const typename Wire::Exact from(ip + Wire::source, l4 + net::tcp::source_port, c.protocol);
    const std::uint32_t* endpoint = plan_.express.find_endpoint(from);
    if (endpoint == nullptr) {
      return false;
    }
    c.front = nullptr;
    answers_ = true;
    key = Wire::back(ip + Wire::destination, load_be<std::uint16_t>(l4 + net::tcp::destination_port), *endpoint);
    return true;
  }

  /// `client`: or what stands for it, of a backend's packet.
  [[nodiscard]] unsigned owner_of(const std::uint8_t* ip, const Candidate& c,
                                  const net::IpAddress& client) const noexcept {
    if (!Wire::local || c.front != nullptr) {
      return state_.node.owner.owner(client);
    }
    const auto port = [&](std::size_t at) { return load_be<std::uint16_t>(ip + Wire::header + at); };
    return state_.node.owner.owner_of_answer({Wire::address(ip + Wire::source), port(net::tcp::source_port)},
                                             {client, port(net::tcp::destination_port)});
  }

  /// `client`, owned elsewhere, is a local address of full NAT, which goes by its port, too, Limpet's host, or, of a
  /// backend's packet, a service: the long way knows.
  bool stays_here(const std::uint8_t* ip, const Candidate& c, const net::IpAddress& client) const noexcept {
    if (plan_.fronts.has_locals() && plan_.fronts.is_local(client)) {
      return true;
    }
    const auto l4_port = load_be<std::uint16_t>(ip + Wire::header + net::tcp::destination_port);
    return c.front == nullptr &&
           (plan_.owns(client) || plan_.fronts.find_listener(client, l4_port, c.protocol) != plan::FrontTable::none);
  }

  /// Another worker's client: handed over at once, but for a backend's packet to a service, whose client it is.
  bool is_anothers(const std::uint8_t* ip, const Candidate& c) noexcept {
    const net::IpAddress client = Wire::address(ip + (c.front != nullptr ? Wire::source : Wire::destination));
    const unsigned owner = owner_of(ip, c, client);
    if (owner == state_.index) {
      return false;
    }
    if (!Wire::local && stays_here(ip, c, client)) {
      return true;
    }
    ++handed_over_;
    burst_.items[c.packet].verdict = Verdict::handoff;
    burst_.items[c.packet].handoff_worker = static_cast<std::uint16_t>(owner);
    return true;
  }

  /// From this side.
  static bool is_expected(const Candidate& c) noexcept {
    return !Wire::local &&
           (c.kind == Kind::ends ||
            (c.kind == Kind::opens ? c.front != nullptr && follows_records(*c.front) : c.front == nullptr));
  }

  const bool steers_;
  PortIndex port_;  // of the packet read last
  const plan::Face* face_ = nullptr;
  bool answers_ = false;  // the packet read last came from a backend
};

}  // namespace limpet::path
