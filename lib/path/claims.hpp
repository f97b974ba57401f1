// What became of a claim of a record, counted. Worker's thread only.
#pragma once

#include "counters/counters.hpp"
#include "record/table.hpp"

namespace limpet::path {

/// True: the record is lasting and new.
inline bool count_claim(counters::Block& counters, const record::Claim& claim, bool lasts = true) noexcept {
  using counters::Counter;
  const bool is_new = lasts && claim.outcome == record::Outcome::claimed;
  counters.add(Counter::record_new, is_new ? 1 : 0);
  counters.add(Counter::record_not_remembered, claim.outcome == record::Outcome::full ? 1 : 0);
  counters.add(Counter::record_evicted, claim.evicted ? 1 : 0);
  return is_new;
}

}  // namespace limpet::path
