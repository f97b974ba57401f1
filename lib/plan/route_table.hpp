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
  /// False when the prefix has a route already; that one stays. `hop.next_hop` none: the prefix is on the link.
  bool add(const net::Prefix& to, const Hop& hop);
  /// The hop, its next_hop filled in, or nothing.
  [[nodiscard]] std::optional<Hop> find(const net::IpAddress& destination) const noexcept;

 private:
  struct Level {  // all routes of one length and family
    std::uint8_t length = 0;
    FlatMap<net::IpAddress, Hop> hops;
  };
  std::array<std::vector<Level>, 2> levels_;  // by family, longest first
};

}  // namespace limpet::plan
