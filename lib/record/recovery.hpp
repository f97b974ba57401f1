// What a table may keep of the records that an earlier process left in its memory, or that stand in another table.
// At start, before anybody else reads the table; the bytes may be anything.
#pragma once

#include <cstdint>
#include <vector>

#include "record/table.hpp"

namespace limpet::record {

/// The slots that somebody holds, and the latest time there can be.
struct Known {
  std::vector<bool> backends, scopes;  // by slot
  std::uint32_t latest_s = 0;

  [[nodiscard]] bool accepts(const Key& key, const Record& record) const noexcept {
    const auto held = [](const std::vector<bool>& slots, std::uint32_t slot) {
      return slot < slots.size() && slots[slot];
    };
    return held(backends, record.backend.value()) && held(scopes, scope_of(key)) && record.created_s <= latest_s &&
           record.used_s <= latest_s;
  }
};

struct Recovered {
  std::uint64_t kept = 0;  // both shares
  std::uint64_t dropped = 0;
};

/// Makes a whole table of memory that another process has used with the same sizes and seed. Headers that were held
/// are let go; what `known` does not accept, what is in the wrong place or there twice is dropped: of a record in both
/// shares the live one stays.
Recovered adopt(Table& table, const Known& known) noexcept;

/// Puts what `known` accepts of a table with any seed into this one. `before_homes`: its records are of the layout
/// that knew no homes.
Recovered refill(Table& table, const Table& from, const Known& known, bool before_homes);

}  // namespace limpet::record
