// A machine in memory: workers are states without threads, tasks run where they are posted.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <mutex>
#include <span>

#include "control/runtime.hpp"

namespace limpet::control {

/// 64-byte aligned, zeroed memory for a table.
class TableMemory {
 public:
  explicit TableMemory(std::size_t size) : size_((size + 63) / 64 * 64), bytes_(std::aligned_alloc(64, size_)) {
    std::memset(bytes_, 0, size_);
  }
  TableMemory(const TableMemory&) = delete;
  TableMemory& operator=(const TableMemory&) = delete;
  ~TableMemory() { std::free(bytes_); }
  [[nodiscard]] std::span<std::byte> span() const { return {static_cast<std::byte*>(bytes_), size_}; }

 private:
  std::size_t size_;
  void* bytes_;
};

class FakeRuntime : public Runtime {
 public:
  static constexpr std::uint32_t backend_slots = 64;
  static constexpr flow::Sizes flow_sizes{1024, 256};
  static constexpr record::Sizes record_sizes{1024, 256};

  explicit FakeRuntime(unsigned workers = 2)
      : owner_(workers),
        record_memory_(record::Table::bytes_needed(record_sizes)),
        records_(*record::Table::create(record_memory_.span(), record_sizes, {})) {
    for (unsigned i = 0; i < workers; ++i) {
      flow_memory_.push_back(std::make_unique<TableMemory>(flow::Table::bytes_needed(flow_sizes)));
      tables_.push_back(
          std::make_unique<flow::Table>(*flow::Table::create(flow_memory_.back()->span(), flow_sizes, {})));
      states_.push_back(std::make_unique<path::State>(i, path::Node{owner_, records_, backends_, adjacencies_},
                                                      *tables_.back(), backend_slots));
    }
  }

  void publish(std::shared_ptr<const plan::Plan> plan) override {
    const std::lock_guard lock(mutex_);
    plan_ = std::move(plan);
    ++published;
  }
  std::shared_ptr<const plan::Plan> current_plan() const override {
    const std::lock_guard lock(mutex_);
    return plan_;
  }
  std::vector<path::State*> states() override {
    std::vector<path::State*> result;
    for (auto& state : states_) {
      result.push_back(state.get());
    }
    return result;
  }
  record::Table& records() override { return records_; }
  plan::BackendStates& backends() override { return backends_; }
  l3::AdjacencyTable& adjacencies() override { return adjacencies_; }
  const hash::Owner& owner() const override { return owner_; }
  bool send(const l3::Frame& frame) override {
    const std::lock_guard lock(mutex_);
    sent.push_back(frame);
    return true;
  }
  bool post(unsigned worker, path::Task& task) override {
    if (refuse_posts > 0) {
      --refuse_posts;
      return false;
    }
    if (hang) {
      return true;  // the worker never gets to it
    }
    const std::lock_guard lock(worker_mutex);
    task.run(*states_.at(worker), *current_plan());
    task.done.store(true, std::memory_order_release);
    return true;
  }
  Millis now_ms() const override { return now.load(); }
  std::int64_t unix_ms() const override { return unix_at_zero_ms + static_cast<std::int64_t>(now.load()); }
  std::map<std::string, net::Mac> device_macs() const override {
    return {{"front", *net::Mac::parse("02:00:00:00:00:01")}, {"back", *net::Mac::parse("02:00:00:00:00:02")}};
  }
  std::vector<PortInfo> ports() const override {
    std::vector<PortInfo> infos = {
        {"front", "net_null0", "net_null", *net::Mac::parse("02:00:00:00:00:01"), true, 1, "none", 5, 4, 0, 0},
        {"back", "net_null1", "net_null", *net::Mac::parse("02:00:00:00:00:02"), false, 1, "none", 0, 0, 0, 0}};
    infos[0].offloads = "checksums by the NIC";
    infos[0].numa_node = 1;
    infos[0].far_workers = {0, 1};
    return infos;
  }
  std::vector<WorkerInfo> workers() const override {
    std::vector<WorkerInfo> result;
    for (unsigned i = 0; i < states_.size(); ++i) {
      result.push_back({i, i, 100, 50, 40, 1000, 4000, 600, 10'000'000});
    }
    return result;
  }

  std::mutex worker_mutex;  // held by who plays a worker: a task, or the test
  std::atomic<Millis> now{1'000'000};
  std::atomic<std::int64_t> unix_at_zero_ms{1'767'225'600'000};
  std::vector<l3::Frame> sent;
  std::atomic<int> published{0};
  std::atomic<int> refuse_posts{0};
  std::atomic<bool> hang{false};

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const plan::Plan> plan_;
  hash::Owner owner_;
  TableMemory record_memory_;
  record::Table records_;
  plan::BackendStates backends_{backend_slots};
  l3::AdjacencyTable adjacencies_{256};
  std::vector<std::unique_ptr<TableMemory>> flow_memory_;
  std::vector<std::unique_ptr<flow::Table>> tables_;
  std::vector<std::unique_ptr<path::State>> states_;
};

}  // namespace limpet::control
