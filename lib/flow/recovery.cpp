#include "flow/recovery.hpp"

namespace limpet::flow {
namespace {

bool has(Table& table, const auto& key) noexcept {
  return table.find(key, table.hash(key)) != nullptr;
}

bool has_forward(Table& table, const NarrowKey& back, const NarrowEntry& entry) noexcept {
  return has(table, NarrowKey{back.client, back.client_port, entry.peer(), Direction::forward});
}

/// A flow of full NAT, or a local port that rests. The forward entry must lead to this very port.
bool has_local_forward(Table& table, const WideKey& back, const WideEntry& entry) noexcept {
  if ((entry.flags() & flag::rests) != 0) {
    return true;
  }
  const Carried carried = entry.carried();
  for (const std::uint16_t port : {std::uint16_t{0}, carried.vip_port}) {
    const WideKey forward{carried.vip, {}, carried.translated_port, port, entry.peer(), Direction::forward};
    const WideEntry* found = table.find(forward, table.hash(forward));
    if (found != nullptr && found->carried().vip == back.client &&
        found->carried().translated_port == back.client_port) {
      return true;
    }
  }
  return false;
}

/// The forward key has the VIP's port where its listener takes any port, which only the plan knows: both are tried.
bool has_forward(Table& table, const WideKey& back, const WideEntry& entry) noexcept {
  const Carried carried = entry.carried();
  if ((entry.flags() & flag::local) != 0) {
    return has_local_forward(table, back, entry);
  }
  const std::uint16_t port = carried.translated_port != 0 ? carried.translated_port : back.client_port;
  WideKey forward{back.client, carried.vip, port, 0, entry.peer(), Direction::forward};
  if (has(table, forward)) {
    return true;
  }
  forward.server_port = carried.vip_port;
  return has(table, forward);
}

std::uint64_t drop_orphans(Table& table) noexcept {
  std::uint64_t dropped = 0;
  table.each([&](const auto& key, auto& entry) {
    const bool orphan = key.direction == Direction::back && !has_forward(table, key, entry);
    dropped += orphan ? 1 : 0;
    return orphan ? Sweep::erase : Sweep::keep;
  });
  return dropped;
}

}  // namespace

Recovered adopt(Table& table, const Known& known) noexcept {
  std::uint64_t dropped =
      table.adopt([&](const auto& entry) { return entry.makes_sense() && known.accepts(entry.key(), entry.value()); });
  dropped += drop_orphans(table);
  const Stats stats = table.stats();
  return {stats.live_narrow + stats.live_wide + stats.embryonic, dropped};
}

}  // namespace limpet::flow
