// A bounded ring between exactly two threads: one pushes, one pops. Wait-free, no allocation after start.
// Used between workers (packets handed off), and between workers and control (frames, events, requests).
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <memory>
#include <type_traits>

#include "base/assert.hpp"

namespace limpet {

template <class T>
class SpscRing {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  /// Room for `capacity` items, a power of two.
  explicit SpscRing(std::size_t capacity) : mask_(capacity - 1), items_(std::make_unique<T[]>(capacity)) {
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

  [[nodiscard]] bool empty() const noexcept {
    return head_.load(std::memory_order_acquire) == tail_.load(std::memory_order_acquire);
  }
  [[nodiscard]] std::size_t capacity() const noexcept { return mask_ + 1; }

 private:
  const std::size_t mask_;
  std::unique_ptr<T[]> items_;
  alignas(64) std::atomic<std::size_t> tail_{0};  // writer: producer; reader: consumer
  std::size_t head_seen_ = 0;                     // producer's last view of head_
  alignas(64) std::atomic<std::size_t> head_{0};  // writer: consumer; reader: producer
  std::size_t tail_seen_ = 0;                     // consumer's last view of tail_
};

}  // namespace limpet
