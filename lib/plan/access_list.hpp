// Which clients may open flows: prefixes that are allowed or denied, of which the longest around an address counts.
// Kept as the addresses at which the answer changes, so that thousands of prefixes cost one binary search, and only a
// new flow asks. Immutable once built; part of the plan.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "net/address.hpp"

namespace limpet::plan {

class AccessList {
 public:
  AccessList() = default;
  /// No prefix is in both lists. With an empty `allow` all are allowed whom nothing denies.
  AccessList(std::span<const net::Prefix> allow, std::span<const net::Prefix> deny);

  [[nodiscard]] bool allows(const net::IpAddress& client) const noexcept;

 private:
  struct Bound {
    std::uint64_t high, low;
    friend auto operator<=>(const Bound&, const Bound&) = default;
  };
  static Bound bound_of(const net::IpAddress& address) noexcept { return {address.high(), address.low()}; }
  struct Rule;
  [[nodiscard]] std::vector<Bound> changes(std::vector<Rule> rules) const;

  bool others_ = true;                         // what no prefix speaks of is allowed
  std::array<std::vector<Bound>, 2> changes_;  // by family: from each on the answer is the opposite
};

}  // namespace limpet::plan
