#include "record/recovery.hpp"

namespace limpet::record {
namespace {

Recovered counted(const Table& table, std::uint64_t dropped) noexcept {
  const Stats stats = table.stats();
  return {stats.live + stats.provisional, dropped};
}

}  // namespace

Recovered adopt(Table& table, const Known& known) noexcept {
  const std::uint64_t dropped = table.adopt([&](const Seen& seen) { return known.accepts(seen.key, seen.record); });
  return counted(table, dropped);
}

Recovered refill(Table& table, const Table& from, const Known& known, bool before_homes) {
  // In order of buckets, keys that share one would come together and find it full before others are: so scattered.
  constexpr std::uint64_t stride = 2654435761;  // a prime
  std::uint64_t dropped = 0;
  for (std::uint64_t i = 0; i < from.bucket_count(); ++i) {
    const Cursor at{i * stride % from.bucket_count(), false};
    static_cast<void>(from.walk(at, 1, [&](const Key& key, const Record& record) {
      // In the layout without homes their bits belonged to the slot, and no slot is so large.
      const bool whole = known.accepts(key, record) && !(before_homes && record.home != at_home);
      dropped += whole && table.place(key, record).outcome == Outcome::claimed ? 0 : 1;
    }));
  }
  return counted(table, dropped);
}

}  // namespace limpet::record
