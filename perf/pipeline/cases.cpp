#include "cases.hpp"

#include <fmt/format.h>
#include <fnmatch.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "rig.hpp"
#include "stages.hpp"

namespace limpet::perf {
namespace {

namespace tcp = net::tcp_flag;

/// Bytes of memory that can be had without swapping.
std::uint64_t available_bytes() {
  return static_cast<std::uint64_t>(sysconf(_SC_AVPHYS_PAGES)) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

enum class Kind : std::uint8_t { hit, hit_held, hit_skewed, back, fresh };

struct Case {
  Kind kind;
  std::string name;
};

std::vector<Case> cases_of(const Setup& setup) {
  const std::string prefix = setup.text();
  const std::string size = count_text(setup.flows);
  std::vector<Case> cases = {{Kind::hit, fmt::format("{}.hit.{}", prefix, size)}};
  if (setup.nat()) {
    cases.push_back({Kind::back, fmt::format("{}.return.{}", prefix, size)});
  }
  return cases;
}

class Measurer {
 public:
  Measurer(const Options& options, Report& report, Rig& rig) : options_(options), report_(report), rig_(rig) {}

  void operator()(const Case& c) {
    const bool fresh = c.kind == Kind::fresh;
    const std::uint64_t packets = packets_of(c.kind);
    Stream stream = rig_.stream(c.kind == Kind::back ? Direction::back : Direction::in, fresh ? tcp::syn : tcp::ack);
    stream.pick = fresh ? Pick::in_turn : c.kind == Kind::hit_skewed ? Pick::skewed : Pick::uniform;
    stream.first = stream.next = rig_.setup().flows;
    rig_.source().start(stream, Source::fifo_size, options_.burst);
    if (c.kind == Kind::hit_held) {
      rig_.run(rig_.setup().flows * std::uint64_t{5});  // all but 1 % of the flows are of this second
      rig_.clock().hold();
      rig_.run(rig_.setup().flows * std::uint64_t{5});
    }
    std::vector<double> samples;
    for (unsigned repeat = 0; repeat < options_.repeats; ++repeat) {
      samples.push_back(sample(c, packets));
    }
    if (c.kind == Kind::hit_held) {
      rig_.clock().go_on();
    }
    report_.add(figure(c.name, std::move(samples)));
  }

 private:
  /// New flows of a repeat fill two thirds of the half-open share, so that none puts out another.
  [[nodiscard]] std::uint64_t packets_of(Kind kind) const {
    const std::uint64_t most = std::max<std::uint64_t>(rig_.setup().room_flows / 20, options_.burst);
    return kind == Kind::fresh ? std::min(most, options_.packets) : options_.packets;
  }

  double sample(const Case& c, std::uint64_t packets) {
    const Stint alone(rig_.clock().rate());
    rig_.run_source(packets);
    const double source = alone.cycles();
    const Tally before = rig_.tally();
    const Stint together(rig_.clock().rate());
    rig_.run(packets);
    const double all = together.cycles();
    check(c, before, rig_.tally());
    if (c.kind == Kind::fresh) {
      rig_.forget_half_open();
    }
    return (all - source) / static_cast<double>(packets);
  }

  /// Every packet left, and none went another way than the case is about: a miss share of 0.
  void check(const Case& c, const Tally& before, const Tally& after) const {
    const std::uint64_t packets = after.received - before.received;
    const std::uint64_t right = c.kind == Kind::fresh  ? after.fresh - before.fresh
                                : c.kind == Kind::back ? after.back - before.back
                                                       : after.hits - before.hits;
    const std::uint64_t lost = after.forgotten - before.forgotten;
    const std::uint64_t moves = rig_.state().moves[0].load();
    if (right != packets || after.transmitted - before.transmitted != packets || lost != 0 || moves != 0) {
      throw std::runtime_error(fmt::format(
          "{}: of {} packets {} were {}, {} left; {} sessions not remembered, {} violations", c.name, packets, right,
          c.kind == Kind::fresh ? "new flows" : "hits", after.transmitted - before.transmitted, lost, moves));
    }
  }

  const Options& options_;
  Report& report_;
  Rig& rig_;
};

void measure_on_rig(const Options& options, Report& report, const Setup& setup, std::uint64_t rate) {
  const auto cases = cases_of(setup);
  const bool any = std::any_of(cases.begin(), cases.end(), [&](const Case& c) { return wanted(options, c.name); });
  if (!any) {
    return;
  }
  Rig rig(setup, rate);
  rig.open_flows();
  rig.check_output(Direction::in, setup.flows / 2);
  if (setup.nat()) {
    rig.check_output(Direction::back, setup.flows / 2);
  }
  Measurer measure(options, report, rig);
  for (const Case& c : cases) {
    if (wanted(options, c.name)) {
      measure(c);
    }
  }
  rig.check_output(Direction::in, setup.flows / 3);
}

}  // namespace

std::string count_text(std::uint32_t flows) {
  return flows >= 1'000'000 ? fmt::format("{}M", flows / 1'000'000) : fmt::format("{}k", flows / 1000);
}

bool wanted(const Options& options, const std::string& name) {
  return fnmatch(options.only.c_str(), name.c_str(), 0) == 0;
}

void measure_pipeline(const Options& options, Report& report) {
  const std::uint64_t rate = cycles_per_ms();
  const std::vector<std::uint32_t> sizes =
      options.quick ? std::vector<std::uint32_t>{1000} : std::vector<std::uint32_t>{1000, 1'000'000, 10'000'000};
  for (const net::Family family : {net::Family::v4, net::Family::v6}) {
    for (const char* forwarding : {"nat", "dr"}) {
      report.heading(Setup{family, forwarding, 0, 0}.text() + ", net of the source");
      for (const std::uint32_t flows : sizes) {
        const Setup setup{family, forwarding, flows, options.quick ? 10'000 : std::max(flows, 1'000'000u)};
        if (std::uint64_t{setup.room_flows} * 250 > available_bytes()) {
          fmt::print(stderr, "{} {}: left out, too little memory\n", setup.text(), count_text(flows));
          continue;
        }
        measure_on_rig(options, report, setup, rate);
      }
    }
  }
}

}  // namespace limpet::perf
