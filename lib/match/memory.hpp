// Where databases and scratch space come from, so that they lie on the pages and the NUMA node of whom they are for.
#pragma once

#include <cstddef>

namespace limpet::match {

/// Both functions are called on the thread that makes, changes or ends an object.
struct Memory {
  void* (*allocate)(void* context, std::size_t size_bytes) = nullptr;  // aligned to 16 bytes; null: there is none
  void (*release)(void* context, void* at) = nullptr;
  void* context = nullptr;
};

/// That of the C library.
[[nodiscard]] Memory heap() noexcept;
/// Pages of the NUMA node that a CPU is on; where there are no nodes, heap().
[[nodiscard]] Memory near_cpu(unsigned cpu) noexcept;

/// While it lives, what Hyperscan asks for on this thread comes from this memory. Only inside match.
class Using {
 public:
  explicit Using(const Memory& memory) noexcept;
  ~Using();
  Using(const Using&) = delete;
  Using& operator=(const Using&) = delete;

 private:
  const Memory* before_;
};

}  // namespace limpet::match
