// Longest-prefix match from a destination to where its packets leave. Immutable; part of the plan.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/id.hpp"
#include "net/address.hpp"

namespace limpet::plan {

/// Where a packet leaves: the interface, and the neighbour that takes it (none: the destination itself).
struct Hop {
  InterfaceIndex interface;
  net::IpAddress next_hop;
  friend bool operator==(const Hop&, const Hop&) = default;
};

class RouteTable {
 public:
  /// The first route added to a prefix stays. `via` none: the prefix is on the link.
  void add(const net::Prefix& to, Hop hop);
  /// The hop with its next_hop filled in, or nothing.
  [[nodiscard]] std::optional<Hop> find(const net::IpAddress& destination) const noexcept;

 private:
  struct Level {  // all routes of one length and family
    std::uint8_t length = 0;
    std::unordered_map<net::IpAddress, Hop> hops;
  };
  std::vector<Level> levels_[2];  // by family, longest first
};

}  // namespace limpet::plan
