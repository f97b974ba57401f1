// Order of holds: the key's home bucket of the provisional share, then at most one other bucket at a time: a later one
// of the provisional share, or any of the live share. Nobody waits for a provisional header while holding a live one.
#include "record/table.hpp"

#include <algorithm>

#include "record/placing.hpp"

namespace limpet::record {
namespace {

constexpr std::uint64_t provisional_part = 16;
constexpr std::uint64_t records_a_bucket = 4;  // of 5 slots
constexpr std::uint64_t buckets_max = std::uint64_t{1} << 32;

constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) {
  return value / unit + (value % unit != 0);
}

struct Buckets {
  std::uint64_t live, provisional;
};

constexpr Buckets buckets_for(std::uint64_t records) {
  const std::uint64_t live = std::max<std::uint64_t>(1, round_up(records, records_a_bucket));
  return {live, round_up(live, provisional_part)};
}

template <unsigned key_words>
constexpr std::size_t bytes_of(Buckets buckets) {
  return (buckets.live + buckets.provisional) * sizeof(Bucket<key_words>);
}

/// Into the live share, where there is room. The caller holds the key's home and knows that the key is absent there.
template <class Shares>
Claim store_live(Shares& shares, const Counts& counts, const Key& key, std::uint64_t hash, const Record& record,
                 const Room& room) noexcept {
  const bool scope_full = counts.of_scope(scope_of(key)) >= room.scope_max;
  if (!scope_full && shares.live.insert(key, hash, record, nullptr, nullptr)) {
    return {record, Outcome::claimed};
  }
  const bool evicted =
      room.evict &&
      shares.live.replace_oldest(key, hash, record, {.by_use = true, .same_scope = scope_full}, nullptr, nullptr);
  return {record, evicted ? Outcome::claimed : Outcome::full, evicted};
}

template <class Shares>
Claim claim_in(Shares& shares, const Counts& counts, const Key& key, std::uint64_t hash, const Record& record,
               Share share, const Room& room) noexcept {
  auto& home = shares.provisional.home(hash);
  Hold hold(home.header);
  for (auto* array : {&shares.provisional, &shares.live}) {
    if (const auto found = array->find_surely(key, hash)) {
      return {found->seen.record, Outcome::taken};
    }
  }
  if (share == Share::live) {
    return store_live(shares, counts, key, hash, record, room);
  }
  if (shares.provisional.insert(key, hash, record, &home, &hold)) {
    return {record, Outcome::claimed};
  }
  const bool evicted =
      shares.provisional.replace_oldest(key, hash, record, {.age_min_s = provisional_grace_s}, &home, &hold);
  return {record, evicted ? Outcome::claimed : Outcome::full, evicted};
}

template <class Array>
bool replace_in(Array& array, const Key& key, std::uint64_t hash, BackendSlot from, BackendSlot to, std::uint32_t now_s,
                std::uint16_t away_from, const typename Array::Bucket* home, Hold* home_hold) noexcept {
  const auto found = array.find_surely(key, hash);
  if (!found) {
    return false;
  }
  auto& bucket = *found->bucket;
  return Array::with_hold(bucket, home, home_hold, [&](Hold& hold) {
    if (header::tag(hold.word(), found->slot) == 0 || !bucket.holds(found->slot, key)) {
      return false;
    }
    const Seen now = bucket.read(found->slot);
    if (now.record.backend != from) {
      return false;
    }
    bucket.exchange_used(found->slot, now.used_word, Array::Bucket::used_word(key, now_s));
    array.set_backend(bucket, found->slot, now, made::word(to, away_from, now_s));
    return true;
  });
}

template <class Shares>
Claim confirm_in(Shares& shares, const Counts& counts, const Key& key, std::uint64_t hash, std::uint32_t now_s,
                 const Room& room) noexcept {
  auto& home = shares.provisional.home(hash);
  Hold hold(home.header);
  const auto found = shares.provisional.find_surely(key, hash);
  if (!found) {
    const auto live = shares.live.find_surely(key, hash);
    return live ? Claim{live->seen.record, Outcome::taken} : Claim{};
  }
  Record record = found->seen.record;
  record.used_s = now_s;
  record.provisional = false;
  const Claim stored = store_live(shares, counts, key, hash, record, room);
  if (stored.outcome == Outcome::claimed) {
    shares.provisional.erase(*found, false, &home, &hold);  // in this order: never in neither share
  }
  return stored;
}

constexpr std::uint32_t wide_place = 1u << 31;  // in a place: of the wide records

template <class Shares>
void touch_in(Shares& shares, const Key& key, std::uint64_t hash, std::uint32_t now_s) noexcept {
  for (auto* array : {&shares.live, &shares.provisional}) {
    if (const auto found = array->find(key, hash)) {
      array->touch(*found, now_s);
      return;
    }
  }
}

template <class Shares>
bool erase_in(Shares& shares, const Key& key, std::uint64_t hash) noexcept {
  auto& home = shares.provisional.home(hash);
  Hold hold(home.header);
  if (const auto found = shares.provisional.find_surely(key, hash)) {
    return shares.provisional.erase(*found, false, &home, &hold);
  }
  const auto found = shares.live.find_surely(key, hash);
  return found && shares.live.erase(*found, false, nullptr, nullptr);
}

}  // namespace

Sizes sizes_for(std::uint64_t records_max) noexcept {
  return {records_max, round_up(records_max, 4)};
}

std::size_t Table::bytes_needed(Sizes sizes) noexcept {
  return bytes_of<1>(buckets_for(sizes.narrow_records)) + bytes_of<2>(buckets_for(sizes.wide_records));
}

bool Table::possible(Sizes sizes) noexcept {
  return buckets_for(sizes.narrow_records).live < buckets_max && buckets_for(sizes.wide_records).live < buckets_max;
}

Result<Table> Table::create(std::span<std::byte> memory, Sizes sizes, hash::Key seed) {
  const Buckets narrow = buckets_for(sizes.narrow_records);
  const Buckets wide = buckets_for(sizes.wide_records);
  if (!possible(sizes)) {
    return fail("record table of {} and {} records: at most {} of each", sizes.narrow_records, sizes.wide_records,
                (buckets_max - 1) * records_a_bucket);
  }
  if (memory.size() < bytes_needed(sizes)) {
    return fail("record table needs {} bytes of memory, {} given", bytes_needed(sizes), memory.size());
  }
  if (reinterpret_cast<std::uintptr_t>(memory.data()) % 64 != 0) {
    return fail("memory of a record table must begin at a multiple of 64 bytes");
  }
  Table table;
  table.counts_ = std::make_shared<Counts>();
  std::byte* at = memory.data();
  const auto take = [&]<unsigned key_words>(Shares<key_words>& shares, Buckets buckets) {
    shares.live = BucketArray<key_words>(at, buckets.live, table.counts_.get());
    at += buckets.live * sizeof(Bucket<key_words>);
    shares.provisional = BucketArray<key_words>(at, buckets.provisional, nullptr);
    at += buckets.provisional * sizeof(Bucket<key_words>);
  };
  take(table.narrow_, narrow);
  take(table.wide_, wide);
  table.seed_ = seed;
  return table;
}

void Table::prefetch(const Key& key, std::uint64_t hash) const noexcept {
  const auto both = [hash](const auto& shares) {
    shares.live.prefetch(hash);
    shares.provisional.prefetch(hash);
  };
  key.wide ? both(wide_) : both(narrow_);
}

std::optional<Record> Table::find(const Key& key, std::uint64_t hash) const noexcept {
  const auto in = [&](const auto& shares) -> std::optional<Record> {
    for (const auto* array : {&shares.live, &shares.provisional}) {
      if (const auto found = array->find(key, hash)) {
        return found->seen.record;
      }
    }
    return std::nullopt;
  };
  return key.wide ? in(wide_) : in(narrow_);
}

Claim Table::claim(const Key& key, std::uint64_t hash, BackendSlot backend, std::uint32_t now_s, Share share,
                   const Room& room) noexcept {
  const Record record{backend, now_s, now_s, share == Share::provisional};
  return key.wide ? claim_in(wide_, *counts_, key, hash, record, share, room)
                  : claim_in(narrow_, *counts_, key, hash, record, share, room);
}

Claim Table::restore(const Key& key, const Record& record, const Room& room) noexcept {
  const std::uint64_t hash = this->hash(key);
  const Share share = record.provisional ? Share::provisional : Share::live;
  return key.wide ? claim_in(wide_, *counts_, key, hash, record, share, room)
                  : claim_in(narrow_, *counts_, key, hash, record, share, room);
}

Claim Table::place(const Key& key, const Record& record) {
  const Claim claim = restore(key, record);
  if (claim.outcome != Outcome::full || record.provisional) {
    return claim;
  }
  const auto hash_of_key = [this](const Key& one) { return hash(one); };
  const bool room =
      key.wide ? make_room(wide_.live, hash(key), hash_of_key) : make_room(narrow_.live, hash(key), hash_of_key);
  return room ? restore(key, record) : claim;
}

bool Table::replace(const Key& key, std::uint64_t hash, BackendSlot from, BackendSlot to, std::uint32_t now_s,
                    std::uint16_t home) noexcept {
  const auto in = [&](auto& shares) {
    auto& first = shares.provisional.home(hash);
    Hold hold(first.header);
    return replace_in(shares.provisional, key, hash, from, to, now_s, home, &first, &hold) ||
           replace_in(shares.live, key, hash, from, to, now_s, home, nullptr, nullptr);
  };
  return key.wide ? in(wide_) : in(narrow_);
}

Claim Table::confirm(const Key& key, std::uint64_t hash, std::uint32_t now_s, const Room& room) noexcept {
  return key.wide ? confirm_in(wide_, *counts_, key, hash, now_s, room)
                  : confirm_in(narrow_, *counts_, key, hash, now_s, room);
}

std::uint32_t Table::place_of(const Key& key, std::uint64_t hash) const noexcept {
  const auto in = [&](const auto& array) -> std::uint32_t {
    const auto found = array.find(key, hash);
    const std::uint64_t place = found ? array.place_of(*found) : nowhere;
    return place < wide_place ? static_cast<std::uint32_t>(place) : nowhere;
  };
  const std::uint32_t place = key.wide ? in(wide_.live) : in(narrow_.live);
  return place == nowhere ? nowhere : place | (key.wide ? wide_place : 0);
}

std::optional<Key> Table::key_at(std::uint32_t place) const noexcept {
  const auto in = [&](const auto& array) -> std::optional<Key> {
    const auto found = place == nowhere ? std::nullopt : array.at_place(place & ~wide_place);
    return found ? std::optional(found->seen.key) : std::nullopt;
  };
  return (place & wide_place) != 0 ? in(wide_.live) : in(narrow_.live);
}

void Table::touch_at(std::uint32_t place, std::uint32_t now_s) noexcept {
  const auto in = [&](auto& array) {
    if (const auto found = array.at_place(place & ~wide_place)) {
      array.touch(*found, now_s);
    }
  };
  if (place != nowhere) {
    (place & wide_place) != 0 ? in(wide_.live) : in(narrow_.live);
  }
}

void Table::touch(const Key& key, std::uint64_t hash, std::uint32_t now_s) noexcept {
  key.wide ? touch_in(wide_, key, hash, now_s) : touch_in(narrow_, key, hash, now_s);
}

bool Table::erase(const Key& key, std::uint64_t hash) noexcept {
  return key.wide ? erase_in(wide_, key, hash) : erase_in(narrow_, key, hash);
}

Stats Table::stats() const noexcept {
  const std::uint64_t size_bytes = (narrow_.live.buckets() + narrow_.provisional.buckets()) * sizeof(Bucket<1>) +
                                   (wide_.live.buckets() + wide_.provisional.buckets()) * sizeof(Bucket<2>);
  return {narrow_.live.records() + wide_.live.records(), narrow_.provisional.records() + wide_.provisional.records(),
          (narrow_.live.buckets() + wide_.live.buckets()) * records_a_bucket, size_bytes};
}

std::array<ShareStats, 4> Table::shares() const noexcept {
  const auto of = []<unsigned key_words>(const BucketArray<key_words>& array, bool provisional) {
    return ShareStats{key_words == 2, provisional, array.records(), array.buckets() * records_a_bucket,
                      array.buckets() * sizeof(Bucket<key_words>)};
  };
  return {of(narrow_.live, false), of(narrow_.provisional, true), of(wide_.live, false), of(wide_.provisional, true)};
}

}  // namespace limpet::record
