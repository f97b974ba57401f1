// Under callgrind: instructions a packet of the path's cases. Each case calls limpet_perf_collected() twice, around the
// source alone and around the source with the path; the callgrind options of perf/instructions count in there only and
// leave a dump at its end. Small tables, a clock that stands still, nothing that depends on the machine.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <functional>
#include <vector>

#include "scan_cases.hpp"
#include "spliced_run.hpp"
#include "traffic_run.hpp"

/// What is counted. Not inlined: callgrind knows it by its name.
extern "C" [[gnu::noinline]] void limpet_perf_collected(const std::function<void()>& f) {
  f();
  asm volatile("" : : : "memory");
}

namespace limpet::perf {
namespace {

constexpr std::uint64_t packets = 4096;
constexpr std::uint64_t stopped = std::uint64_t{1} << 62;  // TSC cycles a millisecond: none ever passes

/// Prints what the next two dumps are of.
template <class Traffic>
void collect(const std::string& name, Traffic& traffic) {
  traffic(packets);  // checked
  traffic.make_ready(packets);
  limpet_perf_collected([&] { traffic.run_source(packets); });
  limpet_perf_collected([&] { traffic.run(packets); });
  fmt::print("instructions.{} {}\n", name, packets);
}

struct One {
  Kind kind;
  const char* name;
};

void collect_all(const Options& options, const Setup& setup, std::initializer_list<One> all) {
  for (const One& one : all) {
    Rig rig(setup, stopped);
    rig.open_flows();
    const std::string name = fmt::format("{}.{}", setup.text(), one.name);
    TrafficRun traffic(options, rig, one.kind, name);
    collect(name, traffic);
  }
}

/// Heads of the readers by hand; what Hyperscan does depends on the CPU.
void collect_scans() {
  for (const ScanCase& one : scan_cases()) {
    if (one.name().starts_with("l7.scan.universal")) {
      continue;
    }
    constexpr std::uint64_t heads = 1024;
    one.run(heads);
    limpet_perf_collected([&] {});
    limpet_perf_collected([&] { one.run(heads); });
    fmt::print("instructions.{} {}\n", one.name(), heads);
  }
}

/// What a connection of a service that reads cookies takes, 32 side by side and alone.
void collect_spliced() {
  for (const unsigned burst : {path::burst_max, 1u}) {
    for (const Part part : {Part::whole, Part::request}) {
      SplicedRun spliced(part, 256, burst, stopped);
      spliced.make_ready();
      limpet_perf_collected([&] { spliced.run_source(); });
      limpet_perf_collected([&] { spliced.run(); });
      fmt::print("instructions.l7.cookie.{}{} {}\n", part == Part::whole ? "connection" : "request",
                 burst == 1 ? ".alone" : "", spliced.count());
    }
  }
}

/// Hits, of so many workers that take turns, each of flows that are its own.
void collect_workers(unsigned workers) {
  constexpr std::uint32_t flows_each = 256;
  Setup setup{net::Family::v4, "dr", 0, 400'000, workers};
  Rig rig(setup, stopped);
  std::vector<std::vector<std::uint32_t>> own(workers);
  for (std::uint32_t flow = 0; flow < 64 * workers * flows_each && setup.flows < workers * flows_each; ++flow) {
    auto& numbers = own[rig.state().node.owner.owner(client_address(setup.family, flow))];
    if (numbers.size() < flows_each) {
      numbers.push_back(flow);
      ++setup.flows;
    }
  }
  const auto each = [&](std::uint8_t tcp_flags, std::uint32_t packets_each, bool with_path) {
    for (unsigned worker = 0; worker < workers; ++worker) {
      Stream stream = rig.stream(Direction::in, tcp_flags);
      stream.numbers = own[worker].data();
      stream.flows = stream.end = flows_each;
      stream.pick = Pick::in_turn;
      rig.source().start(stream, 0, path::burst_max);
      with_path ? rig.run(packets_each, worker) : rig.run_source(rig.source(), packets_each);
    }
  };
  each(net::tcp_flag::syn, flows_each, true);
  rig.clock().skip_second();
  rig.clock().skip_second();
  rig.catch_up();
  each(net::tcp_flag::ack, flows_each, true);
  const Tally before = rig.tally();
  const auto packets_each = static_cast<std::uint32_t>(packets / workers);
  limpet_perf_collected([&] { each(net::tcp_flag::ack, packets_each, false); });
  limpet_perf_collected([&] { each(net::tcp_flag::ack, packets_each, true); });
  if (const Tally seen = rig.tally() - before; seen.hits != packets || seen.transmitted != packets) {
    throw std::runtime_error(
        fmt::format("{} workers: {} hits, {} sent of {}", workers, seen.hits, seen.transmitted, packets));
  }
  fmt::print("instructions.path.dr.v4.workers.{} {}\n", workers, packets);
}

void run() {
  const Options options;
  fmt::print("{}\n", __VERSION__);
  constexpr std::uint32_t flows = 1000, room = 400'000;
  const auto setup = [](net::Family family, const char* forwarding, unsigned workers = 1) {
    return Setup{family, forwarding, flows, room, workers};
  };
  using enum net::Family;
  collect_all(options, setup(v4, "nat"),
              {{Kind::hit, "hit"}, {Kind::back, "return"}, {Kind::touch, "touch"}, {Kind::first, "first"}});
  collect_all(options, setup(v4, "dr"), {{Kind::hit, "hit"}});
  collect_all(options, setup(v6, "nat"), {{Kind::hit, "hit"}, {Kind::back, "return"}});
  collect_all(options, setup(v6, "dr"), {{Kind::hit, "hit"}});
  collect_all(options, setup(v4, "full_nat"), {{Kind::hit, "hit"}, {Kind::back, "return"}});
  collect_all(options, setup(v4, "ipip"), {{Kind::hit, "hit"}});
  collect_all(options, setup(v6, "gue"), {{Kind::hit, "hit"}});
  collect_all(options, setup(v4, "nat", 2), {{Kind::hit, "steered"}});
  collect_all(options, setup(v4, "spliced"), {{Kind::hit, "hit"}, {Kind::back, "return"}});
  collect_all(options, setup(v6, "spliced"), {{Kind::hit, "hit"}, {Kind::back, "return"}});
  collect_all(options, setup(v4, "stamped"), {{Kind::hit, "hit"}, {Kind::back, "return"}});

  for (const unsigned workers : {1u, 2u, 4u, 8u, 16u}) {
    collect_workers(workers);
  }

  Setup many = setup(v4, "nat");
  many.flows = 2 * Churn::rest;
  collect_all(options, many, {{Kind::fresh, "new"}});
  Rig rig(many, stopped);
  rig.open_flows();
  ChurnRun churn(rig);
  collect(many.text() + ".churn", churn);

  collect_scans();
  collect_spliced();
}

}  // namespace
}  // namespace limpet::perf

int main(int argc, char** argv) {
  CLI::App app("The path's cases for callgrind: see perf/instructions");
  CLI11_PARSE(app, argc, argv);
  try {
    limpet::perf::run();
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "perf_instructions: {}\n", error.what());
    return 1;
  }
}
