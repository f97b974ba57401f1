// What a service asks of new flows: who may come, how many a second, how many of one source. Only the first packet of
// a flow is asked; flows that are live have passed. Rates are token buckets in the form of one instant: when the next
// flow would be due if flows came evenly. A flow may come as much before that as the burst allows.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "base/time.hpp"
#include "model/model.hpp"
#include "plan/access_list.hpp"

namespace limpet::plan {

/// In 2^-24 ms since boot: fine enough for a hundred million flows a second, and good for 34 years.
using Instant = std::uint64_t;
inline constexpr unsigned instant_bits = 24;
constexpr Instant instant_of(Millis now_ms) noexcept {
  return now_ms << instant_bits;
}

struct Rate {
  Instant interval = 0;  // from one flow to the next; 0: no limit
  Instant credit = 0;    // how long before it is due a flow may come

  static constexpr Rate of(std::uint32_t per_s, std::uint32_t burst) noexcept {
    if (per_s == 0) {
      return {};
    }
    const Instant interval = std::max<Instant>((Instant{1000} << instant_bits) / per_s, 1);
    return {interval, interval * ((burst == 0 ? per_s : burst) - 1)};
  }
  [[nodiscard]] constexpr bool limits() const noexcept { return interval != 0; }
  [[nodiscard]] constexpr bool admits(Instant due, Instant now) const noexcept {
    return believed(due, now) <= now + credit;
  }
  /// When the one after a flow that has come now is due.
  [[nodiscard]] constexpr Instant next(Instant due, Instant now) const noexcept {
    return std::max(believed(due, now), now) + interval;
  }

 private:
  /// What lies further ahead than this rate ever puts it (other workers' clocks may be a little so) is another rate's:
  /// the bucket is empty, and no emptier.
  [[nodiscard]] constexpr Instant believed(Instant due, Instant now) const noexcept {
    return due > now + credit + interval + instant_of(1000) ? now + credit : due;
  }
};

enum class Admission : std::uint8_t { admitted, denied, limit_service, limit_source, limit_connections };
inline constexpr std::size_t admission_count = 5;

/// What outlives a plan: the state of the service's bucket, which all workers share, as a service's limit holds for
/// all its clients wherever they are; and what was refused.
struct GateUse {
  // writers: workers, for flows that are admitted; a refused one only reads
  alignas(64) std::atomic<Instant> due{0};

  /// Several workers write one only where there are more workers than lanes. readers: control
  struct alignas(64) Lane {
    std::array<std::atomic<std::uint64_t>, admission_count> counts{};
  };
  std::array<Lane, 16> lanes;

  void count(unsigned worker, Admission admission) noexcept {
    lanes[worker % lanes.size()].counts[static_cast<std::size_t>(admission)].fetch_add(1, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t counted(Admission admission) const noexcept {
    std::uint64_t sum = 0;
    for (const Lane& lane : lanes) {
      sum += lane.counts[static_cast<std::size_t>(admission)].load(std::memory_order_relaxed);
    }
    return sum;
  }
};

struct Gate {
  std::uint32_t id = 0;  // of what is known of its sources; from 1, never used again for another gate
  std::uint8_t prefix4 = 32;
  std::uint8_t prefix6 = 64;
  bool has_access = false;
  AccessList access;
  Rate service;
  Rate source;
  std::uint32_t connections = 0;  // of one source; 0: no limit
  std::shared_ptr<GateUse> use;   // shared with the plans before and after

  [[nodiscard]] net::IpAddress source_of(const net::IpAddress& client) const noexcept {
    return client.masked(client.is_v4() ? prefix4 : prefix6);
  }
};

/// Null: the service takes every flow. `before`: the gate of the service in the plan before, or null; buckets and
/// counts go on, those of sources unless other prefixes are sources now. `gates_made`: of all plans so far.
[[nodiscard]] std::shared_ptr<const Gate> make_gate(const model::Service& service, const Gate* before,
                                                    std::uint32_t& gates_made);

}  // namespace limpet::plan
