// Memory and key orders for the table benchmarks.
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <numeric>
#include <random>
#include <span>
#include <vector>

namespace limpet::perf {

/// Zeroed pages, huge ones where the kernel gives them.
class Pages {
 public:
  explicit Pages(std::size_t size_bytes) : size_bytes_(size_bytes) {
    constexpr std::size_t huge = std::size_t{2} << 20;
    const std::size_t rounded = (size_bytes + huge - 1) / huge * huge;
    begin_ = std::aligned_alloc(huge, rounded);
    if (begin_ == nullptr) {
      std::abort();
    }
    madvise(begin_, rounded, MADV_HUGEPAGE);
    __builtin_memset(begin_, 0, rounded);
  }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  ~Pages() { std::free(begin_); }
  [[nodiscard]] std::span<std::byte> span() const { return {static_cast<std::byte*>(begin_), size_bytes_}; }

 private:
  std::size_t size_bytes_;
  void* begin_ = nullptr;
};

/// 0 .. count - 1, shuffled: the order packets come in.
inline std::vector<std::uint32_t> shuffled(std::uint32_t count) {
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0u);
  std::shuffle(order.begin(), order.end(), std::mt19937_64(1));
  return order;
}

inline constexpr unsigned burst = 32;

/// The next burst of `order`, round and round; its size is a multiple of `burst`.
class Bursts {
 public:
  explicit Bursts(std::uint32_t count) : order_(shuffled(count / burst * burst)) {}
  std::span<const std::uint32_t> next() {
    const std::span<const std::uint32_t> result(&order_[at_], burst);
    at_ = (at_ + burst) % order_.size();
    return result;
  }

 private:
  std::vector<std::uint32_t> order_;
  std::size_t at_ = 0;
};

}  // namespace limpet::perf
