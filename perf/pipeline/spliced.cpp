// Connections of services that read cookies, from the SYN to the FIN, and further requests on them.
#include "cases.hpp"
#include "race.hpp"
#include "spliced_run.hpp"

namespace limpet::perf {

void measure_spliced(const Options& options, Report& report) {
  constexpr std::uint32_t connections = 2048;
  for (const auto& [part, name] :
       {std::pair{Part::whole, "l7.cookie.connection.memory"}, std::pair{Part::request, "l7.cookie.request.memory"}}) {
    if (!wanted(options, name)) {
      continue;
    }
    SplicedRun run(part, connections, options.burst, cycles_per_ms());
    run();
    std::vector<double> samples;
    for (unsigned repeat = 0; repeat < options.repeats; ++repeat) {
      samples.push_back(run() / static_cast<double>(run.count()));
    }
    report.add(figure(name, samples));
  }
}

}  // namespace limpet::perf
