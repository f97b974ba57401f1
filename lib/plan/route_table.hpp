// Longest-prefix match from a destination to where its packets leave. Immutable once built; part of the plan.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/id.hpp"
#include "net/address.hpp"
#include "plan/flat_map.hpp"

namespace limpet::plan {

/// Where a packet leaves: the interface, and the neighbour that takes it.
struct Hop {
  InterfaceIndex interface;
  net::IpAddress next_hop;
  std::uint16_t gateways = 0;  // not 0: next_hop is the first of RouteTable::gateways(), of which each flow has its own
  friend bool operator==(const Hop&, const Hop&) = default;
};

class RouteTable {
 public:
  static constexpr std::uint32_t no_route = ~0u;

  /// False when the prefix has a route already; that one stays. `hop.next_hop` none: the prefix is on the link.
  bool add(const net::Prefix& to, const Hop& hop);
  /// The same by several gateways.
  bool add(const net::Prefix& to, InterfaceIndex interface, std::span<const net::IpAddress> gateways);
  /// After the last add().
  void finish();
  /// The hop, its next_hop filled in, or nothing.
  [[nodiscard]] std::optional<Hop> find(const net::IpAddress& destination) const noexcept;
  /// The number of the route that find() would follow, or no_route.
  [[nodiscard]] std::uint32_t number(const net::IpAddress& destination) const noexcept;
  /// The same, `wire`: the address as it lies in a packet. Quick where its first 16 bits tell.
  template <net::Family family>
  [[nodiscard]] std::uint32_t number(const std::uint8_t* wire) const noexcept {
    const auto& numbers = numbers_[static_cast<std::size_t>(family)];
    if (numbers.empty()) {
      return no_route;
    }
    const std::uint16_t number = numbers[load_be<std::uint16_t>(wire)];
    if (number != look_closer) [[likely]] {
      return number;
    }
    return this->number(family == net::Family::v4 ? net::IpAddress::v4(wire) : net::IpAddress::v6(wire));
  }
  /// The hop of a numbered route; its next_hop is none where the route's destinations are on the link.
  [[nodiscard]] const Hop& hop(std::uint32_t number) const noexcept { return hops_[number]; }
  /// Calls `f(const Hop&)` for each next hop of each route.
  template <class F>
  void each_gateway(F&& f) const {
    for (const Hop& hop : hops_) {
      if (!hop.next_hop.is_none() && hop.gateways == 0) {
        f(hop);
      }
    }
    for (const Hop& hop : gateways_) {
      f(hop);
    }
  }

  /// The gateways that Hop::gateways stands for; their numbers among those of all routes begin at first_gateway().
  [[nodiscard]] std::span<const Hop> gateways(std::uint16_t of) const noexcept {
    const Gateways& found = groups_[of - 1];
    return std::span(gateways_).subspan(found.first, found.count);
  }
  [[nodiscard]] std::uint32_t first_gateway(std::uint16_t of) const noexcept { return groups_[of - 1].first; }

 private:
  /// Which route depends on more than the first 16 bits, or there is none.
  static constexpr std::uint16_t look_closer = 0xffff;

  struct Level {  // all routes of one length and family
    std::uint8_t length = 0;
    FlatMap<net::IpAddress, std::uint32_t> routes;
  };
  std::array<std::vector<Level>, 2> levels_;           // by family, longest first
  std::array<std::vector<std::uint16_t>, 2> numbers_;  // by family and first 16 bits of the address
  std::vector<Hop> hops_;                              // by number
  std::vector<net::Prefix> prefixes_;                  // by number
  struct Gateways {
    std::uint32_t first = 0, count = 0;  // in gateways_
  };
  std::vector<Gateways> groups_;  // by Hop::gateways - 1
  std::vector<Hop> gateways_;
};

}  // namespace limpet::plan
