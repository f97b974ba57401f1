// The record table of a node: key -> backend, one for all workers. Reads are wait-free; a claim, a move or an erasure
// holds one or two bucket headers for a few stores. Whoever loses the race for a fresh key gets the winner's record,
// so that connections arriving at once on many workers reach one backend. One thread (control) sweeps.
//
// A provisional share of 1/16 takes the first contacts of clients that have not shown their address. Its records put
// out only each other and are worth provisional_life_s. The hold of a key's home bucket *there* serialises everything
// that puts the key into either share or changes its backend.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/result.hpp"
#include "record/bucket_array.hpp"

namespace limpet::record {

/// Advertised capacity: 0.8 of the slots, as keys do not fall evenly. The provisional shares come on top.
struct Sizes {
  std::uint64_t narrow_records = 0;
  std::uint64_t wide_records = 0;
};

/// `records_max` narrow records and a quarter of that wide: 47 bytes a record, provisional shares included.
[[nodiscard]] Sizes sizes_for(std::uint64_t records_max) noexcept;

/// How long a client has to show its address; whoever sweeps erases provisional records of that age.
inline constexpr std::uint32_t provisional_life_s = 10;
/// Provisional records younger than this are not put out by others: the share counts as full instead.
inline constexpr std::uint32_t provisional_grace_s = 2;

enum class Share : std::uint8_t { provisional, live };
enum class Outcome : std::uint8_t { claimed, taken, full };

/// What a scope may take of the live share, and whether its oldest record makes room.
struct Room {
  std::uint64_t scope_max = ~std::uint64_t{0};
  bool evict = false;
};
enum class Sweep : std::uint8_t { keep, erase };

/// claimed: the record is the caller's. taken: it is somebody else's, and holds. full: nothing was stored.
struct Claim {
  Record record{};
  Outcome outcome = Outcome::full;
  bool evicted = false;  // it took the place of an older one
};

struct Stats {
  std::uint64_t live = 0;
  std::uint64_t provisional = 0;
  std::uint64_t capacity = 0;  // advertised, live shares of both widths
  std::uint64_t size_bytes = 0;
};

/// One of the four shares.
struct ShareStats {
  bool wide = false;
  bool provisional = false;
  std::uint64_t used = 0;
  std::uint64_t capacity = 0;  // advertised
  std::uint64_t size_bytes = 0;
};

struct Cursor {
  std::uint64_t bucket = 0;
  bool done = false;
};

class Table {
 public:
  [[nodiscard]] static std::size_t bytes_needed(Sizes sizes) noexcept;
  /// create() with enough memory would succeed, and bytes_needed() does not overflow.
  [[nodiscard]] static bool possible(Sizes sizes) noexcept;
  /// `memory`: bytes_needed() bytes or more, 64-byte aligned, zeroed; stays the caller's and must outlive the table.
  [[nodiscard]] static Result<Table> create(std::span<std::byte> memory, Sizes sizes, hash::Key seed);

  [[nodiscard]] std::uint64_t hash(const Key& key) const noexcept { return hash_of(seed_, key); }
  void prefetch(const Key& key, std::uint64_t hash) const noexcept;

  /// Wait-free. "Nothing" is not the last word (the record may be on its way from share to share): claim() is.
  [[nodiscard]] std::optional<Record> find(const Key& key, std::uint64_t hash) const noexcept;

  /// The lasting record of a narrow key, for look-ups of many at once: prefetched, found with its place, used.
  using Place = BucketArray<1>::Found;
  void prefetch_lasting(std::uint64_t hash) const noexcept { narrow_.live.prefetch_first(hash); }
  void prefetch_lasting_further(std::uint64_t hash) const noexcept { narrow_.live.prefetch_others(hash); }
  [[nodiscard]] std::optional<Place> find_lasting(const Key& key, std::uint64_t hash) const noexcept {
    return narrow_.live.find(key, hash);
  }
  static void touch(const Place& place, std::uint32_t now_s) noexcept { BucketArray<1>::touch(place, now_s); }

  /// `room`: of the live share.
  Claim claim(const Key& key, std::uint64_t hash, BackendSlot backend, std::uint32_t now_s, Share share,
              const Room& room = {}) noexcept;

  /// A move: only while the record names `from` (which `to` may be too). Renews created_s and used_s.
  bool replace(const Key& key, std::uint64_t hash, BackendSlot from, BackendSlot to, std::uint32_t now_s,
               std::uint16_t home = at_home) noexcept;

  /// From the provisional to the live share. claimed: it is live now. taken: it was. full: there is no such record,
  /// or no room for it (it then stays provisional).
  Claim confirm(const Key& key, std::uint64_t hash, std::uint32_t now_s, const Room& room = {}) noexcept;

  /// Stores a record as it was in another table, with its times, unless there is one for the key.
  Claim restore(const Key& key, const Record& record, const Room& room = {}) noexcept;

  /// restore() that makes room by moving others where it can: at start, when nobody else reads.
  Claim place(const Key& key, const Record& record);

  /// Used at `now_s`, unless it was used later.
  void touch(const Key& key, std::uint64_t hash, std::uint32_t now_s) noexcept;
  /// Where a lasting record lies for as long as there is one, in few bits: for those who no longer know its key.
  /// `nowhere`: there is none, or it lies too far behind.
  [[nodiscard]] std::uint32_t place_of(const Key& key, std::uint64_t hash) const noexcept;
  static constexpr std::uint32_t nowhere = 0;
  /// touch() of what lies there now: another record, where the first has been erased or put out.
  void touch_at(std::uint32_t place, std::uint32_t now_s) noexcept;
  [[nodiscard]] std::optional<Key> key_at(std::uint32_t place) const noexcept;
  bool erase(const Key& key, std::uint64_t hash) noexcept;

  /// Calls `f(key, record) -> Sweep` for every record of the next `buckets` buckets, over all shares in turn. A record
  /// that was used or moved since `f` saw it stays. Returns how many records it erased. One sweeper at a time.
  template <class F>
  std::size_t sweep(unsigned buckets, F&& f) noexcept {
    std::size_t erased = 0;
    for (; buckets > 0; --buckets) {
      visit(sweep_position_, [&](auto& array, const auto& found) {
        if (f(found.seen.key, found.seen.record) == Sweep::erase && array.erase(found, true, nullptr, nullptr)) {
          ++erased;
        }
      });
      if (++sweep_position_ == bucket_count()) {
        sweep_position_ = 0;
        ++sweeps_done_;
      }
    }
    return erased;
  }
  /// Complete passes over the table; for the sweeper.
  [[nodiscard]] std::uint64_t sweeps_done() const noexcept { return sweeps_done_; }

  /// Calls `f(key, record)` for every record of `buckets` buckets from the cursor on. Any thread.
  template <class F>
  [[nodiscard]] Cursor walk(Cursor cursor, unsigned buckets, F&& f) const noexcept {
    for (; buckets > 0 && cursor.bucket < bucket_count(); --buckets, ++cursor.bucket) {
      visit(cursor.bucket, [&](auto&, const auto& found) { f(found.seen.key, found.seen.record); });
    }
    cursor.done = cursor.bucket >= bucket_count();
    return cursor;
  }

  /// BucketArray::adopt() of all shares; of a record in both shares the live one counts. Returns how many it dropped.
  template <class F>
  std::uint64_t adopt(F&& accept) noexcept {
    const auto hash = [this](const Key& key) { return this->hash(key); };
    const auto width = [&](auto& shares) {
      const std::uint64_t dropped = shares.live.adopt(hash, accept);
      return dropped + shares.provisional.adopt(hash, [&](const Seen& seen) {
        return accept(seen) && !shares.live.find(seen.key, this->hash(seen.key));
      });
    };
    return width(narrow_) + width(wide_);
  }

  /// Buckets of all shares together: what a whole sweep visits.
  [[nodiscard]] std::uint64_t bucket_count() const noexcept {
    return narrow_.live.buckets() + narrow_.provisional.buckets() + wide_.live.buckets() + wide_.provisional.buckets();
  }
  [[nodiscard]] Stats stats() const noexcept;
  [[nodiscard]] std::array<ShareStats, 4> shares() const noexcept;
  /// Lasting records by backend and by scope.
  [[nodiscard]] const Counts& counts() const noexcept { return *counts_; }

 private:
  template <unsigned key_words>
  struct Shares {
    BucketArray<key_words> live;
    BucketArray<key_words> provisional;
  };

  Table() noexcept = default;

  template <class Array, class F>
  static bool visit_in(Array& array, std::uint64_t& position, F& f) noexcept {
    if (position >= array.buckets()) {
      position -= array.buckets();
      return false;
    }
    auto& bucket = array.bucket(position);
    for (unsigned slot = 0; slot < bucket_slots; ++slot) {
      if (const auto found = array.read(bucket, slot)) {
        f(array, *found);
      }
    }
    return true;
  }
  template <class Self, class F>
  static void visit_shares(Self& self, std::uint64_t position, F& f) noexcept {
    visit_in(self.narrow_.live, position, f) || visit_in(self.narrow_.provisional, position, f) ||
        visit_in(self.wide_.live, position, f) || visit_in(self.wide_.provisional, position, f);
  }
  template <class F>
  void visit(std::uint64_t position, F&& f) noexcept {
    visit_shares(*this, position, f);
  }
  template <class F>
  void visit(std::uint64_t position, F&& f) const noexcept {
    visit_shares(*this, position, f);
  }

  Shares<1> narrow_;
  Shares<2> wide_;
  std::shared_ptr<Counts> counts_;
  hash::Key seed_;
  std::uint64_t sweep_position_ = 0;  // writer and reader: the sweeper
  std::uint64_t sweeps_done_ = 0;
};

}  // namespace limpet::record
