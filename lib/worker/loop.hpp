// A worker's life, on one screen: read the plan, take one turn of the path, run at most one task for control, say that
// nothing of the old plan is held, count, rest when told to. Runs on the worker's own lcore; sleeping is the only
// system call.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "base/spsc_ring.hpp"
#include "flow/table.hpp"
#include "model/model.hpp"
#include "path/state.hpp"
#include "path/task.hpp"
#include "worker/io.hpp"
#include "worker/plan_cell.hpp"

namespace limpet::worker {

/// writer: the worker; readers: control
struct alignas(64) Work {
  std::atomic<std::uint64_t> turns{0}, empty_turns{0}, packets{0};
  std::atomic<std::uint64_t> busy_cycles{0}, total_cycles{0};  // TSC
  std::atomic<std::uint64_t> device_cycles{0};                 // of busy_cycles, in calls of devices, where timed
};

inline constexpr unsigned empty_turns_before_sleep = 1000;
inline constexpr unsigned sleep_us = 100;

/// What a worker writes, and nobody else but where a line says so. Lies in cache lines of its own.
struct alignas(64) Worker {
  Worker(unsigned worker, const path::Node& node, flow::Table&& table, splice::Table&& spliced,
         std::uint32_t backend_slots, Fabric& fabric, rte_mempool* pool, PlanCell& cell, const model::Daemon& daemon,
         const path::Limits& limits)
      : flows(std::move(table)),
        state(worker, node, flows, std::move(spliced), backend_slots, limits),
        io(worker, fabric, pool, daemon.time_devices),
        plans(cell),
        idle(daemon.idle) {}
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();

  flow::Table flows;
  path::State state;
  Io io;
  PlanCell& plans;
  const model::Idle idle;
  Work work;
  SpscRing<path::Task*> mailbox{64};          // producer: control; consumer: the worker
  alignas(64) std::atomic<bool> stop{false};  // writer: control; reader: the worker
};

/// Until `stop`; finishes its turn.
void run(Worker& worker) noexcept;

}  // namespace limpet::worker
