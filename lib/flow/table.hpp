// The flow table of one worker: exact keys of two widths, and for each width a small embryonic share, so that a SYN
// flood puts out only other half-open flows. Only its worker calls it; no allocation, no locks, no clock.
//
// A pointer to an entry is good until the next insert() or promote(), which may move another entry.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

#include "base/result.hpp"
#include "flow/share.hpp"

namespace limpet::flow {

/// Capacity in entries; the embryonic shares come on top.
struct Sizes {
  std::uint64_t narrow_entries = 0;
  std::uint64_t wide_entries = 0;
  std::uint16_t embryonic_permille = 0;  // how much comes on top; 0: a sixteenth
};

/// Of a share's places so many find an entry, whatever the keys are. Narrow ones have spare places, as fewer of their
/// entries then lie in the second of their buckets; wide ones are large.
[[nodiscard]] constexpr std::uint64_t advertised(bool wide, std::uint64_t places) noexcept {
  return wide ? places / 8 * 7 : places / 5 * 4;
}

/// Room for `flows_max` NAT flows (two entries each) of narrow keys, and for a quarter as many of wide ones. With the
/// embryonic shares 72 bytes a flow: 43 for narrow flows, 29 for wide ones.
/// `embryonic_max`: flows that are embryonic at a time; 0: a sixteenth of flows_max.
[[nodiscard]] Sizes sizes_for(std::uint64_t flows_max, std::uint64_t embryonic_max = 0) noexcept;

struct Stats {
  std::uint64_t live_narrow = 0;
  std::uint64_t live_wide = 0;
  std::uint64_t embryonic = 0;          // both widths
  std::uint64_t embryonic_evicted = 0;  // since start
  std::uint64_t capacity_narrow = 0;    // entries of the live shares
  std::uint64_t capacity_wide = 0;
  std::uint64_t size_bytes = 0;
};

/// One of the four shares.
struct ShareStats {
  bool wide = false;
  bool embryonic = false;
  std::uint64_t used = 0;
  std::uint64_t capacity = 0;
  std::uint64_t size_bytes = 0;
};

enum class Sweep : std::uint8_t { keep, erase };

/// A place in a walk over all shares. Entries that move meanwhile may be missed or seen twice.
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
  [[nodiscard]] const hash::Key& seed() const noexcept { return seed_; }

  template <class Key>
  [[nodiscard]] std::uint64_t hash(const Key& key) const noexcept {
    return hash_of(seed_, key);
  }

  template <class Key>
  void prefetch(const Key&, std::uint64_t hash) const noexcept {
    live_share<Key>().prefetch(hash);
    embryonic_of<Key>(*this).prefetch(hash);
  }

  template <class Key>
  [[nodiscard]] Entry<Key>* find(const Key& key, std::uint64_t hash) noexcept {
    Entry<Key>* entry = live<Key>().find(key, hash);
    return entry != nullptr ? entry : embryonic<Key>().find(key, hash);
  }

  /// By a key as entries have it.
  template <class Key>
  [[nodiscard]] Entry<Key>* find_like(const typename Entry<Key>::Pattern& pattern, std::uint64_t hash) noexcept {
    Entry<Key>* entry = live<Key>().find_like(pattern, hash);
    return entry != nullptr ? entry : embryonic<Key>().find_like(pattern, hash);
  }

  template <class Key>
  [[nodiscard]] const Entry<Key>* find_embryonic(const Key& key, std::uint64_t hash) const noexcept {
    return embryonic<Key>().find(key, hash);
  }
  template <class Key>
  void prefetch_embryonic(std::uint64_t hash) const noexcept {
    embryonic<Key>().prefetch(hash);
  }
  /// How many there are: with none, the way back of a narrow flow need not be looked for among the wide ones.
  [[nodiscard]] std::uint64_t wide_v4_ways_back() const noexcept {
    return wide_.wide_v4_ways_back() + wide_embryonic_.wide_v4_ways_back();
  }

  /// The caller has checked that the key is absent. State embryonic goes to the embryonic share, where the oldest of
  /// the two buckets makes room; other states to the live share: nothing when it is full there.
  template <class Key>
  Entry<Key>* insert(const Key& key, std::uint64_t hash, const Value& value, const Carried& carried = {}) noexcept {
    Evicted evicted;
    return insert(key, hash, value, carried, evicted);
  }
  /// The same, and tells whom it put out.
  template <class Key>
  Entry<Key>* insert(const Key& key, std::uint64_t hash, const Value& value, const Carried& carried,
                     Evicted& evicted) noexcept {
    if (value.state != State::embryonic) {
      return live<Key>().insert(key, hash, value, carried);
    }
    Entry<Key>* entry = embryonic<Key>().insert(key, hash, value, carried);
    if (entry == nullptr) {
      entry = embryonic<Key>().replace_oldest(key, hash, value, carried, evicted);
      ++embryonic_evicted_;
    }
    return entry;
  }

  /// Moves an embryonic flow to the live share, as established. Nothing when that share is full (the flow stays
  /// embryonic) or the key is unknown; the entry itself when the flow is live already.
  template <class Key>
  Entry<Key>* promote(const Key& key, std::uint64_t hash) noexcept {
    Entry<Key>* from = embryonic<Key>().find(key, hash);
    if (from == nullptr) {
      return live<Key>().find(key, hash);
    }
    Value value = from->value();
    value.state = State::established;
    Entry<Key>* to = live<Key>().insert(key, hash, value, from->carried());
    if (to != nullptr) {
      embryonic<Key>().erase(*from);
    }
    return to;
  }

  template <class Key>
  bool erase(const Key& key, std::uint64_t hash) noexcept {
    for (Share<Key>* share : {&live<Key>(), &embryonic<Key>()}) {
      if (Entry<Key>* entry = share->find(key, hash); entry != nullptr) {
        share->erase(*entry);
        return true;
      }
    }
    return false;
  }

  /// Calls `f(key, entry) -> Sweep` for every entry of the next `buckets` buckets, over all shares in turn. `f` is
  /// called with keys of both widths; it may change the entry and erase other flows, but not insert or promote.
  template <class F>
  void sweep(unsigned buckets, F&& f) noexcept {
    for (; buckets > 0; --buckets) {
      visit(sweep_position_, [&](auto& share, auto& entry) {
        const auto key = entry.key();
        if (f(key, entry) == Sweep::erase && entry.valid()) {
          share.erase(entry);
        }
      });
      if (++sweep_position_ == bucket_count()) {
        sweep_position_ = 0;
        ++sweeps_done_;
      }
    }
  }
  /// Complete passes over the table.
  [[nodiscard]] std::uint64_t sweeps_done() const noexcept { return sweeps_done_; }

  /// Calls `f(key, const entry)` for every entry of `buckets` buckets from the cursor on; `f` changes nothing.
  template <class F>
  [[nodiscard]] Cursor walk(Cursor cursor, unsigned buckets, F&& f) const noexcept {
    for (; buckets > 0 && cursor.bucket < bucket_count(); --buckets, ++cursor.bucket) {
      visit(cursor.bucket, [&](const auto&, const auto& entry) { f(entry.key(), entry); });
    }
    cursor.done = cursor.bucket >= bucket_count();
    return cursor;
  }

  /// Calls `f(key, entry) -> Sweep` for every entry, like a whole sweep, at start.
  template <class F>
  void each(F&& f) noexcept {
    for (std::uint64_t position = 0; position < bucket_count(); ++position) {
      visit(position, [&](auto& share, auto& entry) {
        if (f(entry.key(), entry) == Sweep::erase) {
          share.erase(entry);
        }
      });
    }
  }

  /// Share::adopt() of all shares; of an entry that is in both, the live one counts. Returns how many it emptied.
  template <class F>
  std::uint64_t adopt(F&& accept) noexcept {
    return adopt_width<NarrowKey>(accept) + adopt_width<WideKey>(accept);
  }

  /// Buckets of all shares together: what a whole sweep visits.
  [[nodiscard]] std::uint64_t bucket_count() const noexcept {
    return narrow_.buckets() + narrow_embryonic_.buckets() + wide_.buckets() + wide_embryonic_.buckets();
  }
  [[nodiscard]] Stats stats() const noexcept;
  [[nodiscard]] std::array<ShareStats, 4> shares() const noexcept;

  /// The share of flows that have shown their client's address, for look-ups of many at once.
  template <class Key>
  [[nodiscard]] const Share<Key>& live_share() const noexcept {
    return live_of<Key>(*this);
  }
  template <class Key>
  [[nodiscard]] const Share<Key>& embryonic_share() const noexcept {
    return embryonic_of<Key>(*this);
  }

 private:
  Table() noexcept = default;

  template <class Key, class Self>
  static auto& live_of(Self& self) noexcept {
    if constexpr (std::is_same_v<Key, NarrowKey>) {
      return self.narrow_;
    } else {
      return self.wide_;
    }
  }
  template <class Key, class Self>
  static auto& embryonic_of(Self& self) noexcept {
    if constexpr (std::is_same_v<Key, NarrowKey>) {
      return self.narrow_embryonic_;
    } else {
      return self.wide_embryonic_;
    }
  }
  template <class Key>
  [[nodiscard]] Share<Key>& live() noexcept {
    return live_of<Key>(*this);
  }
  template <class Key>
  [[nodiscard]] Share<Key>& embryonic() noexcept {
    return embryonic_of<Key>(*this);
  }
  template <class Key>
  [[nodiscard]] const Share<Key>& embryonic() const noexcept {
    return embryonic_of<Key>(*this);
  }

  template <class Key, class F>
  std::uint64_t adopt_width(F& accept) noexcept {
    const std::uint64_t dropped = live<Key>().adopt(accept);
    return dropped + embryonic<Key>().adopt([&](const auto& entry) {
      const Key key = entry.key();
      return accept(entry) && live<Key>().find(key, hash(key)) == nullptr;
    });
  }

  template <class AnyShare, class F>
  static bool visit_in(AnyShare& share, std::uint64_t& position, F& f) noexcept {
    if (position >= share.buckets()) {
      position -= share.buckets();
      return false;
    }
    for (auto& entry : share.bucket(position).entries) {
      if (entry.valid()) {
        f(share, entry);
      }
    }
    return true;
  }
  template <class F>
  void visit(std::uint64_t position, F&& f) noexcept {
    visit_in(narrow_, position, f) || visit_in(narrow_embryonic_, position, f) || visit_in(wide_, position, f) ||
        visit_in(wide_embryonic_, position, f);
  }
  template <class F>
  void visit(std::uint64_t position, F&& f) const noexcept {
    visit_in(narrow_, position, f) || visit_in(narrow_embryonic_, position, f) || visit_in(wide_, position, f) ||
        visit_in(wide_embryonic_, position, f);
  }

  Share<NarrowKey> narrow_;
  Share<NarrowKey> narrow_embryonic_;
  Share<WideKey> wide_;
  Share<WideKey> wide_embryonic_;
  hash::Key seed_;
  std::uint64_t sweep_position_ = 0;
  std::uint64_t sweeps_done_ = 0;
  std::uint64_t embryonic_evicted_ = 0;
};

}  // namespace limpet::flow
