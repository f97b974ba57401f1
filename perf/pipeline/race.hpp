// The measuring loop: what is measured and its floor take turns, a slice each, so that whatever the machine does
// meanwhile happens to both.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "clock.hpp"
#include "options.hpp"
#include "report.hpp"

namespace limpet::perf {

/// Long enough that the caches which the other side has filled are soon forgotten.
inline constexpr std::uint64_t slice_packets = 1 << 17;

/// Cycles that `f` takes.
template <class F>
double timed(std::uint64_t rate, F&& f) {
  const Stint stint(rate);
  f();
  return stint.cycles();
}

/// `ours(n)` and `floor(n)` do n packets or look-ups and return the cycles that these took, net of making them.
/// `slice_max`: the most that one call may be given. The first slice of each is not counted.
template <class Ours, class Floor>
std::vector<Pair> race(const Options& options, std::uint64_t slice_max, Ours&& ours, Floor&& floor) {
  const std::uint64_t slice = std::min(slice_max, std::min(slice_packets, options.packets));
  ours(slice);
  floor(slice);
  std::vector<Pair> pairs;
  for (unsigned repeat = 0; repeat < options.repeats; ++repeat) {
    Pair sum;
    std::uint64_t done = 0;
    for (; done < options.packets; done += slice) {
      sum.ours += ours(slice);
      sum.floor += floor(slice);
    }
    pairs.push_back({sum.ours / static_cast<double>(done), sum.floor / static_cast<double>(done)});
  }
  return pairs;
}

/// The same without a floor.
template <class Ours>
std::vector<double> repeat(const Options& options, std::uint64_t slice_max, Ours&& ours) {
  std::vector<double> samples;
  for (const Pair& pair : race(options, slice_max, ours, [](std::uint64_t) { return 1.0; })) {
    samples.push_back(pair.ours);
  }
  return samples;
}

}  // namespace limpet::perf
