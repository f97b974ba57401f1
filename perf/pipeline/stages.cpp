#include "stages.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "traffic_run.hpp"

namespace limpet::perf {
namespace {

enum Stage : std::uint8_t { receive, express, parse, classify, steer, bind, translate, transmit, sweep, stage_count };
constexpr std::array<const char*, stage_count> stage_names = {"receive", "express",   "parse",    "classify", "steer",
                                                              "bind",    "translate", "transmit", "sweep"};
using Cycles = std::array<std::uint64_t, stage_count>;

/// The source, with its own time kept apart from that of the stage around it.
class TimedIo {
 public:
  explicit TimedIo(Source& source) : source_(source) {}
  unsigned receive(path::Source from, path::Packet* packets, unsigned max) noexcept {
    const std::uint64_t begin = cycles();
    const unsigned n = source_.receive(from, packets, max);
    spent_ += cycles() - begin;
    return n;
  }
  unsigned transmit(path::Destination to, const path::Packet* packets, unsigned n) noexcept {
    const std::uint64_t begin = cycles();
    const unsigned taken = source_.transmit(to, packets, n);
    spent_ += cycles() - begin;
    return taken;
  }
  [[nodiscard]] std::uint64_t take_spent() noexcept { return std::exchange(spent_, 0); }

 private:
  Source& source_;
  std::uint64_t spent_ = 0;
};

/// Two readings of the TSC in a row: what is taken off every stage.
std::uint64_t reading_cycles() {
  std::uint64_t least = ~std::uint64_t{0};
  for (unsigned i = 0; i < 1000; ++i) {
    const std::uint64_t begin = cycles();
    least = std::min(least, cycles() - begin);
  }
  return least;
}

class Stopwatch {
 public:
  Stopwatch(Rig& rig, std::uint64_t reading) : rig_(rig), io_(rig.source()), reading_(reading) {}

  /// One burst through the stages of turn(), in its order.
  unsigned burst(Cycles& sums) {
    path::State& state = rig_.state();
    const plan::Plan& plan = rig_.plan();
    path::Burst& burst = state.burst;
    const Millis now_ms = rig_.clock().now_ms();
    timed(sums[receive], [&] { path::receive(state, io_, rig_.source().sources()[0], now_ms, burst); });
    unsigned done = 0;
    timed(sums[express], [&] { done = path::express(state, plan, burst); });
    if (done < burst.count) {
      timed(sums[parse], [&] { path::parse(burst); });
      timed(sums[classify], [&] { path::classify(state, plan, burst); });
      timed(sums[steer], [&] { path::steer(state, burst); });
      timed(sums[bind], [&] { path::bind(state, plan, burst); });
      timed(sums[translate], [&] { path::translate(state, plan, burst); });
    }
    timed(sums[transmit], [&] { path::transmit(state, plan, io_, burst); });
    timed(sums[sweep], [&] { path::sweep(state, plan, now_ms); });
    return burst.count;
  }

 private:
  template <class F>
  void timed(std::uint64_t& sum, F&& f) {
    const std::uint64_t begin = cycles();
    f();
    const std::uint64_t all = cycles() - begin;
    const std::uint64_t io = io_.take_spent();
    const std::uint64_t off = io + reading_ * (io != 0 ? 2 : 1);
    sum += all > off ? all - off : 0;
  }

  Rig& rig_;
  TimedIo io_;
  std::uint64_t reading_;
};

}  // namespace

void measure_stages(const Options& options, Report& report, Rig& rig, const std::string& group) {
  Stopwatch stopwatch(rig, reading_cycles());
  for (const auto& [kind, kind_name] :
       {std::pair{Kind::hit, "hit"}, std::pair{Kind::back, "return"}, std::pair{Kind::fresh, "new"}}) {
    TrafficRun traffic(options, rig, kind, group);
    const std::uint64_t packets = std::min(options.packets / 4, traffic.slice_max());
    std::array<std::vector<double>, stage_count> samples;
    for (unsigned repeat = 0; repeat < options.repeats; ++repeat) {
      traffic.make_ready(packets);
      rig.clock().go_on();
      Cycles sums{};
      std::uint64_t done = 0;
      while (done < packets) {
        done += stopwatch.burst(sums);
      }
      rig.clock().hold();
      for (std::size_t stage = 0; stage < stage_count; ++stage) {
        samples[stage].push_back(static_cast<double>(sums[stage]) / static_cast<double>(done));
      }
      if (kind == Kind::fresh) {
        rig.forget_half_open();
      }
    }
    for (std::size_t stage = 0; stage < stage_count; ++stage) {
      report.add(figure(fmt::format("{}.{}.{}", group, kind_name, stage_names[stage]), std::move(samples[stage])));
    }
  }
}

}  // namespace limpet::perf
