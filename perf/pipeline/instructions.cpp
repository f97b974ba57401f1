// Under callgrind: instructions a packet of the path's cases. Each case calls limpet_perf_collected() twice, around the
// source alone and around the source with the path; the callgrind options of perf/instructions count in there only and
// leave a dump at its end. Small tables, a clock that stands still, nothing that depends on the machine.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <functional>

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
  collect_all(options, setup(v4, "nat", 2), {{Kind::hit, "steered"}});

  Setup many = setup(v4, "nat");
  many.flows = 2 * Churn::rest;
  collect_all(options, many, {{Kind::fresh, "new"}});
  Rig rig(many, stopped);
  rig.open_flows();
  ChurnRun churn(rig);
  collect(many.text() + ".churn", churn);
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
