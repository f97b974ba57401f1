// Memory on 2 MiB pages, reserved ones or those that the kernel makes (MADV_HUGEPAGE), every page present before
// anything is measured.
#pragma once

#include <linux/mman.h>
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>

namespace limpet::perf {

class HugeMemory {
 public:
  static constexpr std::size_t page_bytes = 2u << 20;

  explicit HugeMemory(std::size_t size_bytes)
      : size_((size_bytes + page_bytes - 1) / page_bytes * page_bytes), mapping_(nullptr, Unmap{size_}) {
    begin_ = reserved(size_);
    if (begin_ != nullptr) {
      mapping_.reset(begin_);
    } else {
      mapping_ = {map(size_ + page_bytes, 0), Unmap{size_ + page_bytes}};
      const std::size_t past = reinterpret_cast<std::uintptr_t>(mapping_.get()) % page_bytes;
      begin_ = mapping_.get() + (past == 0 ? 0 : page_bytes - past);
      madvise(begin_, size_, MADV_HUGEPAGE);  // refused: small pages, which the program shows
    }
    std::memset(begin_, 0, size_);
  }
  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return {begin_, size_}; }

 private:
  struct Unmap {
    std::size_t size_bytes;
    void operator()(std::byte* at) const noexcept { munmap(at, size_bytes); }
  };
  static std::byte* map(std::size_t size_bytes, int more) {
    void* const at = mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | more, -1, 0);
    return at == MAP_FAILED ? (more == 0 ? throw std::bad_alloc() : nullptr) : static_cast<std::byte*>(at);
  }
  /// Of the pages that the administrator has set aside; null where these are too few.
  static std::byte* reserved(std::size_t size_bytes) { return map(size_bytes, MAP_HUGETLB | MAP_HUGE_2MB); }

  std::size_t size_;
  std::unique_ptr<std::byte, Unmap> mapping_;
  std::byte* begin_ = nullptr;
};

}  // namespace limpet::perf
