// How many of something may be done in a second: a token bucket. Worker's thread only.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.hpp"

namespace limpet::path {

class Budget {
 public:
  /// At most a tenth of `per_second` at one instant, or 10 where that is more; 0: never one.
  explicit Budget(std::uint32_t per_second) noexcept
      : per_second_(per_second),
        depth_(per_second == 0 ? 0 : std::max<std::uint64_t>(per_second / 10, 10) * one),
        left_(depth_) {}

  /// Whether one more may be done now. `now_ms` never goes back.
  [[nodiscard]] bool take(Millis now_ms) noexcept {
    const std::uint64_t gap_ms = std::min<std::uint64_t>(now_ms - last_ms_, full_after_ms);
    last_ms_ = now_ms;
    left_ = std::min(depth_, left_ + gap_ms * per_second_);
    if (left_ < one) {
      return false;
    }
    left_ -= one;
    return true;
  }

 private:
  static constexpr std::uint64_t one = 1000;  // a thousandth comes back each millisecond, for each one a second
  static constexpr std::uint64_t full_after_ms = 10'000;

  std::uint64_t per_second_;
  std::uint64_t depth_;
  std::uint64_t left_;
  Millis last_ms_ = 0;
};

}  // namespace limpet::path
