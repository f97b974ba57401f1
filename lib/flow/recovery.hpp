// What a table may keep of the entries that an earlier process left in its memory, or that stand in another table.
// At start, before the table's worker runs; the bytes may be anything.
#pragma once

#include <cstdint>
#include <vector>

#include "flow/table.hpp"

namespace limpet::flow {

/// The slots that somebody holds, and the time.
struct Known {
  std::vector<bool> listeners, backends, endpoints;  // by slot
  Tick16 now;

  /// The entry's state is one that there is, its slots are held, its age is possible.
  template <class Key>
  [[nodiscard]] bool accepts(const Key& key, const Value& value) const noexcept {
    const auto held = [](const std::vector<bool>& slots, std::uint32_t slot) {
      return slot < slots.size() && slots[slot];
    };
    const bool forward = key.direction == Direction::forward;
    return value.used.age(now) <= flow_timeout_max_ms / 1000 && held(forward ? listeners : endpoints, key.slot) &&
           held(forward ? backends : listeners, value.peer);
  }
};

struct Recovered {
  std::uint64_t kept = 0;  // entries: a NAT flow has two
  std::uint64_t dropped = 0;
};

/// Makes a whole table of memory that another process has used with the same sizes and seed. Drops what `known` does
/// not accept, what is in the wrong place or twice, and back entries without their forward one.
Recovered adopt(Table& table, const Known& known) noexcept;

/// Puts an entry of another table into this one. False: not accepted, there already, or no room.
template <class Key>
bool restore(Table& table, const Known& known, const Key& key, const Entry<Key>& entry) noexcept {
  const Value value = entry.value();
  const std::uint64_t hash = table.hash(key);
  return entry.makes_sense() && known.accepts(key, value) && table.find(key, hash) == nullptr &&
         table.insert(key, hash, value, entry.carried()) != nullptr;
}

}  // namespace limpet::flow
