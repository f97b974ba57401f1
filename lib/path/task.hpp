// Work that control asks a worker to do between two turns, because only the worker may read its tables.
#pragma once

#include <atomic>

namespace limpet::plan {
struct Plan;
}

namespace limpet::path {

struct State;

/// Owned by control, which keeps it alive until `done`. `run` must be short: a bounded number of buckets.
class Task {
 public:
  Task() = default;
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  virtual ~Task() = default;
  virtual void run(State& state, const plan::Plan& plan) noexcept = 0;  // worker's thread
  std::atomic<bool> done{false};                                        // writer: worker (after run); reader: control
};

}  // namespace limpet::path
