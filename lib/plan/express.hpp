// What the express way (path/express.hpp) reads of a plan: listeners and endpoints of one address and one port, by
// the bytes that a packet has of them, with as little beside them as a packet of a known flow needs.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "base/id.hpp"
#include "net/address.hpp"
#include "plan/flat_map.hpp"

namespace limpet::plan {

struct Backend;
struct Listener;
struct Service;

/// Address, port and protocol, which is never 0, as they lie in a packet.
struct ExactV4 {
  static constexpr std::size_t address_bytes = 4;
  std::uint64_t word = 0;
  ExactV4(const std::uint8_t* address, const std::uint8_t* port, std::uint8_t protocol) noexcept
      : word(std::uint64_t{protocol} << 48) {
    std::memcpy(&word, address, 4);
    std::memcpy(reinterpret_cast<std::uint8_t*>(&word) + 4, port, 2);
  }
  constexpr ExactV4() noexcept = default;
};
struct ExactV6 {
  static constexpr std::size_t address_bytes = 16;
  std::uint64_t high = 0, low = 0, rest = 0;
  ExactV6(const std::uint8_t* address, const std::uint8_t* port, std::uint8_t protocol) noexcept
      : rest(std::uint64_t{protocol} << 48) {
    std::memcpy(&high, address, 8);
    std::memcpy(&low, address + 8, 8);
    std::memcpy(&rest, port, 2);
  }
  constexpr ExactV6() noexcept = default;
};

template <>
inline constexpr bool zero_is_no_key<ExactV4> = true;
template <>
inline constexpr bool zero_is_no_key<ExactV6> = true;

/// A listener whose flows may go the express way.
struct Front {
  static constexpr std::uint32_t dr = 1;               // else nat
  static constexpr std::uint32_t udp = 2;              // else tcp
  static constexpr std::uint32_t every_second = 4;     // once a second a packet of the flow goes the long way
  static constexpr std::uint32_t follows_records = 8;  // a new flow's session is told by its source address alone
  static constexpr std::uint32_t tunnel = 16;          // dr, and into the service's tunnel
  static constexpr std::uint32_t local = 32;           // full NAT
  static constexpr std::uint32_t spliced = 64;         // flows may be spliced connections
  std::uint32_t pool : 24 = 0;                         // index in Plan::pools
  std::uint32_t flags : 8 = 0;
  std::uint16_t listener = 0;     // its slot
  std::uint16_t quiet_max_s = 0;  // of a live flow; after more its packet goes the long way
};
static_assert(sizeof(Front) == 8);

/// The same, by its slot: what answers get as their source.
struct Vip {
  net::IpAddress address;     // none: no express way
  std::uint16_t l4_port = 0;  // as in a packet
  std::uint16_t timeout_s = 0;
  std::uint8_t address_at = 0;  // of a packet's bytes in `address`
  bool lowers_mss = false;      // of connections that begin

  [[nodiscard]] const std::uint8_t* wire_address() const noexcept { return address.bytes() + address_at; }
};

/// The untagged interface of a port.
struct Face {
  std::uint64_t mac = 0;  // the six bytes as in a packet
  bool there = false;
};

class Express {
 public:
  void add_face(PortIndex port, const net::Mac& mac);
  void add_listener(const Listener& listener, const Service& service);
  void add_endpoint(const net::Endpoint& endpoint, net::Protocol protocol, EndpointSlot slot);
  void add_backend(const Backend& backend, std::uint32_t pool);

  /// Equal for plans whose flows run between the same listeners and backends: what was seen under one of them holds
  /// under the other.
  [[nodiscard]] std::uint64_t digest() const noexcept { return digest_; }

  [[nodiscard]] const Front* find_front(const ExactV4& key) const noexcept { return fronts_v4_.find(key); }
  [[nodiscard]] const Front* find_front(const ExactV6& key) const noexcept { return fronts_v6_.find(key); }
  /// The slot of an endpoint, or null.
  [[nodiscard]] const std::uint32_t* find_endpoint(const ExactV4& key) const noexcept { return ends_v4_.find(key); }
  [[nodiscard]] const std::uint32_t* find_endpoint(const ExactV6& key) const noexcept { return ends_v6_.find(key); }
  /// The slot of the endpoint that a backend with this address and port answers from; ~0: it keeps clients' ports.
  [[nodiscard]] std::uint32_t endpoint_slot(const net::Endpoint& backend, net::Protocol protocol) const noexcept;
  /// Null: the listener's flows don't go the express way, or may be spliced connections.
  [[nodiscard]] const Vip* vip(std::uint32_t listener) const noexcept { return vip(vips_, listener); }
  /// The same of a listener whose flows may be spliced connections.
  [[nodiscard]] const Vip* spliced_vip(std::uint32_t listener) const noexcept { return vip(spliced_vips_, listener); }
  [[nodiscard]] const Face* face(PortIndex port) const noexcept {
    return port.value() < faces_.size() && faces_[port.value()].there ? &faces_[port.value()] : nullptr;
  }

 private:
  static const Vip* vip(const std::vector<Vip>& vips, std::uint32_t listener) noexcept {
    return listener < vips.size() && !vips[listener].address.is_none() ? &vips[listener] : nullptr;
  }
  void digest(std::uint64_t word) noexcept;
  void digest(const net::Endpoint& endpoint, std::uint64_t more) noexcept;

  std::uint64_t digest_ = 0;
  FlatMap<ExactV4, Front> fronts_v4_;
  FlatMap<ExactV6, Front> fronts_v6_;
  FlatMap<ExactV4, std::uint32_t> ends_v4_;
  FlatMap<ExactV6, std::uint32_t> ends_v6_;
  std::vector<Vip> vips_, spliced_vips_;  // by listener slot
  std::vector<Face> faces_;               // by PortIndex
};

}  // namespace limpet::plan
