// perf_stickiness: how well sessions stay where they were, and how evenly they are spread, for Limpet's own path over
// real packets and beside it for other ways to choose. Prints a table; one seed makes all figures.
#include <fmt/format.h>
#include <fmt/os.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <set>

#include "measures.hpp"

namespace {

using namespace limpet;

/// What --json writes; the others compare.
const std::set<std::string>& judged() {
  static const std::set<std::string> names = {
      "remove.unneeded.limpet", "remove.unneeded.maglev", "remove.unneeded.modulo",
      "remove.unneeded.ketama", "add.moved.limpet",       "add.moved.maglev",
      "add.moved.modulo",       "add.moved.ketama",       "skew.zipf10.limpet",
      "skew.zipf12.stay",       "skew.zipf12.stay_bound", "skew.zipf12.limpet",
      "spilled.zipf12.limpet",  "first_burst.incoherent", "restart.records_lost",
      "restart.flows_lost",     "down.new_after_ms",      "violations"};
  return names;
}

void write_json(const std::string& path, const perf::Figures& figures, bool all) {
  auto file = fmt::output_file(path);
  const char* separator = "{\n";
  for (const auto& [name, value] : figures) {
    if (all || judged().contains(name)) {
      file.print("{}  \"{}\": {:.6g}", separator, name, value);
      separator = ",\n";
    }
  }
  file.print("\n}}\n");
}

/// The targets of docs/persistence.md.
bool holds(const perf::Figures& figures) {
  const auto at = [&](const char* name) { return figures.at(name); };
  const char* const zero[] = {"remove.unneeded.limpet", "add.moved.limpet",   "first_burst.incoherent",
                              "restart.records_lost",   "restart.flows_lost", "violations"};
  return std::all_of(std::begin(zero), std::end(zero), [&](const char* name) { return at(name) == 0; }) &&
         at("skew.zipf10.limpet") <= 1.25 && at("skew.zipf12.stay") <= at("skew.zipf12.stay_bound") &&
         at("skew.zipf12.limpet") <= 1.25 && at("down.new_after_ms") <= 1000;
}

}  // namespace

int main(int count, char** words) {
  CLI::App app{"How sessions stay where they were, and how evenly they are spread"};
  perf::Scale scale;
  bool quick = false, all = false;
  std::string json;
  app.add_flag("--quick", quick, "a fifth of the clients");
  app.add_flag("--all", all, "also write the figures of other ways to choose that have no target");
  app.add_option("--json", json, "write {\"name\": value} to this file");
  app.add_option("--seed", scale.seed, "makes all figures");
  CLI11_PARSE(app, count, words);
  if (quick) {
    scale.clients /= 5;
    scale.users /= 5;
    scale.bursts /= 5;
  }
  try {
    perf::Figures figures;
    for (const auto measure : {perf::measure_moves, perf::measure_skew, perf::measure_first_bursts,
                               perf::measure_restart, perf::measure_down}) {
      measure(scale, figures);
    }
    for (const auto& [name, value] : figures) {
      fmt::print("{:<24} {:.6g}\n", name, value);
    }
    if (!json.empty()) {
      write_json(json, figures, all);
    }
    fmt::print("{}\n", holds(figures) ? "all targets hold" : "MISSED a target");
    return holds(figures) ? 0 : 1;
  } catch (const std::exception& failure) {
    fmt::print(stderr, "perf_stickiness: {}\n", failure.what());
    return 2;
  }
}
