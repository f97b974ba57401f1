// What the command line asks for.
#pragma once

#include <cstdint>
#include <string>

namespace limpet::perf {

struct Options {
  bool quick = false;    // a few packets: shows that everything runs, measures nothing
  bool summary = false;  // only `bench,...` lines
  std::string only = "*";
  std::string json;
  unsigned burst = 32;
  unsigned repeats = 11;
  std::uint64_t packets = 1'000'000;  // a repeat
};

}  // namespace limpet::perf
