// A bucket of records as it lies in memory, pointer-free, shared by all workers.
// Header word: held (1 bit), version (23), and for each of the five slots a tag of the key's hash (8), 0 where the
// slot is free. A slot's words never change identity while its tag stands; the version counts changes of tags, so a
// reader that finds the header unchanged has read one record. All words are atomics; stores of data are releases and
// loads are acquires, which on x86-64 are plain moves.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "record/key.hpp"

namespace limpet::record {

inline constexpr unsigned bucket_slots = 5;

namespace header {

inline constexpr std::uint64_t held = 1;
inline constexpr std::uint64_t version_one = 2;
inline constexpr std::uint64_t version_mask = 0xfffffe;
inline constexpr unsigned tags_shift = 24;

constexpr std::uint8_t tag(std::uint64_t word, unsigned slot) noexcept {
  return static_cast<std::uint8_t>(word >> (tags_shift + 8 * slot));
}
constexpr std::uint64_t with_tag(std::uint64_t word, unsigned slot, std::uint8_t tag) noexcept {
  const unsigned shift = tags_shift + 8 * slot;
  const std::uint64_t version = (word + version_one) & version_mask;
  return (word & ~version_mask & ~(std::uint64_t{0xff} << shift)) | version | std::uint64_t{tag} << shift;
}
/// Bit 8 i + 7 is set where slot i has the tag.
constexpr std::uint64_t slots_with(std::uint64_t word, std::uint8_t tag) noexcept {
  constexpr std::uint64_t ones = 0x01'0101'0101, low_bits = 0x7f * ones;
  const std::uint64_t differ = (word >> tags_shift) ^ tag * ones;
  return ~(((differ & low_bits) + low_bits) | differ | low_bits) & (0x80 * ones);
}
constexpr unsigned used_slots(std::uint64_t word) noexcept {
  unsigned count = 0;
  for (unsigned slot = 0; slot < bucket_slots; ++slot) {
    count += tag(word, slot) != 0 ? 1u : 0u;
  }
  return count;
}

}  // namespace header

/// A slot's content at one moment, and the raw words behind the record.
struct Seen {
  Key key;
  Record record;
  std::uint64_t used_word = 0;  // scope, used_s
  std::uint64_t made_word = 0;  // backend, home, created_s
};

/// The word of a record's backend: slot (20 bits), home (11) and whether it is away from it (1), created_s (32).
namespace made {

inline constexpr unsigned slot_bits = 20;
static_assert(backend_slots_max <= 1u << slot_bits);

constexpr std::uint64_t word(BackendSlot backend, std::uint16_t home, std::uint32_t created_s) noexcept {
  const bool away = home != at_home;
  const std::uint64_t high = backend.value() | std::uint64_t{away ? home : 0u} << slot_bits | std::uint64_t{away} << 31;
  return high << 32 | created_s;
}
constexpr BackendSlot backend(std::uint64_t word) noexcept {
  return BackendSlot(static_cast<std::uint32_t>(word >> 32) & ((1u << slot_bits) - 1));
}
constexpr std::uint16_t home(std::uint64_t word) noexcept {
  return word >> 63 != 0 ? static_cast<std::uint16_t>(word >> (32 + slot_bits) & home_mask) : at_home;
}

}  // namespace made

/// `key_words`: 1 narrow, 2 wide. Words of a slot: key, scope and used, backend and created.
template <unsigned key_words>
struct alignas(64) Bucket {
  using Atomic = std::atomic_ref<std::uint64_t>;
  static constexpr bool wide = key_words == 2;
  // No key has this scope. A slot whose record is being erased holds it, so that no touch can succeed any more.
  static constexpr std::uint64_t erased_word = ~std::uint64_t{0};

  static constexpr std::uint64_t used_word(const Key& key, std::uint32_t used_s) noexcept {
    return std::uint64_t{key.scope} << 32 | used_s;
  }

  std::uint64_t header;
  std::uint64_t slots[bucket_slots][key_words + 2];

  [[nodiscard]] std::uint64_t load_header() noexcept { return Atomic(header).load(std::memory_order_acquire); }

  [[nodiscard]] bool holds(unsigned slot, const Key& key) noexcept {
    return load(slot, 0) == key.high && (!wide || load(slot, 1) == key.low) && load(slot, key_words) >> 32 == key.scope;
  }
  [[nodiscard]] Seen read(unsigned slot) noexcept {
    const std::uint64_t used = load(slot, key_words);
    const std::uint64_t made = load(slot, key_words + 1);
    return {{load(slot, 0), wide ? load(slot, 1) : 0, static_cast<std::uint32_t>(used >> 32), wide},
            {made::backend(made), static_cast<std::uint32_t>(made), static_cast<std::uint32_t>(used), false,
             made::home(made)},
            used,
            made};
  }
  /// True when no slot changed hands since `before` was loaded.
  [[nodiscard]] bool unchanged_since(std::uint64_t before) noexcept {
    return ((load_header() ^ before) & ~header::held) == 0;
  }

  /// The slot is free and the header held by the caller.
  void write(unsigned slot, const Key& key, const Record& record) noexcept {
    store(slot, 0, key.high);
    if constexpr (wide) {
      store(slot, 1, key.low);
    }
    store(slot, key_words, used_word(key, record.used_s));
    set_made(slot, made::word(record.backend, record.home, record.created_s));
  }
  [[nodiscard]] std::uint64_t made_word(unsigned slot) noexcept { return load(slot, key_words + 1); }
  void set_made(unsigned slot, std::uint64_t word) noexcept { store(slot, key_words + 1, word); }
  /// Needs no hold. False when the word is not `from` any more.
  bool exchange_used(unsigned slot, std::uint64_t from, std::uint64_t to) noexcept {
    return Atomic(slots[slot][key_words]).compare_exchange_strong(from, to, std::memory_order_acq_rel);
  }
  void set_erased(unsigned slot) noexcept { store(slot, key_words, erased_word); }

 private:
  [[nodiscard]] std::uint64_t load(unsigned slot, unsigned word) noexcept {
    return Atomic(slots[slot][word]).load(std::memory_order_acquire);
  }
  void store(unsigned slot, unsigned word, std::uint64_t value) noexcept {
    Atomic(slots[slot][word]).store(value, std::memory_order_release);
  }
};
static_assert(sizeof(Bucket<1>) == 128 && sizeof(Bucket<2>) == 192);

/// Holds a bucket's header: nobody else changes its tags meanwhile. Spins; held for a few stores only.
class Hold {
 public:
  explicit Hold(std::uint64_t& header) noexcept : header_(header) {
    std::atomic_ref word(header_);
    for (;;) {
      word_ = word.load(std::memory_order_relaxed);
      if ((word_ & header::held) == 0 &&
          word.compare_exchange_weak(word_, word_ | header::held, std::memory_order_acquire)) {
        return;
      }
      __builtin_ia32_pause();
    }
  }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  ~Hold() { std::atomic_ref(header_).store(word_, std::memory_order_release); }

  [[nodiscard]] std::uint64_t word() const noexcept { return word_; }
  /// Seen by others when the hold ends, after everything written meanwhile.
  void set_tag(unsigned slot, std::uint8_t tag) noexcept { word_ = header::with_tag(word_, slot, tag); }
  /// Seen by others before anything that is written from now on.
  void clear_tag_now(unsigned slot) noexcept {
    set_tag(slot, 0);
    std::atomic_ref(header_).store(word_ | header::held, std::memory_order_release);
  }

 private:
  std::uint64_t& header_;
  std::uint64_t word_ = 0;  // without the held bit
};

}  // namespace limpet::record
