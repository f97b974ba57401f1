// How many lasting records each backend and each scope has. Kept by the table itself at every change, so exact.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "base/id.hpp"
#include "record/key.hpp"

namespace limpet::record {

/// Writers: all workers and the sweeper; readers: all.
class Counts {
 public:
  Counts() : backends_(new std::atomic<std::uint32_t>[backend_slots_max]()), scopes_(new Scopes) {}

  void add(const Key& key, BackendSlot backend, std::int32_t change) noexcept {
    const auto n = static_cast<std::uint32_t>(change);  // wraps
    (*scopes_)[scope_of(key)].fetch_add(n, std::memory_order_relaxed);
    if (backend.value() < backend_slots_max) {
      backends_[backend.value()].fetch_add(n, std::memory_order_relaxed);
    }
  }
  [[nodiscard]] std::uint32_t of_backend(BackendSlot backend) const noexcept {
    return backend.value() < backend_slots_max ? backends_[backend.value()].load(std::memory_order_relaxed) : 0;
  }
  [[nodiscard]] std::uint32_t of_scope(std::uint32_t scope) const noexcept {
    return scope < scopes_max ? (*scopes_)[scope].load(std::memory_order_relaxed) : 0;
  }

 private:
  using Scopes = std::array<std::atomic<std::uint32_t>, scopes_max>;
  std::unique_ptr<std::atomic<std::uint32_t>[]> backends_;  // by slot
  std::unique_ptr<Scopes> scopes_;
};

}  // namespace limpet::record
