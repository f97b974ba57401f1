// Flow entries as they lie in memory, pointer-free: a mapped file can be read by another process. The last word is
// written last, in one aligned store, and makes the entry valid; zero there is an empty entry.
// Private to the worker that owns the table.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <type_traits>

#include "flow/key.hpp"
#include "flow/match.hpp"

namespace limpet::flow {

namespace detail {

/// Bits `shift` .. `shift` + `width` - 1 of a word.
template <unsigned shift, unsigned width>
struct Field {
  static constexpr std::uint64_t mask = ((std::uint64_t{1} << width) - 1) << shift;
  static constexpr std::uint64_t put(std::uint64_t value) noexcept { return (value << shift) & mask; }
  static constexpr std::uint64_t get(std::uint64_t word) noexcept { return (word & mask) >> shift; }
};

// The last word of both widths begins alike.
using StateField = Field<0, 3>;  // state + 1; 0: the entry is empty
using FlagsField = Field<3, 8>;
using UsedField = Field<11, 16>;

constexpr std::uint64_t changing_bits(const Value& value) noexcept {
  return StateField::put(static_cast<std::uint64_t>(value.state) + 1) | FlagsField::put(value.flags) |
         UsedField::put(value.used.raw());
}

/// What both widths share: the last word, and its stores.
template <class Derived>
class EntryBase {
 public:
  [[nodiscard]] bool valid() const noexcept { return StateField::get(last()) != 0; }
  /// Its state is one that there is.
  [[nodiscard]] bool makes_sense() const noexcept { return StateField::get(last()) <= state_count; }
  [[nodiscard]] State state() const noexcept { return static_cast<State>(StateField::get(last()) - 1); }
  [[nodiscard]] std::uint8_t flags() const noexcept { return static_cast<std::uint8_t>(FlagsField::get(last())); }
  [[nodiscard]] Tick16 used() const noexcept {
    return Tick16::from_raw(static_cast<std::uint16_t>(UsedField::get(last())));
  }
  [[nodiscard]] Value value() const noexcept { return {derived().peer(), state(), flags(), used()}; }

  [[gnu::always_inline]] inline void touch(Tick16 now) noexcept {
    store((last() & ~UsedField::mask) | UsedField::put(now.raw()));
  }
  void set_state(State state) noexcept {
    store((last() & ~StateField::mask) | StateField::put(static_cast<std::uint64_t>(state) + 1));
  }
  void set_flags(std::uint8_t flags) noexcept { store((last() & ~FlagsField::mask) | FlagsField::put(flags)); }
  void clear() noexcept { store(0); }

 protected:
  /// Before an empty entry is filled: a process that is killed at any instruction must leave it empty or whole, so
  /// the compiler may not put the new words before the store that emptied it.
  static void begin_write() noexcept { std::atomic_signal_fence(std::memory_order_seq_cst); }
  [[nodiscard]] std::uint64_t last() const noexcept { return derived().words_.back(); }
  void store(std::uint64_t word) noexcept {
    std::atomic_ref(static_cast<Derived&>(*this).words_.back()).store(word, std::memory_order_release);
  }

 private:
  [[nodiscard]] const Derived& derived() const noexcept { return static_cast<const Derived&>(*this); }
};

}  // namespace detail

class NarrowEntry : public detail::EntryBase<NarrowEntry> {
  using SlotLow = detail::Field<0, 16>;
  using Port = detail::Field<16, 16>;
  using Client = detail::Field<32, 32>;
  using Peer = detail::Field<27, 20>;
  using Way = detail::Field<47, 1>;
  using SlotHigh = detail::Field<48, 4>;
  using Taken = detail::Field<52, 1>;  // 1 in every valid entry, so that a comparison finds no empty one
  static constexpr std::uint64_t place_mask = Way::mask | SlotHigh::mask | Taken::mask;

 public:
  using Key = NarrowKey;

  /// A key as entries have it.
  struct Pattern {
    std::uint64_t words[2];
  };
  [[nodiscard]] static Pattern pattern(const NarrowKey& key) noexcept { return {{first(key), place(key)}}; }
  [[nodiscard]] bool holds(const Pattern& pattern) const noexcept {
    return words_[0] == pattern.words[0] && (words_[1] & place_mask) == pattern.words[1];
  }
  [[nodiscard]] bool holds(const NarrowKey& key) const noexcept { return holds(pattern(key)); }
  /// Bit 4 i is set where the i-th of a bucket's entries holds the key.
  [[nodiscard]] static unsigned match(const std::array<NarrowEntry, 4>& entries, const Pattern& pattern) noexcept {
    const __m128i mask = detail::pair(~std::uint64_t{0}, place_mask);
    const __m128i wanted = detail::load(pattern.words);
    const auto equal = [&](const NarrowEntry& entry) {
      return _mm_cmpeq_epi64(_mm_and_si128(detail::load(entry.words_.data()), mask), wanted);
    };
    return detail::both_words(equal(entries[0]), equal(entries[1]), equal(entries[2]), equal(entries[3]));
  }
  void write(const NarrowKey& key, const Value& value, const Carried&) noexcept {
    begin_write();
    words_[0] = first(key);
    store(place(key) | Peer::put(value.peer) | detail::changing_bits(value));
  }
  void set(const Value& value) noexcept {
    store((last() & place_mask) | Peer::put(value.peer) | detail::changing_bits(value));
  }
  [[nodiscard]] NarrowKey key() const noexcept {
    return {static_cast<std::uint32_t>(Client::get(words_[0])), static_cast<std::uint16_t>(Port::get(words_[0])),
            static_cast<std::uint32_t>(SlotHigh::get(words_[1]) << 16 | SlotLow::get(words_[0])),
            static_cast<Direction>(Way::get(words_[1]))};
  }
  [[nodiscard]] std::uint32_t peer() const noexcept { return static_cast<std::uint32_t>(Peer::get(words_[1])); }
  [[nodiscard]] Carried carried() const noexcept { return {}; }
  [[nodiscard]] static constexpr bool is_rewritten() noexcept { return false; }

 private:
  friend class detail::EntryBase<NarrowEntry>;
  static constexpr std::uint64_t first(const NarrowKey& key) noexcept {
    return Client::put(key.client) | Port::put(key.client_port) | SlotLow::put(key.slot);
  }
  static constexpr std::uint64_t place(const NarrowKey& key) noexcept {
    return Way::put(static_cast<std::uint64_t>(key.direction)) | SlotHigh::put(key.slot >> 16) | Taken::put(1);
  }
  std::array<std::uint64_t, 2> words_{};
};

class WideEntry : public detail::EntryBase<WideEntry> {
  using VipPort = detail::Field<0, 16>;
  using TranslatedPort = detail::Field<16, 16>;
  using ServerPort = detail::Field<32, 16>;
  using ClientPort = detail::Field<48, 16>;
  using Way = detail::Field<27, 1>;
  using Far = detail::Field<28, 20>;   // backend or endpoint
  using Near = detail::Field<48, 16>;  // listener

  static constexpr std::uint64_t all = ~std::uint64_t{0};
  static constexpr std::uint64_t local_flag = detail::FlagsField::put(flag::local);
  static constexpr std::array<std::uint64_t, 6> forward_mask = {
      all, all, all, all, ClientPort::mask | ServerPort::mask, Way::mask | Near::mask | local_flag};
  static constexpr std::array<std::uint64_t, 6> local_mask = {
      all, all, 0, 0, ClientPort::mask | ServerPort::mask, Way::mask | Near::mask | local_flag};
  static constexpr std::array<std::uint64_t, 6> back_mask = {
      all, all, 0, 0, ClientPort::mask | ServerPort::mask, Way::mask | Far::mask};

 public:
  using Key = WideKey;

  /// A key as entries have it; `mask`: which of an entry's bits count.
  struct Pattern {
    std::uint64_t words[6];
    const std::uint64_t* mask;
  };
  [[nodiscard]] static Pattern pattern(const WideKey& key) noexcept {
    if (key.direction == Direction::back) {
      return {{key.client.high(), key.client.low(), 0, 0, ports(key), place(key)}, back_mask.data()};
    }
    if (key.vip.is_none()) {
      return {{key.client.high(), key.client.low(), 0, 0, ports(key), place(key) | local_flag}, local_mask.data()};
    }
    return {{key.client.high(), key.client.low(), key.vip.high(), key.vip.low(), ports(key), place(key)},
            forward_mask.data()};
  }
  [[nodiscard]] bool holds(const Pattern& pattern) const noexcept {
    bool same = valid();
    for (std::size_t i = 0; i < words_.size(); ++i) {
      same = same && (words_[i] & pattern.mask[i]) == pattern.words[i];
    }
    return same;
  }
  [[nodiscard]] bool holds(const WideKey& key) const noexcept { return holds(pattern(key)); }
  [[nodiscard]] static unsigned match(const std::array<WideEntry, 4>& entries, const Pattern& pattern) noexcept {
    const auto differs = [&](const WideEntry& entry, std::size_t at) {
      const __m128i words = _mm_and_si128(detail::load(&entry.words_[at]), detail::load(&pattern.mask[at]));
      return _mm_xor_si128(words, detail::load(&pattern.words[at]));
    };
    const auto holds = [&](const WideEntry& entry) {
      const __m128i any = _mm_or_si128(_mm_or_si128(differs(entry, 0), differs(entry, 2)), differs(entry, 4));
      return static_cast<unsigned>(_mm_testz_si128(any, any)) & static_cast<unsigned>(entry.valid());
    };
    return holds(entries[0]) | holds(entries[1]) << 4 | holds(entries[2]) << 8 | holds(entries[3]) << 12;
  }
  void write(const WideKey& key, const Value& value, const Carried& carried) noexcept {
    const auto& vip = key.direction == Direction::back || key.vip.is_none() ? carried.vip : key.vip;
    begin_write();
    words_[0] = key.client.high();
    words_[1] = key.client.low();
    words_[2] = vip.high();
    words_[3] = vip.low();
    words_[4] = ports(key) | VipPort::put(carried.vip_port) | TranslatedPort::put(carried.translated_port);
    store(place(key) | peer_bits(key.direction, value.peer) | detail::changing_bits(value));
  }
  void set(const Value& value) noexcept {
    const std::uint64_t kept = last() & (Way::mask | (way() == Direction::back ? Far::mask : Near::mask));
    store(kept | peer_bits(way(), value.peer) | detail::changing_bits(value));
  }
  [[nodiscard]] WideKey key() const noexcept {
    return {address(0),
            way() == Direction::back || (flags() & flag::local) != 0 ? net::IpAddress{} : address(2),
            static_cast<std::uint16_t>(ClientPort::get(words_[4])),
            static_cast<std::uint16_t>(ServerPort::get(words_[4])),
            static_cast<std::uint32_t>(way() == Direction::back ? Far::get(last()) : Near::get(last())),
            way()};
  }
  [[nodiscard]] std::uint32_t peer() const noexcept {
    return static_cast<std::uint32_t>(way() == Direction::back ? Near::get(last()) : Far::get(last()));
  }
  /// The client's port is another one towards the backend.
  [[nodiscard]] bool is_rewritten() const noexcept { return TranslatedPort::get(words_[4]) != 0; }
  [[nodiscard]] Carried carried() const noexcept {
    return {address(2), static_cast<std::uint16_t>(VipPort::get(words_[4])),
            static_cast<std::uint16_t>(TranslatedPort::get(words_[4]))};
  }
  /// Carried::vip_port; in one store, so that the entry stays whole.
  void set_vip_port(std::uint16_t l4_port) noexcept {
    const std::uint64_t word = (words_[4] & ~VipPort::mask) | VipPort::put(l4_port);
    std::atomic_ref(words_[4]).store(word, std::memory_order_relaxed);
  }

 private:
  friend class detail::EntryBase<WideEntry>;
  [[nodiscard]] Direction way() const noexcept { return static_cast<Direction>(Way::get(last())); }
  [[nodiscard]] net::IpAddress address(std::size_t word) const noexcept {
    std::uint8_t bytes[16];
    store_be<std::uint64_t>(bytes, words_[word]);
    store_be<std::uint64_t>(bytes + 8, words_[word + 1]);
    return net::IpAddress::v6(bytes);
  }
  static constexpr std::uint64_t ports(const WideKey& key) noexcept {
    return ClientPort::put(key.client_port) | ServerPort::put(key.server_port);
  }
  static constexpr std::uint64_t place(const WideKey& key) noexcept {
    return Way::put(static_cast<std::uint64_t>(key.direction)) |
           (key.direction == Direction::back ? Far::put(key.slot) : Near::put(key.slot));
  }
  static constexpr std::uint64_t peer_bits(Direction direction, std::uint32_t peer) noexcept {
    return direction == Direction::back ? Near::put(peer) : Far::put(peer);
  }
  std::array<std::uint64_t, 6> words_{};
};

template <class Key>
using Entry = std::conditional_t<std::is_same_v<Key, NarrowKey>, NarrowEntry, WideEntry>;

static_assert(sizeof(NarrowEntry) == 16 && std::is_standard_layout_v<NarrowEntry>);
static_assert(sizeof(WideEntry) == 48 && std::is_standard_layout_v<WideEntry>);
static_assert(std::is_trivially_copyable_v<NarrowEntry> && std::is_trivially_copyable_v<WideEntry>);

}  // namespace limpet::flow
