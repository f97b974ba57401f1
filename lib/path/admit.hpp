// Whether a service takes a new flow: access lists, rates, connections of its source. Asked for the first packet of a
// flow alone; what is live goes on whatever the lists and limits say now. Worker's thread only.
#pragma once

#include "path/state.hpp"
#include "plan/gate.hpp"

namespace limpet::path {

using plan::Admission;

struct Visitor {
  const plan::Plan& plan;
  const plan::Gate& gate;
  const net::IpAddress& client;
};

/// What would become of a new flow. Changes nothing.
Admission admission(const State& state, const Visitor& visitor, Millis now_ms) noexcept;
/// The same; who is admitted has taken from the buckets, who is not is counted.
Admission admit(State& state, const Visitor& visitor, Millis now_ms) noexcept;
/// The drop that such a refusal is.
Counter drop_of(Admission refused) noexcept;

enum class Place : std::uint8_t {
  none,     // the source has as many connections as it may
  taken,    // one more of its connections; ends with leave()
  unasked,  // not counted: no limit, or no room to count
};
/// A flow becomes lasting.
Place take_place(State& state, const Visitor& visitor) noexcept;
/// The same after a restart, for a flow that was lasting before: whatever the limit.
Place keep_place(State& state, const Visitor& visitor) noexcept;
/// A flow that took a place has ended.
void leave_place(State& state, const plan::Gate& gate, const net::IpAddress& client) noexcept;

}  // namespace limpet::path
