// What clients are promised of TCP options where Limpet answers their SYNs itself, before a backend is chosen: what
// each backend that may get them accepts, as far as monitors have seen. One word a service, so that what a monitor
// learns costs a store, and a SYN a load.
#pragma once

#include <cstdint>

#include "plan/backend_state.hpp"

namespace limpet::plan {

struct Plan;
struct Service;

enum class Known : std::uint8_t { unknown, yes, no };

/// What one backend accepts.
struct Accepts {
  std::uint16_t mss = 0;   // its largest segment; 0: not known
  std::uint8_t shift = 0;  // of the windows that it gives, where it scales them
  Known sack = Known::unknown;
  Known scale = Known::unknown;
  Known timestamps = Known::unknown;
  friend constexpr bool operator==(const Accepts&, const Accepts&) noexcept = default;

  [[nodiscard]] constexpr std::uint32_t packed() const noexcept {
    return std::uint32_t{mss} << 16 | std::uint32_t{shift} << 8 | static_cast<std::uint32_t>(sack) << 4 |
           static_cast<std::uint32_t>(scale) << 2 | static_cast<std::uint32_t>(timestamps);
  }
  [[nodiscard]] static constexpr Accepts unpacked(std::uint32_t word) noexcept {
    return {static_cast<std::uint16_t>(word >> 16), static_cast<std::uint8_t>(word >> 8 & 0xff),
            static_cast<Known>(word >> 4 & 3), static_cast<Known>(word >> 2 & 3), static_cast<Known>(word & 3)};
  }
  /// What both accept.
  [[nodiscard]] Accepts with(const Accepts& other) const noexcept;
};

struct Promise {
  std::uint16_t mss = 1400;
  bool sack = true;
  bool scale = true;
  bool timestamps = false;
  friend constexpr bool operator==(const Promise&, const Promise&) noexcept = default;

  [[nodiscard]] constexpr std::uint32_t packed() const noexcept {
    return std::uint32_t{mss} << 16 | (sack ? 4u : 0u) | (scale ? 2u : 0u) | (timestamps ? 1u : 0u);
  }
  [[nodiscard]] static constexpr Promise unpacked(std::uint32_t word) noexcept {
    return {static_cast<std::uint16_t>(word >> 16), (word & 4) != 0, (word & 2) != 0, (word & 1) != 0};
  }
};

/// What each backend of the service's pools that may get a connection is known to accept. Until all are known: segments
/// of 1400 bytes, SACK and window scale, which Limpet can make up for, and no timestamps. Never more than the service's
/// max_mss says and its backends' interfaces carry.
[[nodiscard]] Promise promise_of(const Plan& plan, const Service& service, const BackendStates& states) noexcept;
/// The same before anything is known of backends.
[[nodiscard]] Promise promise_of(const Plan& plan, const Service& service) noexcept;
/// The first one becomes what workers promise. Control thread.
void renew_promise(const Plan& plan, const Service& service, const BackendStates& states) noexcept;

}  // namespace limpet::plan
