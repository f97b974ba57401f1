// Work too long for one turn of the loop: listings, dry runs. Each job does a slice a tick and replies at its end.
// Control thread.
#pragma once

#include <memory>
#include <vector>

#include "api/dispatcher.hpp"

namespace limpet::control {

using Answer = api::Dispatcher::Answer;
using Done = api::Dispatcher::Done;

/// Jobs at once; more are refused.
inline constexpr std::size_t jobs_max = 128;

class Job {
 public:
  Job() = default;
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;
  virtual ~Job() = default;
  /// A bounded piece of work; true when all is done and replied.
  virtual bool step() = 0;
};

class Jobs {
 public:
  /// False: too many at work.
  [[nodiscard]] bool add(std::unique_ptr<Job> job) {
    if (jobs_.size() >= jobs_max) {
      return false;
    }
    jobs_.push_back(std::move(job));
    return true;
  }
  void step() {
    std::vector<std::unique_ptr<Job>> left;
    auto now = std::move(jobs_);
    jobs_.clear();
    for (auto& job : now) {
      if (!job->step()) {
        left.push_back(std::move(job));
      }
    }
    for (auto& job : jobs_) {  // added meanwhile
      left.push_back(std::move(job));
    }
    jobs_ = std::move(left);
  }
  [[nodiscard]] bool empty() const noexcept { return jobs_.empty(); }

 private:
  std::vector<std::unique_ptr<Job>> jobs_;
};

}  // namespace limpet::control
