// A hash map built once and read by workers: open addressing, load at most one half, one cache line a look-up in
// the common case. Keys are plain values without padding, hashed with a fixed mix (the configuration's own keys
// are not hostile; packets can only miss).
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "hash/keyed.hpp"

namespace limpet::plan {

/// No key of this type is all zeros: its slots need no mark.
template <class Key>
inline constexpr bool zero_is_no_key = false;

template <class Key, class Value>
class FlatMap {
  static_assert(std::has_unique_object_representations_v<Key>);
  static_assert(sizeof(Key) % 8 == 0);

 public:
  /// False when the key is there already; its value stays.
  bool add(const Key& key, const Value& value) {
    if ((count_ + 1) * 2 > slots_.size()) {
      grow();
    }
    Slot& slot = slots_[place(key)];
    if (slot.used()) {
      return false;
    }
    slot.key = key;
    slot.value = value;
    slot.mark = Mark(true);
    ++count_;
    return true;
  }
  [[nodiscard]] const Value* find(const Key& key) const noexcept {
    if (count_ == 0) {
      return nullptr;
    }
    const Slot& slot = slots_[place(key)];
    return slot.used() ? &slot.value : nullptr;
  }
  [[nodiscard]] Value* find(const Key& key) noexcept {
    return const_cast<Value*>(static_cast<const FlatMap*>(this)->find(key));
  }
  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  /// Slots that a look-up of the key passes before it knows.
  [[nodiscard]] std::size_t passed(const Key& key) const noexcept {
    return (place(key) - (static_cast<std::size_t>(mix(key)) & mask_)) & mask_;
  }
  template <class F>
  void each(F&& f) const {
    for (const Slot& slot : slots_) {
      if (slot.used()) {
        f(slot.value);
      }
    }
  }

 private:
  using Words = std::array<std::uint64_t, sizeof(Key) / 8>;
  /// 0 when they are equal. No call of memcmp() for keys of three words.
  static std::uint64_t differ(const Key& one, const Key& other) noexcept {
    const auto a = std::bit_cast<Words>(one), b = std::bit_cast<Words>(other);
    std::uint64_t bits = 0;
#pragma GCC unroll 3
    for (std::size_t i = 0; i < a.size(); ++i) {
      bits |= a[i] ^ b[i];
    }
    return bits;
  }
  struct NoMark {
    NoMark() noexcept = default;
    explicit NoMark(bool) noexcept {}
  };
  using Mark = std::conditional_t<zero_is_no_key<Key>, NoMark, bool>;
  static constexpr std::size_t alignment =
      std::max({alignof(Key), alignof(Value), zero_is_no_key<Key> ? std::bit_ceil(sizeof(Key) + sizeof(Value)) : 1});
  struct alignas(alignment) Slot {  // in one line whenever it has no mark
    Key key{};
    Value value{};
    [[no_unique_address]] Mark mark{};

    [[nodiscard]] bool used() const noexcept {
      if constexpr (zero_is_no_key<Key>) {
        return differ(key, {}) != 0;
      } else {
        return mark;
      }
    }
  };

  static std::uint64_t mix(const Key& key) noexcept {
    constexpr std::uint64_t factor = 0x9f3779b97f4b7d15ULL;  // each byte odd: keys apart in one byte are kept apart
    std::uint64_t hash = 0x243f6a8885a308d3ULL;
#pragma GCC unroll 3
    for (const std::uint64_t word : std::bit_cast<Words>(key)) {
      hash = hash::multiply_fold(hash ^ word, factor);
    }
    return hash;
  }
  [[nodiscard]] std::size_t place(const Key& key) const noexcept {
    std::size_t at = static_cast<std::size_t>(mix(key)) & mask_;
    while (differ(slots_[at].key, key) != 0 && slots_[at].used()) {
      at = (at + 1) & mask_;
    }
    return at;
  }
  void grow() {
    std::vector<Slot> old(std::bit_ceil((count_ + 1) * 4));
    old.swap(slots_);
    mask_ = slots_.size() - 1;
    for (const Slot& slot : old) {
      if (slot.used()) {
        slots_[place(slot.key)] = slot;
      }
    }
  }

  std::vector<Slot> slots_;
  std::size_t mask_ = 0;
  std::size_t count_ = 0;
};

}  // namespace limpet::plan
