// Faults for the simulator's own test: done behind everybody's back, each must be found. `record` binds sessions to
// other backends, `health` fails a backend that the oracle takes for healthy, `flow` forgets an established flow's
// entry and record, `leak` counts a flow that is none, `local` gives a flow another's local end, `move` hides a move.
#pragma once

#include <string>

#include "replay/node.hpp"
#include "stream.hpp"

namespace limpet::sim {

class Fault {
 public:
  Fault(std::string kind, Random& random) : kind_(std::move(kind)), random_(random) {}
  /// True when it has just been done.
  bool strike(replay::Node& node, Millis since_start_ms);

 private:
  bool record(replay::Node& node);
  bool flow(replay::Node& node);
  bool local(replay::Node& node);

  std::string kind_;
  Random& random_;
  bool done_ = false;
};

/// The kinds there are.
inline constexpr const char* fault_kinds = "record flow health leak local move";

}  // namespace limpet::sim
