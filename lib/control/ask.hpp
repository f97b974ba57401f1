// Asking workers, one task at a time, from a job. Control thread.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "control/jobs.hpp"
#include "control/runtime.hpp"

namespace limpet::control {

/// Tasks whose job is gone while a worker may still write to them. They stay until the process ends.
inline std::vector<std::unique_ptr<path::Task>>& left_behind() {
  static std::vector<std::unique_ptr<path::Task>> tasks;
  return tasks;
}

/// A job that asks one worker after another. T is a path::Task. If the job goes while a worker has its task, the
/// task stays behind.
template <class T>
class Asking : public Job {
 public:
  explicit Asking(Runtime& runtime) : runtime_(runtime), task_(std::make_unique<T>()) {}
  ~Asking() override {
    if (posted_ && !task_->done.load(std::memory_order_acquire)) {
      left_behind().push_back(std::move(task_));
    }
  }

 protected:
  enum class State : std::uint8_t { idle, waiting, answered };
  /// `answered` once for each ask().
  State state() {
    if (!posted_) {
      return State::idle;
    }
    if (!task_->done.load(std::memory_order_acquire)) {
      return State::waiting;
    }
    posted_ = false;
    return State::answered;
  }
  /// No room now: state() stays idle, ask again.
  void ask(unsigned worker) {
    task_->done.store(false, std::memory_order_relaxed);
    posted_ = runtime_.post(worker, *task_);
  }
  T& task() { return *task_; }
  [[nodiscard]] const T& task() const { return *task_; }
  Runtime& runtime_;

 private:
  std::unique_ptr<T> task_;
  bool posted_ = false;
};

}  // namespace limpet::control
