// Where the cycles go: the same bursts as turn() takes, with the TSC read between the stages.
#pragma once

#include "options.hpp"
#include "report.hpp"
#include "rig.hpp"

namespace limpet::perf {

/// Cycles a packet of each stage for hits, returns (nat) and new flows, in names "GROUP.kind.stage".
void measure_stages(const Options& options, Report& report, Rig& rig, const std::string& group);

}  // namespace limpet::perf
