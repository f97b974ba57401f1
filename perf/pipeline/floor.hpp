// What the path is compared with in the same run: touching each packet and no more, and a look-up of the same flows'
// 5-tuples in tables that others made.
#pragma once

#include <array>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "clock.hpp"
#include "options.hpp"
#include "report.hpp"

namespace limpet::perf {

/// A 5-tuple as a key of 16 bytes without holes.
struct Tuple {
  std::uint32_t client = 0;
  std::uint32_t vip = 0;
  std::uint16_t client_port = 0;
  std::uint16_t vip_port = 0;
  std::uint32_t protocol = 6;
  friend bool operator==(const Tuple&, const Tuple&) = default;
};
static_assert(sizeof(Tuple) == 16);

Tuple tuple_of(std::uint32_t flow) noexcept;

inline constexpr unsigned tuples_at_once = 32;
using Tuples = std::array<Tuple, tuples_at_once>;

/// Tuples of random flows of N.
class TupleSource {
 public:
  explicit TupleSource(std::uint32_t flows) : flows_(flows) {}
  void next(Tuples& tuples) noexcept {
    for (Tuple& tuple : tuples) {
      random_ ^= random_ << 13;
      random_ ^= random_ >> 7;
      random_ ^= random_ << 17;
      tuple = tuple_of(static_cast<std::uint32_t>(((random_ >> 32) * flows_) >> 32));
    }
    asm volatile("" : : "r"(tuples.data()) : "memory");
  }

 private:
  std::uint32_t flows_;
  std::uint64_t random_ = 0x9e3779b97f4a7c15ULL;
};

/// Cycles a tuple of `find(tuples)` (which returns how many it found), net of making the tuples; by repeats.
/// Throws when one is not found.
template <class Find>
std::vector<double> measure_look_up(const Options& options, std::uint32_t flows, Find&& find);

void measure_floor(const Options& options, Report& report);

/// Look-ups in DPDK's rte_hash. Starts an EAL in this process, without huge pages or devices.
void measure_rte_hash(const Options& options, Report& report);

template <class Find>
std::vector<double> measure_look_up(const Options& options, std::uint32_t flows, Find&& find) {
  TupleSource source(flows);
  Tuples tuples;
  const std::uint64_t rate = cycles_per_ms();
  std::vector<double> samples;
  for (unsigned repeat = 0; repeat < options.repeats; ++repeat) {
    const std::uint64_t rounds = options.packets / tuples_at_once + 1;
    const Stint alone(rate);
    for (std::uint64_t i = 0; i < rounds; ++i) {
      source.next(tuples);
    }
    const double making = alone.cycles();
    std::uint64_t found = 0;
    const Stint together(rate);
    for (std::uint64_t i = 0; i < rounds; ++i) {
      source.next(tuples);
      found += find(tuples);
    }
    const double all = together.cycles();
    if (found != rounds * tuples_at_once) {
      throw std::runtime_error("a floor's table misses flows");
    }
    samples.push_back((all - making) / static_cast<double>(found));
  }
  return samples;
}

}  // namespace limpet::perf
