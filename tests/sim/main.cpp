// tests/sim/sim: runs seeded worlds and stops at the first in which a session or flow went where the contract does
// not let it go. The seed makes everything: the same one fails the same way.
#include <fmt/format.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "faults.hpp"
#include "simulation.hpp"

namespace {

using namespace limpet;

[[noreturn]] void usage() {
  fmt::print(
      stderr,
      "usage: sim [--seeds N] [--first S] [--seconds T] [--verbose]\n"
      "N worlds (100), from seed S (0) on, T seconds (120) of each. LIMPET_SIM_BREAK=KIND does something behind\n"
      "the node's back, which must be found: {}\n",
      sim::fault_kinds);
  std::exit(2);
}

struct Arguments {
  std::uint64_t seeds = 100;
  std::uint64_t first = 0;
  sim::Options options;
};

Arguments parse(int count, char** words) {
  Arguments arguments;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    if (word == "--verbose") {
      arguments.options.verbose = true;
      continue;
    }
    char* end = nullptr;
    const std::uint64_t value = i + 1 < count ? std::strtoull(words[i + 1], &end, 10) : 0;
    if (end == nullptr || *end != '\0' || end == words[i + 1]) {
      usage();
    }
    ++i;
    if (word == "--seeds") {
      arguments.seeds = value;
    } else if (word == "--first") {
      arguments.first = value;
    } else if (word == "--seconds") {
      arguments.options.seconds = static_cast<unsigned>(value);
    } else {
      usage();
    }
  }
  return arguments;
}

}  // namespace

int main(int count, char** words) {
  Arguments arguments = parse(count, words);
  if (const char* fault = std::getenv("LIMPET_SIM_BREAK")) {
    arguments.options.fault = fault;
  }
  sim::Totals sum;
  for (std::uint64_t seed = arguments.first; seed < arguments.first + arguments.seeds; ++seed) {
    try {
      const sim::Totals totals = sim::Simulation(seed, arguments.options).run();
      sum.packets += totals.packets;
      sum.moves += totals.moves;
      sum.changes += totals.changes;
    } catch (const std::exception& failure) {
      fmt::print("FAILED {}\nagain with: sim --first {} --seeds 1 --verbose\n", failure.what(), seed);
      return 1;
    }
  }
  fmt::print("{} seeds: {} packets, {} changes, {} moves, each for a reason; 0 violations\n", arguments.seeds,
             sum.packets, sum.changes, sum.moves);
  return 0;
}
