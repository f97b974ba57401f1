// The clock of the data path: milliseconds since boot (CLOCK_BOOTTIME in limpetd, the capture's clock in
// limpet-replay), read once per burst and passed down. Nothing below the worker reads a clock.
#pragma once

#include <cstdint>

namespace limpet {

using Millis = std::uint64_t;

/// Seconds in 16 bits, as flow entries keep them: wraps after 18 h; ages are right up to that.
class Tick16 {
 public:
  constexpr Tick16() noexcept = default;
  explicit constexpr Tick16(Millis now_ms) noexcept : seconds_(static_cast<std::uint16_t>(now_ms / 1000)) {}
  static constexpr Tick16 from_raw(std::uint16_t raw) noexcept {
    Tick16 tick;
    tick.seconds_ = raw;
    return tick;
  }
  [[nodiscard]] constexpr std::uint16_t raw() const noexcept { return seconds_; }
  /// Seconds from this tick to `now`.
  [[nodiscard]] constexpr std::uint16_t age(Tick16 now) const noexcept {
    return static_cast<std::uint16_t>(now.seconds_ - seconds_);
  }
  friend constexpr bool operator==(Tick16, Tick16) noexcept = default;

 private:
  std::uint16_t seconds_ = 0;
};

/// The longest flow time-out: half of Tick16's range, so that a late sweep never sees a wrapped age.
inline constexpr Millis flow_timeout_max_ms = 9ULL * 3600 * 1000;

}  // namespace limpet
