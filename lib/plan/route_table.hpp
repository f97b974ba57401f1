// Longest-prefix match from a destination to where its packets leave. Immutable once built; part of the plan.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/id.hpp"
#include "net/address.hpp"
#include "plan/flat_map.hpp"

namespace limpet::plan {

/// Where a packet leaves: the interface, and the neighbour that takes it.
struct Hop {
  InterfaceIndex interface;
  net::IpAddress next_hop;
  friend bool operator==(const Hop&, const Hop&) = default;
};

class RouteTable {
 public:
  static constexpr std::uint32_t no_route = ~0u;

  /// False when the prefix has a route already; that one stays. `hop.next_hop` none: the prefix is on the link.
  bool add(const net::Prefix& to, const Hop& hop);
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
};

}  // namespace limpet::plan
