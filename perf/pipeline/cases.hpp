// The cases: each measured on a rig as the difference of two runs that take turns, source with path and source alone.
#pragma once

#include "options.hpp"
#include "report.hpp"

namespace limpet::perf {

/// Throws std::runtime_error when a packet did not go the way that the case is about.
void measure_pipeline(const Options& options, Report& report);

/// The name matches `pattern` (as file names match in a shell).
bool wanted(const Options& options, const std::string& name);

/// "1k", "1M", "10M".
std::string count_text(std::uint32_t flows);

}  // namespace limpet::perf
