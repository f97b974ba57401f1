// When a record is over, by its own times: what decisions and sweeps agree on.
#pragma once

#include <cstdint>

#include "plan/plan.hpp"
#include "record/table.hpp"

namespace limpet::plan {

enum class Life : std::uint8_t { going_on, idle, too_old };

/// Seconds since `then_s`. Another worker's clock may be a little ahead of this one's: an age below zero is none.
[[nodiscard]] constexpr std::uint32_t age_s(std::uint32_t now_s, std::uint32_t then_s) noexcept {
  const auto age = static_cast<std::int32_t>(now_s - then_s);
  return age < 0 ? 0 : static_cast<std::uint32_t>(age);
}

[[nodiscard]] inline Life life_of(const record::Record& record, const Persist& persist, std::uint32_t now_s) noexcept {
  if (record.provisional && age_s(now_s, record.created_s) > record::provisional_life_s) {
    return Life::idle;
  }
  if (age_s(now_s, record.used_s) > persist.idle_timeout_s) {
    return Life::idle;
  }
  const bool old = persist.max_life_s != 0 && age_s(now_s, record.created_s) > persist.max_life_s;
  return old ? Life::too_old : Life::going_on;
}

/// Whether a sweep may end it: its time is up, or no service of the plan makes such records.
[[nodiscard]] inline bool is_over(const Plan& plan, const record::Key& key, const record::Record& record,
                                  std::uint32_t now_s) noexcept {
  const Persist* persist = plan.persist_of_scope(record::scope_of(key));
  return persist == nullptr || life_of(record, *persist, now_s) != Life::going_on;
}

}  // namespace limpet::plan
