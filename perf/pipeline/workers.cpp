// Packets a second of several workers at once: threads with tables of their own, one plan, one record table, one set of
// backends between them, each with hits of a million flows of its own clients.
#include <pthread.h>
#include <sched.h>

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <thread>

#include "cases.hpp"
#include "traffic_run.hpp"

namespace limpet::perf {
namespace {

constexpr std::uint32_t flows_each = 1'000'000;
constexpr unsigned workers_max = 8;

std::vector<int> own_cpus() {
  cpu_set_t set;
  sched_getaffinity(0, sizeof set, &set);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) {
      cpus.push_back(cpu);
    }
  }
  return cpus;
}

void stay_on(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

/// A rig for each CPU, all in one house.
class Crew {
 public:
  Crew(const Options& options, unsigned count, std::uint64_t rate) : options_(options), rate_(rate) {
    Setup setup{.flows = flows_each, .room_flows = flows_each};
    const auto house = std::make_shared<House>(setup, std::uint64_t{flows_each} * count * 5 / 4);
    for (unsigned i = 0; i < count; ++i) {
      setup.first_flow = i * flows_each;
      rigs_.push_back(std::make_unique<Rig>(setup, rate, house));
      rigs_.back()->open_flows();
      rigs_.back()->check_output(Direction::in, flows_each / 2);
      runs_.push_back(std::make_unique<TrafficRun>(options, *rigs_.back(), Kind::hit, "workers"));
    }
  }

  /// Million packets a second of the first `count` rigs together.
  double sample(unsigned count) {
    std::atomic<unsigned> waiting{count};
    std::vector<double> rates(count);
    std::vector<std::exception_ptr> errors(count);
    std::vector<std::thread> threads;
    const std::vector<int> cpus = own_cpus();
    for (unsigned i = 0; i < count; ++i) {
      threads.emplace_back([&, i] {
        stay_on(cpus[i]);
        try {
          rates[i] = one(*runs_[i], waiting);
        } catch (...) {
          errors[i] = std::current_exception();
        }
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    for (const std::exception_ptr& error : errors) {
      if (error) {
        std::rethrow_exception(error);
      }
    }
    double sum = 0;
    for (const double rate : rates) {
      sum += rate;
    }
    return sum;
  }

 private:
  double one(TrafficRun& run, std::atomic<unsigned>& waiting) const {
    run.make_ready(options_.packets);
    --waiting;
    while (waiting != 0) {
      std::this_thread::yield();
    }
    double spent = 0;
    std::uint64_t done = 0;
    for (; done < options_.packets; done += slice_packets) {
      spent += run(slice_packets);
    }
    return static_cast<double>(done) / spent * static_cast<double>(rate_) / 1000;
  }

  const Options& options_;
  std::uint64_t rate_;
  std::vector<std::unique_ptr<Rig>> rigs_;
  std::vector<std::unique_ptr<TrafficRun>> runs_;
};

}  // namespace

void measure_workers(const Options& options, Report& report) {
  const std::string group = "workers.nat.v4.1M";
  if (!wanted(options, group)) {
    return;
  }
  const unsigned most = std::min<unsigned>(workers_max, static_cast<unsigned>(own_cpus().size()));
  Crew crew(options, most, cycles_per_ms());
  std::vector<std::vector<Pair>> pairs(most);
  for (unsigned repeat = 0; repeat < options.repeats; ++repeat) {
    const double alone = crew.sample(1);
    for (unsigned count = 1; count <= most; ++count) {
      pairs[count - 1].push_back({count == 1 ? alone : crew.sample(count), alone * count});
    }
  }
  for (unsigned count = 1; count <= most; ++count) {
    Figure made = figure(fmt::format("{}.{}", group, count), pairs[count - 1]);
    made.unit = "Mpps";
    report.add(std::move(made));
  }
}

}  // namespace limpet::perf
