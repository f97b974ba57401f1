// An array of buckets of one width: three choices a key, records never move. The live and the provisional share of a
// table are two of these for each width. Any worker at any time; reads hold nothing, changes hold one header.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "record/bucket.hpp"
#include "record/counts.hpp"

namespace limpet::record {

template <unsigned key_words>
class BucketArray {
 public:
  using Bucket = record::Bucket<key_words>;
  static constexpr unsigned choices = 3;
  static constexpr unsigned first_used_max = 3;  // a first bucket takes so many without asking for an emptier one
  static constexpr unsigned read_attempts = 16;

  struct Found {
    Bucket* bucket = nullptr;
    unsigned slot = 0;
    Seen seen;
  };

  BucketArray() noexcept = default;
  /// `memory`: `buckets` * sizeof(Bucket) bytes, 64-byte aligned, zero where nothing is stored.
  /// `counts`: null for the provisional share, whose records count for nobody.
  BucketArray(std::byte* memory, std::uint64_t buckets, Counts* counts) noexcept
      : buckets_(static_cast<Bucket*>(static_cast<void*>(memory))), count_(buckets), counts_(counts) {}

  [[nodiscard]] std::uint64_t buckets() const noexcept { return count_; }
  [[nodiscard]] std::uint64_t records() const noexcept {
    return std::atomic_ref(records_).load(std::memory_order_relaxed);
  }
  [[nodiscard]] Bucket& bucket(std::uint64_t index) const noexcept { return buckets_[index]; }

  void prefetch(std::uint64_t hash) const noexcept {
    for (const Bucket* bucket : candidates(hash)) {
      __builtin_prefetch(bucket);
    }
  }

  /// The same in two steps, with other work between them: most records lie in their first bucket.
  void prefetch_first(std::uint64_t hash) const noexcept { prefetch(*choose(hash >> 32)); }
  void prefetch_others(std::uint64_t hash) const noexcept {
    const auto buckets = candidates(hash);
    if (header::slots_with(buckets[0]->load_header(), tag_of(hash)) == 0) {
      prefetch(*buckets[1]);
      prefetch(*buckets[2]);
    }
  }

  /// Wait-free. A record may be missed while its bucket changes all the time; never a wrong one found.
  [[nodiscard]] std::optional<Found> find(const Key& key, std::uint64_t hash) const noexcept {
    return find_in_candidates(key, hash, read_attempts);
  }
  /// Misses nothing, provided that nobody inserts the key meanwhile.
  [[nodiscard]] std::optional<Found> find_surely(const Key& key, std::uint64_t hash) const noexcept {
    return find_in_candidates(key, hash, ~0u);
  }

  /// Places are numbered from 1 on.
  [[nodiscard]] std::uint64_t place_of(const Found& found) const noexcept {
    return static_cast<std::uint64_t>(found.bucket - buckets_) * bucket_slots + found.slot + 1;
  }
  /// What lies there now.
  [[nodiscard]] std::optional<Found> at_place(std::uint64_t place) const noexcept {
    const std::uint64_t index = (place - 1) / bucket_slots;
    return index < count_ ? read(buckets_[index], static_cast<unsigned>((place - 1) % bucket_slots)) : std::nullopt;
  }

  /// Where a key of this hash may lie.
  [[nodiscard]] std::array<Bucket*, choices> candidates(std::uint64_t hash) const noexcept {
    return {choose(hash >> 32), choose(hash), choose((hash * 0x9e3779b97f4a7c15ULL) >> 32)};
  }

  /// Another of its key's buckets, which has room, gets the record of a slot. At start, when nobody else reads.
  void move(Bucket& from, unsigned slot, Bucket& to, std::uint64_t hash) noexcept {
    const Seen seen = from.read(slot);
    Hold to_hold(to.header);
    if (fill(to, to_hold, seen.key, hash, seen.record)) {
      Hold from_hold(from.header);
      from_hold.set_tag(slot, 0);
      count(seen.key, seen.record.backend, -1);
      std::atomic_ref(records_).fetch_sub(1, std::memory_order_relaxed);
    }
  }

  /// The header whose hold serialises all insertions of the key: the first of its candidates in memory, so that a
  /// second one may be taken after it in order.
  [[nodiscard]] Bucket& home(std::uint64_t hash) const noexcept {
    const auto buckets = candidates(hash);
    Bucket* lowest = buckets[0];
    for (Bucket* bucket : buckets) {
      lowest = bucket < lowest ? bucket : lowest;
    }
    return *lowest;
  }

  /// `action(hold, bucket)` with the bucket's header held: by `home_hold` if that is the one, else for this call.
  template <class F>
  static auto with_hold(Bucket& bucket, const Bucket* home, Hold* home_hold, F&& action) noexcept {
    if (&bucket == home) {
      return action(*home_hold);
    }
    Hold hold(bucket.header);
    return action(hold);
  }

  /// Into its first bucket while that is rather empty, so that most look-ups end there; else into the emptiest of its
  /// buckets. False when all are full. The key is absent, and kept so by the caller.
  bool insert(const Key& key, std::uint64_t hash, const Record& record, const Bucket* home, Hold* home_hold) noexcept {
    auto buckets = candidates(hash);
    std::array<unsigned, choices> used{};
    for (unsigned i = 0; i < choices; ++i) {
      used[i] = header::used_slots(buckets[i]->load_header());
      used[0] = used[0] < first_used_max ? 0 : used[0];
      for (unsigned j = i; j > 0 && used[j] < used[j - 1]; --j) {
        std::swap(used[j], used[j - 1]);
        std::swap(buckets[j], buckets[j - 1]);
      }
    }
    for (Bucket* bucket : buckets) {
      if (with_hold(*bucket, home, home_hold, [&](Hold& hold) { return fill(*bucket, hold, key, hash, record); })) {
        return true;
      }
    }
    return false;
  }

  /// Which records may be put out, and by what their age is told.
  struct Victims {
    std::uint32_t age_min_s = 0;
    bool by_use = false;      // since they were used, else since they were made
    bool same_scope = false;  // only records of the new one's scope
  };
  /// Takes the slot of the oldest such record among the candidates. False: there is none.
  bool replace_oldest(const Key& key, std::uint64_t hash, const Record& record, const Victims& victims,
                      const Bucket* home, Hold* home_hold) noexcept {
    Bucket* bucket = nullptr;
    std::uint32_t age_s = 0;
    for (Bucket* candidate : candidates(hash)) {
      const Oldest oldest = oldest_in(*candidate, candidate->load_header(), key, record, victims);
      if (oldest.slot != bucket_slots && (bucket == nullptr || oldest.age_s > age_s)) {
        bucket = candidate;
        age_s = oldest.age_s;
      }
    }
    return bucket != nullptr && with_hold(*bucket, home, home_hold, [&](Hold& hold) {
             const Oldest victim = oldest_in(*bucket, hold.word(), key, record, victims);
             if (victim.slot == bucket_slots) {
               return false;
             }
             const Seen gone = bucket->read(victim.slot);
             hold.clear_tag_now(victim.slot);
             bucket->write(victim.slot, key, record);
             hold.set_tag(victim.slot, tag_of(hash));
             count(gone.key, gone.record.backend, -1);
             count(key, record.backend, 1);
             return true;
           });
  }

  /// Used at `now_s`, unless it was used later or has changed since it was found.
  static void touch(const Found& found, std::uint32_t now_s) noexcept {
    if (static_cast<std::int32_t>(now_s - found.seen.record.used_s) > 0) {
      found.bucket->exchange_used(found.slot, found.seen.used_word, Bucket::used_word(found.seen.key, now_s));
    }
  }

  /// The record of a held bucket's slot gets another backend.
  void set_backend(Bucket& bucket, unsigned slot, const Seen& before, std::uint64_t made_word) noexcept {
    bucket.set_made(slot, made_word);
    count(before.key, before.record.backend, -1);
    count(before.key, made::backend(made_word), 1);
  }

  /// Erases the record found if it is still there; only if it was neither used nor moved since, when
  /// `only_as_seen`.
  bool erase(const Found& found, bool only_as_seen, const Bucket* home, Hold* home_hold) noexcept {
    return with_hold(*found.bucket, home, home_hold, [&](Hold& hold) {
      if (header::tag(hold.word(), found.slot) == 0 || !found.bucket->holds(found.slot, found.seen.key)) {
        return false;
      }
      if (only_as_seen && (found.bucket->made_word(found.slot) != found.seen.made_word ||
                           !found.bucket->exchange_used(found.slot, found.seen.used_word, Bucket::erased_word))) {
        return false;
      }
      const BackendSlot backend = made::backend(found.bucket->made_word(found.slot));
      found.bucket->set_erased(found.slot);
      hold.set_tag(found.slot, 0);
      count(found.seen.key, backend, -1);
      std::atomic_ref(records_).fetch_sub(1, std::memory_order_relaxed);
      return true;
    });
  }

  /// Takes over what another process left in the memory: lets held headers go and drops the records that
  /// `accept(seen)` refuses, that lie where find() does not look or are there twice; counts the others. `hash_of(key)`
  /// is the table's. Returns how many it dropped. At start, when nobody else reads.
  template <class Hash, class F>
  std::uint64_t adopt(Hash&& hash_of, F&& accept) noexcept {
    std::uint64_t kept = 0, dropped = 0;
    const auto drop_unless = [&](auto&& good) {
      kept = 0;
      for (std::uint64_t i = 0; i < count_; ++i) {
        Bucket& bucket = buckets_[i];
        std::uint64_t word = bucket.load_header() & ~header::held;
        for (unsigned slot = 0; slot < bucket_slots; ++slot) {
          if (header::tag(word, slot) == 0) {
            continue;
          }
          Found found{&bucket, slot, bucket.read(slot)};
          found.seen.record.provisional = counts_ == nullptr;
          const bool keep = good(found, header::tag(word, slot));
          ++(keep ? kept : dropped);
          word = keep ? word : header::with_tag(word, slot, 0);
        }
        std::atomic_ref(bucket.header).store(word, std::memory_order_release);
      }
    };
    drop_unless([&](const Found& found, std::uint8_t tag) {
      return found.seen.used_word != Bucket::erased_word && tag == tag_of(hash_of(found.seen.key)) &&
             accept(found.seen);
    });
    drop_unless([&](const Found& found, std::uint8_t) {
      const auto first = find(found.seen.key, hash_of(found.seen.key));
      const bool keep = first && first->bucket == found.bucket && first->slot == found.slot;
      count(found.seen.key, found.seen.record.backend, keep ? 1 : 0);
      return keep;
    });
    std::atomic_ref(records_).store(kept, std::memory_order_relaxed);
    return dropped;
  }

  /// A consistent view of one slot; nothing when it is free or changes all the time.
  [[nodiscard]] std::optional<Found> read(Bucket& bucket, unsigned slot) const noexcept {
    for (unsigned attempt = 0; attempt < read_attempts; ++attempt) {
      const std::uint64_t before = bucket.load_header();
      if (header::tag(before, slot) == 0) {
        return std::nullopt;
      }
      Found found{&bucket, slot, bucket.read(slot)};
      if (bucket.unchanged_since(before) && found.seen.used_word != Bucket::erased_word) {
        found.seen.record.provisional = counts_ == nullptr;
        return found;
      }
    }
    return std::nullopt;
  }

 private:
  static void prefetch(const Bucket& bucket) noexcept {
    const auto* const lines = reinterpret_cast<const char*>(&bucket);
    for (std::size_t line = 0; line < sizeof(Bucket); line += 64) {
      __builtin_prefetch(lines + line);
    }
  }

  struct Oldest {
    unsigned slot = bucket_slots;
    std::uint32_t age_s = 0;
  };

  void count(const Key& key, BackendSlot backend, std::int32_t change) noexcept {
    if (counts_ != nullptr) {
      counts_->add(key, backend, change);
    }
  }

  static std::uint8_t tag_of(std::uint64_t hash) noexcept {
    const auto tag = static_cast<std::uint8_t>(hash ^ hash >> 32);  // bits that choose no bucket
    return tag == 0 ? std::uint8_t{1} : tag;
  }

  [[nodiscard]] Bucket* choose(std::uint64_t bits) const noexcept {
    return &buckets_[((bits & 0xffffffffu) * count_) >> 32];
  }

  [[nodiscard]] std::optional<Found> find_in_candidates(const Key& key, std::uint64_t hash,
                                                        unsigned attempts) const noexcept {
    for (Bucket* bucket : candidates(hash)) {
      if (auto found = find_in(*bucket, key, tag_of(hash), attempts)) {
        return found;
      }
    }
    return std::nullopt;
  }

  [[nodiscard]] std::optional<Found> find_in(Bucket& bucket, const Key& key, std::uint8_t tag,
                                             unsigned attempts) const noexcept {
    for (; attempts > 0; --attempts) {
      const std::uint64_t before = bucket.load_header();
      bool again = false;
      for (std::uint64_t left = header::slots_with(before, tag); left != 0 && !again; left &= left - 1) {
        const auto slot = static_cast<unsigned>(std::countr_zero(left)) / 8;
        if (bucket.holds(slot, key)) {
          Found found{&bucket, slot, bucket.read(slot)};
          found.seen.record.provisional = counts_ == nullptr;
          again = !bucket.unchanged_since(before) || !(found.seen.key == key);
          if (!again) {
            return found;
          }
        }
      }
      if (!again) {
        return std::nullopt;
      }
    }
    return std::nullopt;
  }

  bool fill(Bucket& bucket, Hold& hold, const Key& key, std::uint64_t hash, const Record& record) noexcept {
    for (unsigned slot = 0; slot < bucket_slots; ++slot) {
      if (header::tag(hold.word(), slot) == 0) {
        bucket.write(slot, key, record);
        hold.set_tag(slot, tag_of(hash));
        count(key, record.backend, 1);
        std::atomic_ref(records_).fetch_add(1, std::memory_order_relaxed);
        return true;
      }
    }
    return false;
  }

  static Oldest oldest_in(Bucket& bucket, std::uint64_t word, const Key& key, const Record& record,
                          const Victims& victims) noexcept {
    Oldest oldest;
    for (unsigned slot = 0; slot < bucket_slots; ++slot) {
      const Seen seen = bucket.read(slot);
      if (header::tag(word, slot) == 0 || (victims.same_scope && !same_scope(seen.key, key))) {
        continue;
      }
      // Another worker's clock may be a little ahead: an age below zero is none.
      const auto age =
          static_cast<std::int32_t>(record.used_s - (victims.by_use ? seen.record.used_s : seen.record.created_s));
      const auto age_s = static_cast<std::uint32_t>(age < 0 ? 0 : age);
      if (age_s >= victims.age_min_s && (oldest.slot == bucket_slots || age_s > oldest.age_s)) {
        oldest = {slot, age_s};
      }
    }
    return oldest;
  }

  Bucket* buckets_ = nullptr;
  std::uint64_t count_ = 0;                        // below 2^32
  Counts* counts_ = nullptr;                       // null: provisional
  alignas(64) mutable std::uint64_t records_ = 0;  // writers and readers: all
};

}  // namespace limpet::record
