#include "plan/route_table.hpp"

#include <algorithm>

namespace limpet::plan {

bool RouteTable::add(const net::Prefix& to, const Hop& hop) {
  auto& levels = levels_[static_cast<std::size_t>(to.address.family())];
  auto level = std::find_if(levels.begin(), levels.end(), [&](const Level& l) { return l.length <= to.length; });
  if (level == levels.end() || level->length != to.length) {
    level = levels.insert(level, Level{to.length, {}});
  }
  return level->hops.add(to.address.masked(to.length), hop);
}

std::optional<Hop> RouteTable::find(const net::IpAddress& destination) const noexcept {
  for (const Level& level : levels_[static_cast<std::size_t>(destination.family())]) {
    if (const Hop* hop = level.hops.find(destination.masked(level.length))) {
      return Hop{hop->interface, hop->next_hop.is_none() ? destination : hop->next_hop};
    }
  }
  return std::nullopt;
}

}  // namespace limpet::plan
