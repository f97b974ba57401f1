// One array of buckets of one width: two choices, four entries a bucket, and at most three entries moved when both are
// full: 170 buckets looked at, at most, and 42 in a share that is nearly full. Bounded work, no rehash. The live and
// the embryonic share of a table are two of these. Private to the worker that owns the table.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>

#include "flow/entry.hpp"

namespace limpet::flow {

/// The entry that a new one put out.
struct Evicted {
  bool any = false;
  Direction direction = Direction::forward;
  Value value{};
  std::uint32_t slot = 0;  // of its key
};

template <class Key>
class Share {
 public:
  static constexpr std::size_t bucket_entries = 4;
  struct alignas(64) Bucket {
    std::array<Entry<Key>, bucket_entries> entries;
  };
  static_assert(sizeof(Bucket) == bucket_entries * sizeof(Entry<Key>));

  Share() noexcept = default;
  /// `memory`: `buckets` * sizeof(Bucket) bytes, 64-byte aligned, zero where nothing is stored.
  Share(std::byte* memory, std::uint64_t buckets, hash::Key seed) noexcept
      : buckets_(static_cast<Bucket*>(static_cast<void*>(memory))), count_(buckets), seed_(seed) {}

  [[nodiscard]] std::uint64_t buckets() const noexcept { return count_; }
  [[nodiscard]] std::uint64_t entries() const noexcept { return used_; }
  [[nodiscard]] std::uint64_t wide_v4_ways_back() const noexcept { return wide_v4_ways_back_; }
  [[nodiscard]] Bucket& bucket(std::uint64_t index) const noexcept { return buckets_[index]; }

  /// Most entries lie in the first of their two buckets.
  [[nodiscard]] Bucket& first(std::uint64_t hash) const noexcept { return buckets_[((hash >> 32) * count_) >> 32]; }
  [[nodiscard]] Bucket& second(std::uint64_t hash) const noexcept {
    return buckets_[((hash & 0xffffffffu) * count_) >> 32];
  }

  static void prefetch(const Bucket& bucket) noexcept {
    for (std::size_t line = 0; line < sizeof(Bucket) / 64; ++line) {
      __builtin_prefetch(static_cast<const char*>(static_cast<const void*>(&bucket)) + 64 * line);
    }
  }
  void prefetch(std::uint64_t hash) const noexcept {
    if (used_ != 0) {
      prefetch(first(hash));
      prefetch(second(hash));
    }
  }

  using Pattern = typename Entry<Key>::Pattern;
  [[nodiscard]] static Entry<Key>* find_in(Bucket& bucket, const Pattern& pattern) noexcept {
    const unsigned match = Entry<Key>::match(bucket.entries, pattern);
    return match == 0 ? nullptr : &bucket.entries[static_cast<unsigned>(std::countr_zero(match)) / 4];
  }

  [[nodiscard]] Entry<Key>* find(const Key& key, std::uint64_t hash) const noexcept {
    return find_like(Entry<Key>::pattern(key), hash);
  }
  [[nodiscard]] Entry<Key>* find_like(const Pattern& pattern, std::uint64_t hash) const noexcept {
    if (used_ == 0) {
      return nullptr;  // a width that nobody uses must not cost its cache lines
    }
    Entry<Key>* entry = find_in(first(hash), pattern);
    return entry != nullptr ? entry : find_in(second(hash), pattern);
  }

  /// Nothing when both buckets are full and no entry can step aside.
  Entry<Key>* insert(const Key& key, std::uint64_t hash, const Value& value, const Carried& carried) noexcept {
    Entry<Key>* entry = free_in(first(hash));
    if (entry == nullptr) {
      entry = free_in(second(hash));
    }
    if (entry == nullptr) {
      entry = make_room(hash);
    }
    if (entry != nullptr) {
      entry->write(key, value, carried);
      count(key, 1);
    }
    return entry;
  }

  /// Takes the place of the oldest entry of both buckets, as seen at `value.used`. Which one among equals goes round,
  /// so that of the two entries of one flow the second does not put out the first.
  Entry<Key>* replace_oldest(const Key& key, std::uint64_t hash, const Value& value, const Carried& carried,
                             Evicted& evicted) noexcept {
    Entry<Key>* oldest = nullptr;
    for (Bucket* bucket : {&first(hash), &second(hash)}) {
      for (std::size_t i = 0; i < bucket_entries; ++i) {
        Entry<Key>& entry = bucket->entries[(i + replaced_) % bucket_entries];
        if (oldest == nullptr || entry.used().age(value.used) > oldest->used().age(value.used)) {
          oldest = &entry;
        }
      }
    }
    ++replaced_;
    const Key gone = oldest->key();
    evicted = {true, gone.direction, oldest->value(), gone.slot};
    count(gone, -1);
    oldest->clear();
    oldest->write(key, value, carried);
    count(key, 1);
    return oldest;
  }

  void erase(Entry<Key>& entry) noexcept {
    count(entry.key(), -1);
    entry.clear();
  }

  /// Takes over what another process left in the memory: entries that `accept(entry)` refuses, that lie in none of
  /// their buckets or are there twice are emptied, the others counted. Returns how many it emptied. At start.
  template <class F>
  std::uint64_t adopt(F&& accept) noexcept {
    used_ = 1;  // find() looks
    std::uint64_t kept = 0, dropped = 0;
    const auto clear_unless = [&](auto&& good) {
      kept = 0;
      for (std::uint64_t i = 0; i < count_; ++i) {
        for (auto& entry : buckets_[i].entries) {
          if (entry.valid() && !good(entry)) {
            entry.clear();
            ++dropped;
          }
          kept += entry.valid() ? 1u : 0u;
        }
      }
    };
    clear_unless(accept);
    clear_unless([&](const auto& entry) { return find(entry.key(), hash_of(seed_, entry.key())) == &entry; });
    used_ = kept;
    wide_v4_ways_back_ = 0;
    for (std::uint64_t i = 0; i < count_; ++i) {
      for (const auto& entry : buckets_[i].entries) {
        wide_v4_ways_back_ += entry.valid() && is_wide_v4_way_back(entry.key()) ? 1u : 0u;
      }
    }
    return dropped;
  }

 private:
  void count(const Key& key, int change) noexcept {
    used_ += static_cast<std::uint64_t>(change);
    wide_v4_ways_back_ += is_wide_v4_way_back(key) ? static_cast<std::uint64_t>(change) : 0;
  }

  static Entry<Key>* free_in(Bucket& bucket) noexcept {
    for (auto& entry : bucket.entries) {
      if (!entry.valid()) {
        return &entry;
      }
    }
    return nullptr;
  }

  /// A slot freed in one of the two full buckets, by moving one entry to its other bucket, or up to three in a row.
  Entry<Key>* make_room(std::uint64_t hash) noexcept {
    const unsigned moves_max = used_ * 10 < count_ * bucket_entries * 9 ? 3 : 2;
    for (unsigned moves = 1; moves <= moves_max; ++moves) {
      for (Bucket* bucket : {&first(hash), &second(hash)}) {
        if (Entry<Key>* entry = make_room(*bucket, moves); entry != nullptr) {
          return entry;
        }
      }
    }
    return nullptr;
  }

  /// For a moment the entry moved is in both buckets, never in none. Fewer moves were tried before, so that of those in
  /// a row none comes back to a bucket that another one leaves.
  Entry<Key>* make_room(Bucket& bucket, unsigned moves) noexcept {
    for (auto& entry : bucket.entries) {
      const std::uint64_t hash = hash_of(seed_, entry.key());
      Bucket& other = &first(hash) == &bucket ? second(hash) : first(hash);
      Entry<Key>* to = moves == 1 ? free_in(other) : &other == &bucket ? nullptr : make_room(other, moves - 1);
      if (to != nullptr) {
        to->write(entry.key(), entry.value(), entry.carried());
        entry.clear();
        return &entry;
      }
    }
    return nullptr;
  }

  Bucket* buckets_ = nullptr;
  std::uint64_t count_ = 0;  // below 2^32
  std::uint64_t used_ = 0;
  std::uint64_t replaced_ = 0;
  std::uint64_t wide_v4_ways_back_ = 0;
  hash::Key seed_;
};

}  // namespace limpet::flow
