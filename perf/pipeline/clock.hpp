// The TSC: its rate, and the milliseconds a worker would see. The clock can be held, and set forward.
#pragma once

#include <time.h>
#include <x86intrin.h>

#include <cstdint>

#include "base/time.hpp"

namespace limpet::perf {

/// The TSC once everything before it is done.
inline std::uint64_t cycles() noexcept {
  _mm_lfence();
  const std::uint64_t now = __rdtsc();
  _mm_lfence();
  return now;
}

/// Measured over 50 ms.
inline std::uint64_t cycles_per_ms() noexcept {
  const auto ns = [] {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
  };
  const std::uint64_t begin_ns = ns();
  const std::uint64_t begin = cycles();
  while (ns() - begin_ns < 50'000'000) {
  }
  return (cycles() - begin) * 1'000'000 / (ns() - begin_ns);
}

/// TSC cycles that this thread has run, without those that another program had its CPU.
class Stint {
 public:
  explicit Stint(std::uint64_t rate) noexcept : rate_(rate), begin_ns_(ns()) {}
  [[nodiscard]] double cycles() const noexcept {
    return static_cast<double>(ns() - begin_ns_) * static_cast<double>(rate_) / 1e6;
  }

 private:
  static std::uint64_t ns() noexcept {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
  }
  std::uint64_t rate_;
  std::uint64_t begin_ns_;
};

class Clock {
 public:
  explicit Clock(std::uint64_t rate) noexcept : rate_(rate), begin_(__rdtsc()) {}
  [[nodiscard]] Millis now_ms() const noexcept { return held_ ? held_ms_ : start_ms_ + (__rdtsc() - begin_) / rate_; }
  [[nodiscard]] std::uint64_t rate() const noexcept { return rate_; }
  void skip(Millis ms) noexcept {
    start_ms_ += ms;
    held_ms_ += ms;
  }
  /// To the beginning of the next second.
  void skip_second() noexcept { skip(1000 - now_ms() % 1000); }
  [[nodiscard]] Millis in_second_ms() const noexcept { return now_ms() % 1000; }
  void hold() noexcept {
    held_ms_ = now_ms();
    held_ = true;
  }
  void go_on() noexcept {
    begin_ = __rdtsc();
    start_ms_ = held_ ? held_ms_ : start_ms_;
    held_ = false;
  }

 private:
  std::uint64_t rate_;
  std::uint64_t begin_;
  Millis start_ms_ = 1'000'000;
  Millis held_ms_ = 0;
  bool held_ = false;
};

}  // namespace limpet::perf
