// Cycles a packet of the path as workers run it, without I/O: real stages over packets in memory, each case in turn
// with its floor. See docs/performance.md for what the cases are. One thread; wants a quiet machine.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <fstream>

#include "cases.hpp"
#include "clock.hpp"
#include "memory.hpp"
#include "path/packet.hpp"

namespace {

using namespace limpet::perf;

struct Line {
  const char* title;
  const char* name;
};
constexpr Line summary_lines[] = {{"hit 1k", "path.nat.v4.hit.1k"},
                                  {"hit 1M", "path.nat.v4.hit.1M"},
                                  {"hit 10M", "path.nat.v4.hit.10M"},
                                  {"new flow", "path.nat.v4.new.1M"}};

/// Kilobytes of this process on huge pages.
std::uint64_t huge_kib() {
  std::ifstream file("/proc/self/smaps_rollup");
  std::uint64_t sum = 0;
  for (std::string word; file >> word;) {
    std::uint64_t kib = 0;
    if ((word == "AnonHugePages:" || word == "Private_Hugetlb:") && file >> kib) {
      sum += kib;
    }
  }
  return sum;
}

bool has_huge_pages() {
  const HugeMemory probe(HugeMemory::page_bytes * 4);
  return huge_kib() * 1024 >= probe.bytes().size();
}

void print_summary(const Options& options) {
  for (const Line& line : summary_lines) {
    if (!wanted(options, line.name)) {
      continue;
    }
    Report report(true);
    Options alone = options;
    alone.only = line.name;
    measure_path(alone, report);
    if (const Figure* figure = report.find(line.name)) {
      fmt::print("bench,{},{:.1f}\n", line.title, figure->median);
      std::fflush(stdout);
    }
  }
}

int run(Options& options) {
  if (options.quick) {
    options.packets = std::min<std::uint64_t>(options.packets, quick_packets);
    options.repeats = std::min(options.repeats, 5u);
  }
  if (options.summary) {
    print_summary(options);
    return 0;
  }
  if (!options.list) {
    fmt::print("TSC {} MHz; tables on {}; bursts of {}; {} packets a repeat, {} repeats; cycles a packet\n",
               cycles_per_ms() / 1000, has_huge_pages() ? "2 MiB pages" : "small pages (slower)", options.burst,
               options.packets, options.repeats);
  }
  Report report(false);
  if (wanted(options, "machine.tsc")) {
    report.add(figure("machine.tsc", std::vector<double>{static_cast<double>(cycles_per_ms()) / 1000}, "MHz"));
  }
  measure_path(options, report);
  measure_tables(options, report);
  measure_scans(options, report);
  measure_spliced(options, report);
  measure_workers(options, report);
  measure_memory(options, report);
  if (!options.json.empty() && !report.write_json(options.json)) {
    fmt::print(stderr, "perf_pipeline: {} cannot be written\n", options.json);
    return 1;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Cycles a packet of Limpet's path, I/O excluded, beside rte_hash");
  app.add_flag("--quick", options.quick, "fewer and shorter repeats");
  app.add_flag("--summary", options.summary, "only lines bench,CASE,CYCLES");
  app.add_flag("--list", options.list, "only the names");
  app.add_option("--only", options.only, "figures whose name matches, such as 'path.nat.v4.*'");
  app.add_option("--json", options.json, "write the figures to this file");
  app.add_option("--packets", options.packets, "packets a repeat")->check(CLI::Range(32u, 100'000'000u));
  app.add_option("--burst", options.burst, "packets a burst")->check(CLI::Range(1u, limpet::path::burst_max));
  app.add_option("--repeats", options.repeats, "repeats of each case")->check(CLI::Range(1u, 1000u));
  CLI11_PARSE(app, argc, argv);
  try {
    return run(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "perf_pipeline: {}\n", error.what());
    return 1;
  }
}
