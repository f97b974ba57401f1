#include "plan/route_table.hpp"

#include <algorithm>
#include <numeric>

namespace limpet::plan {
namespace {

constexpr unsigned numbered_bits = 16;

}  // namespace

bool RouteTable::add(const net::Prefix& to, const Hop& hop) {
  auto& levels = levels_[static_cast<std::size_t>(to.address.family())];
  auto level = std::find_if(levels.begin(), levels.end(), [&](const Level& l) { return l.length <= to.length; });
  if (level == levels.end() || level->length != to.length) {
    level = levels.insert(level, Level{to.length, {}});
  }
  if (!level->routes.add(to.address.masked(to.length), static_cast<std::uint32_t>(hops_.size()))) {
    return false;
  }
  hops_.push_back(hop);
  prefixes_.push_back({to.address.masked(to.length), to.length});
  return true;
}

bool RouteTable::add(const net::Prefix& to, InterfaceIndex interface, std::span<const net::IpAddress> gateways) {
  constexpr std::size_t groups_max = 0xffff;
  Hop hop{interface, gateways.empty() ? net::IpAddress{} : gateways[0], 0};
  const bool several = gateways.size() > 1 && groups_.size() < groups_max;
  hop.gateways = several ? static_cast<std::uint16_t>(groups_.size() + 1) : std::uint16_t{0};
  if (!add(to, hop)) {
    return false;
  }
  if (several) {
    groups_.push_back({static_cast<std::uint32_t>(gateways_.size()), static_cast<std::uint32_t>(gateways.size())});
    for (const net::IpAddress& gateway : gateways) {
      gateways_.push_back({interface, gateway, 0});
    }
  }
  return true;
}

void RouteTable::finish() {
  std::vector<std::uint32_t> shortest_first(hops_.size());
  std::iota(shortest_first.begin(), shortest_first.end(), std::uint32_t{0});
  std::stable_sort(shortest_first.begin(), shortest_first.end(),
                   [&](auto one, auto other) { return prefixes_[one].length < prefixes_[other].length; });
  for (const std::uint32_t number : shortest_first) {
    const net::Prefix& to = prefixes_[number];
    auto& numbers = numbers_[static_cast<std::size_t>(to.address.family())];
    numbers.resize(std::size_t{1} << numbered_bits, look_closer);
    const auto first = load_be<std::uint16_t>(to.address.wire_bytes());
    const bool tells = to.length <= numbered_bits && number < look_closer;
    const auto count = to.length <= numbered_bits ? std::size_t{1} << (numbered_bits - to.length) : 1;
    std::fill_n(numbers.begin() + first, count, tells ? static_cast<std::uint16_t>(number) : look_closer);
  }
}

std::uint32_t RouteTable::number(const net::IpAddress& destination) const noexcept {
  for (const Level& level : levels_[static_cast<std::size_t>(destination.family())]) {
    if (const std::uint32_t* number = level.routes.find(destination.masked(level.length))) {
      return *number;
    }
  }
  return no_route;
}

std::optional<Hop> RouteTable::find(const net::IpAddress& destination) const noexcept {
  const std::uint32_t number = this->number(destination);
  if (number == no_route) {
    return std::nullopt;
  }
  const Hop& hop = hops_[number];
  return Hop{hop.interface, hop.next_hop.is_none() ? destination : hop.next_hop, hop.gateways};
}

}  // namespace limpet::plan
