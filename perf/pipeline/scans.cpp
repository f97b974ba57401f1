// The readers of keys, each beside a pattern of Hyperscan for the same where there is one.
#include "cases.hpp"
#include "race.hpp"
#include "scan_cases.hpp"

namespace limpet::perf {

void measure_scans(const Options& options, Report& report) {
  const std::uint64_t rate = cycles_per_ms();
  constexpr std::uint64_t any = ~std::uint64_t{0};
  for (const ScanCase& one : scan_cases()) {
    if (!wanted(options, one.name())) {
      continue;
    }
    const auto ours = [&](std::uint64_t heads) { return timed(rate, [&] { one.run(heads); }); };
    if (one.has_usual()) {
      report.add(figure(one.name(), race(options, any, ours, [&](std::uint64_t heads) {
                          return timed(rate, [&] { one.run_usual(heads); });
                        })));
    } else {
      report.add(figure(one.name(), repeat(options, any, ours)));
    }
  }
}

}  // namespace limpet::perf
