// Cycles a packet of the path as workers run it, without I/O: real stages over packets in memory. See
// docs/performance.md for what the cases are. One thread; wants a quiet machine.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <fstream>

#include "cases.hpp"
#include "clock.hpp"
#include "floor.hpp"
#include "memory.hpp"
#include "path/packet.hpp"

namespace {

using namespace limpet::perf;

constexpr const char* summary_pattern = "path.nat.v4.hit.*";

void print_summary(const Report& report) {
  struct Line {
    const char* title;
    const char* name;
  };
  for (const Line& line : {Line{"hit 1k", "path.nat.v4.hit.1k"}, Line{"hit 1M", "path.nat.v4.hit.1M"},
                           Line{"hit 10M", "path.nat.v4.hit.10M"}, Line{"new flow", "path.nat.v4.new.1M"}}) {
    if (const Figure* figure = report.find(line.name)) {
      fmt::print("bench,{},{:.1f}\n", line.title, figure->median);
    }
  }
}

/// Kilobytes of this process on huge pages.
std::uint64_t huge_kib() {
  std::ifstream file("/proc/self/smaps_rollup");
  for (std::string word; file >> word;) {
    std::uint64_t kib = 0;
    if (word == "AnonHugePages:" && file >> kib) {
      return kib;
    }
  }
  return 0;
}

bool has_huge_pages() {
  const HugeMemory probe(HugeMemory::page_bytes * 4);
  return huge_kib() * 1024 >= probe.bytes().size();
}

int run(Options& options) {
  if (options.summary) {
    options.only = summary_pattern;
  }
  if (options.quick) {
    options.packets = 4096;
    options.repeats = 3;
  }
  if (!options.summary) {
    fmt::print("TSC {} MHz; tables on {}; bursts of {}; {} packets a repeat, {} repeats\n", cycles_per_ms() / 1000,
               has_huge_pages() ? "2 MiB pages" : "small pages (slower)", options.burst, options.packets,
               options.repeats);
  }
  Report report(options.summary);
  measure_pipeline(options, report);
  if (options.summary) {
    print_summary(report);
  }
  if (!options.json.empty() && !report.write_json(options.json)) {
    fmt::print(stderr, "perf_pipeline: {} cannot be written\n", options.json);
    return 1;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Cycles a packet of Limpet's path, I/O excluded");
  app.add_flag("--quick", options.quick, "a few packets: shows that it runs, measures nothing");
  app.add_flag("--summary", options.summary, "only lines bench,CASE,CYCLES");
  app.add_option("--only", options.only, "cases whose name matches, such as 'path.nat.v4.hit.*'");
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
