// The clocks of one moment: what is measured by one may have to be told by the other.
#pragma once

#include <cstdint>

#include "base/time.hpp"

namespace limpet::control {

struct Moment {
  Millis boot_ms = 0;        // as workers count
  std::int64_t unix_ms = 0;  // since 1970, UTC

  /// What the wall clock showed when the data path's was 0, if nobody has set it since. Seconds since 1970.
  [[nodiscard]] std::int64_t unix_at_zero_s() const noexcept {
    return (unix_ms - static_cast<std::int64_t>(boot_ms)) / 1000;
  }
};

}  // namespace limpet::control
