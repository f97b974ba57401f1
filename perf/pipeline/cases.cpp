#include "cases.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "floor.hpp"
#include "rig.hpp"
#include "stages.hpp"
#include "traffic_run.hpp"

namespace limpet::perf {
namespace {

constexpr std::uint32_t million = 1'000'000;
constexpr std::chrono::seconds quick_patience{60};  // after that a quick run leaves tables of 10M flows out

/// Bytes of memory that can be had without swapping.
std::uint64_t available_bytes() {
  return static_cast<std::uint64_t>(sysconf(_SC_AVPHYS_PAGES)) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

/// A rig whose flows are open and whose output is right.
std::unique_ptr<Rig> open_rig(const Setup& setup, std::uint64_t rate) {
  auto rig = std::make_unique<Rig>(setup, rate);
  rig->open_flows();
  rig->check_output(Direction::in, setup.flows / 2);
  if (setup.answers_pass()) {
    rig->check_output(Direction::back, setup.flows / 2);
  }
  return rig;
}

/// The cases of one number of flows in one rig.
template <class Key>
class Group {
 public:
  Group(const Options& options, Report& report, const Setup& setup, std::uint64_t rate)
      : options_(options), report_(report), setup_(setup), rate_(rate) {}

  void measure() {
    const std::string size = count_text(setup_.flows);
    const bool v4_nat = setup_.nat() && setup_.family == net::Family::v4;
    const bool many = v4_nat && setup_.flows >= million;
    beside_look_up("hit", Kind::hit);
    if (setup_.answers_pass() && (!setup_.spliced() || setup_.flows == million)) {
      beside_look_up("return", Kind::back);
    }
    if (many) {
      beside_look_up("skewed", Kind::skewed);
      beside_look_up("touch", Kind::touch);
      beside_addition("new", Kind::fresh);
    }
    if (v4_nat && setup_.flows == million) {
      beside_addition("first", Kind::first);
      with_one_million();
    }
    if (rig_) {
      rig_->check_output(Direction::in, setup_.flows / 3);
    }
  }

 private:
  [[nodiscard]] std::string name(const char* kind) const {
    return fmt::format("{}.{}.{}", setup_.text(), kind, count_text(setup_.flows));
  }
  Rig& rig() {
    if (!rig_) {
      rig_ = open_rig(setup_, rate_);
    }
    return *rig_;
  }
  Floor<Key>& floor() {
    if (!floor_) {
      floor_.emplace(rate_, setup_.flows, static_cast<std::uint32_t>(rig().half_open_max()));
    }
    return *floor_;
  }
  void beside_look_up(const char* kind_name, Kind kind) {
    if (const std::string full = name(kind_name); wanted(options_, full)) {
      TrafficRun ours(options_, rig(), kind, full);
      Floor<Key>& look_ups = floor();
      report_.add(figure(full, race(options_, ours.slice_max(), ours, [&](auto n) { return look_ups.look_up(n); })));
    }
  }
  void beside_addition(const char* kind_name, Kind kind) {
    if (const std::string full = name(kind_name); wanted(options_, full)) {
      TrafficRun ours(options_, rig(), kind, full);
      Floor<Key>& additions = floor();
      report_.add(figure(full, race(options_, ours.slice_max(), ours, [&](auto n) { return additions.add_new(n); })));
    }
  }
  template <class Ours>
  void beside_hits(const std::string& full, Ours&& ours) {
    TrafficRun hits(options_, rig(), Kind::hit, full);
    report_.add(figure(full, race(options_, ~std::uint64_t{0}, ours, hits)));
  }

  /// What is compared with the hits of this rig.
  void with_one_million() {
    if (wanted(options_, "stages.nat.v4.1M")) {
      measure_stages(options_, report_, rig(), "stages.nat.v4.1M");
    }
    if (wanted(options_, "path.nat.v4.steered.1M")) {
      Setup setup = setup_;
      setup.workers = 2;
      const auto two = open_rig(setup, rate_);
      beside_hits("path.nat.v4.steered.1M", TrafficRun(options_, *two, Kind::hit, "path.nat.v4.steered.1M"));
    }
    services("services.10k", {10'000, 100, 100});
    services("services.10k.own", {10'000, 10'000, 100});
    if (wanted(options_, "path.nat.v4.churn")) {  // the last: it leaves flows that have ended
      beside_hits("path.nat.v4.churn", ChurnRun(rig()));
    }
  }
  void services(const char* full, const Estate& estate) {
    if (wanted(options_, full)) {
      Setup setup = setup_;
      setup.estate = estate;
      const auto many = open_rig(setup, rate_);
      beside_hits(full, TrafficRun(options_, *many, Kind::hit, full));
    }
  }

  const Options& options_;
  Report& report_;
  Setup setup_;
  std::uint64_t rate_;
  std::unique_ptr<Rig> rig_;
  std::optional<Floor<Key>> floor_;
};

std::vector<const char*> forwardings(net::Family family) {
  return family == net::Family::v4 ? std::vector{"nat", "dr", "full_nat", "ipip", "spliced", "stamped"}
                                   : std::vector{"nat", "dr", "gue"};
}

}  // namespace

void measure_path(const Options& options, Report& report) {
  const std::uint64_t rate = cycles_per_ms();
  const auto begin = std::chrono::steady_clock::now();
  for (const net::Family family : {net::Family::v4, net::Family::v6}) {
    for (const char* forwarding : forwardings(family)) {
      for (const std::uint32_t flows : {1000u, million, 10 * million}) {
        const Setup setup{family, forwarding, flows, std::max(flows, million)};
        if (setup.stamped() && flows > million) {
          continue;
        }
        const bool late = options.quick && flows > million && std::chrono::steady_clock::now() - begin > quick_patience;
        if (!options.list && (late || std::uint64_t{setup.room_flows} * 350 > available_bytes())) {
          fmt::print(stderr, "{} with {} flows: left out, too little {}\n", setup.text(), count_text(flows),
                     late ? "time for a quick run" : "memory");
        } else if (family == net::Family::v4) {
          Group<Tuple>(options, report, setup, rate).measure();
        } else {
          Group<WideTuple>(options, report, setup, rate).measure();
        }
      }
    }
  }
}

}  // namespace limpet::perf
