// Milliseconds since boot from the time-stamp counter: no system call a turn. Set right against CLOCK_BOOTTIME once a
// second, so that a wrong TSC rate or a suspended machine costs at most that. Never goes back. One per thread.
#pragma once

#include <rte_cycles.h>
#include <time.h>

#include <algorithm>
#include <cstdint>

#include "base/time.hpp"

namespace limpet::worker {

/// CLOCK_BOOTTIME in ns.
inline std::uint64_t boottime_ns() noexcept {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

class Clock {
 public:
  explicit Clock(std::uint64_t tsc_hz) noexcept
      : hz_(tsc_hz), cycles_per_ms_(std::max<std::uint64_t>(tsc_hz / 1000, 1)) {
    set(rte_rdtsc());
  }
  /// `tsc`: read just now.
  [[nodiscard]] Millis now_ms(std::uint64_t tsc) noexcept {
    if (tsc - anchor_tsc_ > hz_) {
      set(tsc);
    }
    last_ms_ = std::max(last_ms_, anchor_ms_ + (tsc - anchor_tsc_ + offset_cycles_) / cycles_per_ms_);
    return last_ms_;
  }

 private:
  void set(std::uint64_t tsc) noexcept {
    const std::uint64_t ns = boottime_ns();
    anchor_tsc_ = tsc;
    anchor_ms_ = ns / 1'000'000;
    offset_cycles_ = ns % 1'000'000 * cycles_per_ms_ / 1'000'000;
  }
  std::uint64_t hz_;
  std::uint64_t cycles_per_ms_;
  std::uint64_t anchor_tsc_ = 0;
  Millis anchor_ms_ = 0;
  std::uint64_t offset_cycles_ = 0;  // of the anchor past its millisecond
  Millis last_ms_ = 0;
};

}  // namespace limpet::worker
