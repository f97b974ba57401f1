// Both directions of classification: destination -> listener (exact VIP and port, VIP with any port, VIP prefixes,
// longest first), and source -> backend endpoint. A look-up costs the same for one service and for thousands:
// two probes for each distinct prefix length in use.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/id.hpp"
#include "model/model.hpp"
#include "net/address.hpp"
#include "plan/flat_map.hpp"

namespace limpet::plan {

/// Where backends answer from: an address, a port (0: any) and a protocol.
struct EndpointEntry {
  EndpointSlot slot;
  bool any_port = false;
  /// The one listener (index in Plan::listeners) that this endpoint serves, ~0 when several do or it has no single
  /// VIP and port: lets a packet without a flow still find its VIP.
  std::uint32_t only_listener = ~0u;
};

class FrontTable {
 public:
  static constexpr std::uint32_t none = ~0u;

  /// False when the same address, port and protocol is there already.
  bool add_listener(const model::Listen& listen, std::uint32_t listener);
  /// An address that stands for clients towards backends (full NAT); Limpet answers for it as for a VIP.
  void add_local(const net::IpAddress& address);
  /// The entry of an endpoint, made if need be (slot unset then).
  EndpointEntry& endpoint(const net::Endpoint& endpoint, net::Protocol protocol);

  /// Index of the listener of a packet to this destination, or `none`.
  [[nodiscard]] std::uint32_t find_listener(const net::IpAddress& destination, std::uint16_t l4_port,
                                            std::uint8_t protocol) const noexcept;
  /// The endpoint a packet from this source comes from, or null.
  [[nodiscard]] const EndpointEntry* find_endpoint(const net::IpAddress& source, std::uint16_t l4_port,
                                                   std::uint8_t protocol) const noexcept;
  /// Some listener, of whatever port and protocol, has this address or a prefix around it.
  [[nodiscard]] bool covers(const net::IpAddress& address) const noexcept;
  /// Some endpoint, of whatever port and protocol, has this address.
  [[nodiscard]] bool has_endpoint_at(const net::IpAddress& address) const noexcept;
  /// Some listener has this very address (not merely a prefix around it) as its VIP, or it is a local one.
  [[nodiscard]] bool is_vip(const net::IpAddress& address) const noexcept;
  [[nodiscard]] bool is_local(const net::IpAddress& address) const noexcept;
  /// Some address is a local one.
  [[nodiscard]] bool has_locals() const noexcept { return has_locals_; }
  [[nodiscard]] const std::vector<net::IpAddress>& vips() const noexcept { return vips_; }

  /// Calls `f(const EndpointEntry&)` for each.
  template <class F>
  void each_endpoint(F&& f) const {
    endpoints_.each(f);
  }

 private:
  struct Key {
    net::IpAddress address;
    std::uint16_t l4_port = 0;
    std::uint8_t protocol = 0;
    std::uint8_t length = 0;
    std::uint32_t zero = 0;
  };
  static_assert(sizeof(Key) == 24);

  FlatMap<Key, std::uint32_t> listeners_;
  FlatMap<Key, EndpointEntry> endpoints_;
  FlatMap<Key, std::uint8_t> covered_;  // by prefix alone
  FlatMap<net::IpAddress, std::uint8_t> endpoint_set_;
  FlatMap<net::IpAddress, std::uint8_t> vip_set_;  // 1: VIP, 2: local address
  std::vector<net::IpAddress> vips_;               // both
  bool has_locals_ = false;
  std::array<std::vector<std::uint8_t>, 2> lengths_;  // by family: prefix lengths in use, longest first
};

}  // namespace limpet::plan
