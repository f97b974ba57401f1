// A bounded ring between exactly two threads: one pushes, one pops. Wait-free, no allocation after start.
// Used between workers (packets handed off), and between workers and control (frames, events, requests).
// What the producer writes and what the consumer writes lie in different cache lines, and in none with anything else.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>

#include "base/assert.hpp"

namespace limpet {

template <class T>
class SpscRing {
  static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= 64);

 public:
  /// Room for `capacity` items, a power of two.
  explicit SpscRing(std::size_t capacity) : mask_(capacity - 1), items_(make_items(capacity)) {
    LIMPET_ASSERT(std::has_single_bit(capacity));
  }

  /// False when full. Called by the producer only.
  bool push(const T& item) noexcept {
    const std::size_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_seen_ > mask_) {
      head_seen_ = head_.load(std::memory_order_acquire);
      if (tail - head_seen_ > mask_) {
        return false;
      }
    }
    items_[tail & mask_] = item;
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  /// Pushes `item_at(0)` .. `item_at(n - 1)`, as many as there is room for but `kept` places, at most the capacity;
  /// returns how many. The consumer sees them at once. Called by the producer only.
  template <class ItemAt>
  std::size_t push_burst(std::size_t n, ItemAt&& item_at, std::size_t kept = 0) noexcept {
    const std::size_t tail = tail_.load(std::memory_order_relaxed);
    const std::size_t room = mask_ + 1 - kept;
    if (tail + n - head_seen_ > room) {
      head_seen_ = head_.load(std::memory_order_acquire);
      n = std::min(n, room - std::min(room, tail - head_seen_));
    }
    for (std::size_t i = 0; i < n; ++i) {
      items_[(tail + i) & mask_] = item_at(i);
    }
    tail_.store(tail + n, std::memory_order_release);
    return n;
  }

  /// False when empty. Called by the consumer only.
  bool pop(T& item) noexcept {
    const std::size_t head = head_.load(std::memory_order_relaxed);
    if (head == tail_seen_) {
      tail_seen_ = tail_.load(std::memory_order_acquire);
      if (head == tail_seen_) {
        return false;
      }
    }
    item = items_[head & mask_];
    head_.store(head + 1, std::memory_order_release);
    return true;
  }

  /// Pops at most `max` into `items`; returns how many. Called by the consumer only.
  std::size_t pop_burst(T* items, std::size_t max) noexcept {
    const std::size_t head = head_.load(std::memory_order_relaxed);
    if (tail_seen_ - head < max) {
      tail_seen_ = tail_.load(std::memory_order_acquire);
    }
    const std::size_t n = std::min(max, tail_seen_ - head);
    if (n == 0) {
      return 0;
    }
    for (std::size_t i = 0; i < n; ++i) {
      items[i] = items_[(head + i) & mask_];
    }
    head_.store(head + n, std::memory_order_release);
    return n;
  }

  [[nodiscard]] bool empty() const noexcept {
    return head_.load(std::memory_order_acquire) == tail_.load(std::memory_order_acquire);
  }
  [[nodiscard]] std::size_t capacity() const noexcept { return mask_ + 1; }

 private:
  static constexpr std::size_t line_bytes = 64;
  struct Free {
    void operator()(T* items) const noexcept { ::operator delete (items, std::align_val_t{line_bytes}); }
  };
  using Items = std::unique_ptr<T[], Free>;

  /// Whole cache lines.
  static Items make_items(std::size_t capacity) {
    const std::size_t size_bytes = (capacity * sizeof(T) + line_bytes - 1) / line_bytes * line_bytes;
    Items items(static_cast<T*>(::operator new (size_bytes, std::align_val_t{line_bytes})));
    std::uninitialized_value_construct_n(items.get(), capacity);
    return items;
  }

  const std::size_t mask_;
  const Items items_;
  alignas(64) std::atomic<std::size_t> tail_{0};  // writer: producer; reader: consumer
  std::size_t head_seen_ = 0;                     // producer's last view of head_
  alignas(64) std::atomic<std::size_t> head_{0};  // writer: consumer; reader: producer
  std::size_t tail_seen_ = 0;                     // consumer's last view of tail_
};

}  // namespace limpet
