// What the command line asks for, and which names there are.
#pragma once

#include <cstdint>
#include <string>

namespace limpet::perf {

inline constexpr std::uint64_t quick_packets = 1 << 17;  // a repeat

struct Options {
  bool quick = false;    // fewer and shorter repeats
  bool summary = false;  // only `bench,...` lines
  bool list = false;     // only the names
  std::string only = "*";
  std::string json;
  unsigned burst = 32;
  unsigned repeats = 11;
  std::uint64_t packets = 1 << 20;  // a repeat
};

/// Whether a figure of that name is to be measured. Where names are listed: prints it, and says no.
[[nodiscard]] bool wanted(const Options& options, const std::string& name);

/// "1k", "1M", "10M".
[[nodiscard]] std::string count_text(std::uint32_t count);

}  // namespace limpet::perf
