// Memory on 2 MiB pages where the kernel gives them (MADV_HUGEPAGE), every page present before anything is measured.
#pragma once

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
      : size_((size_bytes + page_bytes - 1) / page_bytes * page_bytes), mapping_(nullptr, Unmap{size_ + page_bytes}) {
    void* const at =
        mmap(nullptr, size_ + page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) {
      throw std::bad_alloc();
    }
    mapping_.reset(static_cast<std::byte*>(at));
    const std::size_t past = reinterpret_cast<std::uintptr_t>(at) % page_bytes;
    begin_ = mapping_.get() + (past == 0 ? 0 : page_bytes - past);
    madvise(begin_, size_, MADV_HUGEPAGE);  // refused: small pages, which the report shows
    std::memset(begin_, 0, size_);
  }
  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return {begin_, size_}; }

 private:
  struct Unmap {
    std::size_t size_bytes;
    void operator()(std::byte* at) const noexcept { munmap(at, size_bytes); }
  };
  std::size_t size_;
  std::unique_ptr<std::byte, Unmap> mapping_;
  std::byte* begin_ = nullptr;
};

}  // namespace limpet::perf
