// How packets leave towards a backend or by a route, made ready to be written: link header, address, MTU. A worker's
// own copies of what plan and neighbours say, good for one generation: until either changes, and for a second at most,
// so that neighbours in use are seen to be in use.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/time.hpp"
#include "net/headers.hpp"
#include "path/packet.hpp"
#include "plan/plan.hpp"

namespace limpet::path {

struct Node;
struct Waiting;

struct alignas(64) Leg {
  std::uint64_t generation = 0;  // that it was made in
  std::array<std::uint8_t, net::ethernet::size> link{};
  std::uint16_t address_at = 0;
  std::uint16_t mtu = 0;             // 0: not known, or special: its packets go the long way
  std::uint16_t l4_port = 0;         // as in a packet; 0: the packet's is kept
  bool unlimited = false;            // the backend takes any number of connections
  bool reachable = false;            // the neighbour is
  std::uint16_t gateways = 0;        // not 0: by_gateway() tells the flow's own leg; mtu is 0 then
  std::uint32_t pool = ~0u;          // of the backend, index in Plan::pools
  PortIndex port;                    // leaves by
  InterfaceIndex interface;          // of that
  net::IpAddress address;            // the backend's
  std::uint32_t tcp_endpoint = ~0u;  // slots that its answers are known by; ~0: none
  std::uint32_t udp_endpoint = ~0u;

  /// The address as it lies in a packet.
  [[nodiscard]] const std::uint8_t* wire_address() const noexcept { return address.bytes() + address_at; }
};
static_assert(sizeof(Leg) == 64);

class Legs {
 public:
  static constexpr std::uint32_t routes_max = 1024;   // routes beyond are for the long way
  static constexpr std::uint32_t gateways_max = 256;  // gateways of routes that have several, likewise

  explicit Legs(std::uint32_t backend_slots);

  /// Begins a new generation where anything that legs are made of may have changed.
  void renew(const plan::Plan& plan, std::uint32_t adjacencies_version, Millis now_ms) noexcept {
    const bool other_plan = &plan != plan_ || plan.version != plan_version_;
    const bool other_ends = plan.express.digest() != plan_digest_;
    const std::uint64_t now_s = now_ms / 1000;
    if (other_plan || adjacencies_version != adjacencies_version_ || now_s != now_s_) {
      plan_ = &plan;
      plan_version_ = plan.version;
      plan_digest_ = plan.express.digest();
      plan_since_s_ = other_ends ? now_s : plan_since_s_;
      adjacencies_version_ = adjacencies_version;
      now_s_ = now_s;
      ++generation_;
    }
  }
  /// For how long flows have run between the same listeners and backends, as far as 16 bits go.
  [[nodiscard]] std::uint16_t plan_age_s() const noexcept {
    return static_cast<std::uint16_t>(std::min<std::uint64_t>(now_s_ - plan_since_s_, 0xffff));
  }

  void prefetch(net::Family family, std::uint32_t slot) const noexcept { __builtin_prefetch(&of(family)[slot]); }

  [[nodiscard]] const Leg& to_backend(net::Family family, std::uint32_t slot, const Node& node,
                                      const Waiting& waiting) noexcept {
    Leg& leg = of(family)[slot];
    if (leg.generation != generation_) [[unlikely]] {
      make_backend(leg, family, slot, node, waiting);
    }
    return leg;
  }
  /// `route`: a number that RouteTable::number() told.
  [[nodiscard]] const Leg& by_route(std::uint32_t route, const Node& node, const Waiting& waiting) noexcept {
    if (route >= routes_max) [[unlikely]] {
      return nowhere_;
    }
    Leg& leg = routes_[route];
    if (leg.generation != generation_) [[unlikely]] {
      make(leg, plan_->routes.hop(route), node, waiting);
    }
    return leg;
  }

  /// Of the gateways behind a leg the flow's own; with mtu 0, like all that the long way must see to.
  [[nodiscard]] const Leg& by_gateway(std::uint16_t gateways, std::uint64_t flow, const Node& node,
                                      const Waiting& waiting) noexcept;

 private:
  [[nodiscard]] Leg* of(net::Family family) const noexcept { return backends_[static_cast<std::size_t>(family)].get(); }
  void make_backend(Leg& leg, net::Family family, std::uint32_t slot, const Node& node,
                    const Waiting& waiting) noexcept;
  void make(Leg& leg, const plan::Hop& hop, const Node& node, const Waiting& waiting) noexcept;

  std::array<std::unique_ptr<Leg[]>, 2> backends_;  // by family and BackendSlot
  std::unique_ptr<Leg[]> routes_;                   // by number
  std::unique_ptr<Leg[]> gateways_;                 // by number
  Leg nowhere_;
  std::uint64_t generation_ = 1;
  const plan::Plan* plan_ = nullptr;  // only compared, but for a plan just given to renew()
  std::uint64_t plan_version_ = 0;
  std::uint64_t plan_digest_ = 0;  // of plan::Express
  std::uint64_t plan_since_s_ = 0;
  std::uint64_t now_s_ = 0;
  std::uint32_t adjacencies_version_ = 0;
};

}  // namespace limpet::path
