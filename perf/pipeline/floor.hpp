// What the path is compared with: the same flows' 5-tuples in rte_hash, looked up or added, net of making the tuples.
#pragma once

#include <array>
#include <cstdint>
#include <stdexcept>

#include "buffers.hpp"
#include "race.hpp"
#include "rte_table.hpp"

namespace limpet::perf {

/// Keys of random flows, made and then used by `use(keys)`; the cycles of that, net of the making. `made(flow)` makes
/// one. `use` returns how many it found to be right: throws when that is not all.
template <class Key, class Make, class Use>
double net_of_making(std::uint64_t rate, std::uint64_t count, Random& random, std::uint32_t flows, Make&& made,
                     Use&& use) {
  std::array<Key, look_ups_at_once> keys;
  const auto next = [&] {
    for (Key& key : keys) {
      key = made(random.below(flows));
    }
    asm volatile("" : : "r"(keys.data()) : "memory");
  };
  const double making = timed(rate, [&] {
    for (std::uint64_t done = 0; done < count; done += look_ups_at_once) {
      next();
    }
  });
  std::uint64_t right = 0, done = 0;
  const double all = timed(rate, [&] {
    for (; done < count; done += look_ups_at_once) {
      next();
      right += use(keys);
    }
  });
  if (right != done) {
    throw std::runtime_error("a table misses keys that were put in");
  }
  return all - making;
}

/// N flows in rte_hash.
template <class Key>
class Floor {
 public:
  Floor(std::uint64_t rate, std::uint32_t flows, std::uint32_t more = 0, Readers readers = Readers::one)
      : rate_(rate), flows_(flows), table_(flows + more, sizeof(Key), readers) {
    for (std::uint32_t flow = 0; flow < flows; ++flow) {
      const Key key = tuple_of<Key>(flow);
      add(key);
    }
  }

  /// Cycles of `count` look-ups.
  double look_up(std::uint64_t count) {
    return net_of_making<Key>(
        rate_, count, random_, flows_, [](std::uint32_t flow) { return tuple_of<Key>(flow); },
        [&](const auto& keys) {
          std::array<const void*, look_ups_at_once> pointers;
          for (unsigned i = 0; i < look_ups_at_once; ++i) {
            pointers[i] = &keys[i];
          }
          return table_.find(pointers);
        });
  }

  /// Cycles of `count` additions of keys that are not there; they are gone afterwards. There must be room.
  double add_new(std::uint64_t count) {
    const auto each = [&](auto&& f) {
      for (std::uint64_t i = 0; i < count; ++i) {
        f(tuple_of<Key>(static_cast<std::uint32_t>((next_ + i) % flows_), 1));
      }
    };
    const double making = timed(rate_, [&] { each([](const Key& key) { asm volatile("" : : "m"(key)); }); });
    const double all = timed(rate_, [&] { each([&](const Key& key) { add(key); }); });
    each([&](const Key& key) { table_.erase(&key); });
    next_ = (next_ + count) % flows_;
    return all - making;
  }

 private:
  void add(const Key& key) {
    if (!table_.add(&key)) {
      throw std::runtime_error("rte_hash_add_key: no room");
    }
  }

  std::uint64_t rate_;
  std::uint32_t flows_;
  RteTable table_;
  Random random_;
  std::uint64_t next_ = 0;
};

}  // namespace limpet::perf
