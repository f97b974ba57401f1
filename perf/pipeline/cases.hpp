// Every figure of this program, by name.
#pragma once

#include "options.hpp"
#include "report.hpp"

namespace limpet::perf {

/// path.*, stages.*, services.*: the whole path beside look-ups of the same flows.
void measure_path(const Options& options, Report& report);

/// flow.*, record.*: the tables alone beside rte_hash.
void measure_tables(const Options& options, Report& report);

/// l7.scan.*: keys found in the first bytes of a connection.
void measure_scans(const Options& options, Report& report);

/// l7.cookie.*.memory: connections whose backend is chosen by a cookie.
void measure_spliced(const Options& options, Report& report);

/// workers.*: packets a second of several workers at once.
void measure_workers(const Options& options, Report& report);

/// memory.*: bytes each at the advertised capacity.
void measure_memory(const Options& options, Report& report);

}  // namespace limpet::perf
