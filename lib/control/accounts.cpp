#include "control/accounts.hpp"

#include <algorithm>

#include "control/ask.hpp"
#include "path/recount.hpp"
#include "plan/lifetime.hpp"

namespace limpet::control {
namespace {

constexpr Millis ask_every_ms = 1000;

}  // namespace

/// How often a worker has swept its flows: only the worker may look.
class Accounts::SweepQuestion : public path::Task {
 public:
  void run(path::State& state, const plan::Plan&) noexcept override { sweeps = state.flows.sweeps_done(); }
  [[nodiscard]] bool is_out() const noexcept { return asked && !done.load(std::memory_order_acquire); }
  std::uint64_t sweeps = 0;
  bool asked = false;
};

Accounts::Accounts(Runtime& runtime, Configuration& configuration) : runtime_(runtime), configuration_(configuration) {}

Accounts::~Accounts() {
  for (auto& question : questions_) {
    if (question->is_out()) {
      left_behind().push_back(std::move(question));  // a worker that hangs may still write to it
    }
  }
}

bool Accounts::settled() const {
  return std::none_of(questions_.begin(), questions_.end(), [](const auto& question) { return question->is_out(); });
}

void Accounts::tick(Millis now_ms) {
  sweep_records(now_ms);
  const std::uint32_t extent = configuration_.slots().backends.extent();
  for (std::uint32_t i = 0; i < std::min(extent, backends_summed); ++i) {
    next_summed_ = next_summed_ + 1 < extent ? next_summed_ + 1 : 0;
    sum(BackendSlot(next_summed_));
  }
  let_slots_rest(now_ms);
}

void Accounts::on_replaced(const plan::Plan& before, const plan::Plan& after) {
  for (const auto& pool : before.pools) {
    for (const auto& backend : pool.backends) {
      if (after.backend(backend.slot) == nullptr) {
        removed_ms_[backend.slot.value()] = runtime_.now_ms();
      }
    }
  }
}

void Accounts::on_recovered() {
  configuration_.slots().backends.each([&](const std::string&, std::uint32_t slot, bool) {
    if (configuration_.plan().backend(BackendSlot(slot)) == nullptr) {
      removed_ms_[slot] = runtime_.now_ms();
    }
  });
}

void Accounts::sweep_records(Millis now_ms) {
  auto& records = runtime_.records();
  const auto& plan = configuration_.plan();
  const auto now_s = static_cast<std::uint32_t>(now_ms / 1000);
  const auto pass_left = records.bucket_count() - sweep_position_;
  const auto buckets = static_cast<unsigned>(std::min<std::uint64_t>(record_sweep_buckets, pass_left));
  records_ended_ += records.sweep(buckets, [&](const record::Key& key, const record::Record& record) {
    return is_over(plan, key, record, now_s) ? record::Sweep::erase : record::Sweep::keep;
  });
  sweep_position_ += buckets;
  if (sweep_position_ >= records.bucket_count()) {
    sweep_position_ = 0;
    end_of_pass();
  }
}

bool Accounts::is_over(const plan::Plan& plan, const record::Key& key, const record::Record& record,
                       std::uint32_t now_s) const {
  if (record.backend.value() >= runtime_.backends().count()) {
    return true;  // no slot of this node
  }
  if (plan.backend(record.backend) == nullptr) {
    const auto removed = removed_ms_.find(record.backend.value());
    if (removed == removed_ms_.end() || runtime_.now_ms() > removed->second + removed_kept_ms) {
      return true;
    }
  }
  return plan::is_over(plan, key, record, now_s);
}

void Accounts::end_of_pass() {
  std::erase_if(removed_ms_, [&](const auto& entry) {
    return runtime_.now_ms() > entry.second + removed_kept_ms ||
           configuration_.plan().backend(BackendSlot(entry.first)) != nullptr;
  });
}

BackendCounts Accounts::counts(BackendSlot slot) const {
  BackendCounts result;
  std::int64_t flows = 0;
  std::int64_t alone = 0;
  std::int64_t connections = 0;
  for (const auto* state : runtime_.states()) {
    const auto& use = state->uses[slot.value()];
    flows += use.flows.load(std::memory_order_relaxed);
    alone += use.flows_alone.load(std::memory_order_relaxed);
    connections += use.connections();
    result.flows_total += use.flows_total.load(std::memory_order_relaxed);
    result.packets += use.packets.load(std::memory_order_relaxed);
    result.bytes += use.bytes.load(std::memory_order_relaxed);
  }
  result.flows = static_cast<std::uint64_t>(std::max<std::int64_t>(flows, 0));
  result.connections = static_cast<std::uint64_t>(std::max<std::int64_t>(connections, 0));
  result.records = runtime_.records().counts().of_backend(slot);
  result.sessions = result.records + static_cast<std::uint64_t>(std::max<std::int64_t>(alone, 0));
  return result;
}

void Accounts::sum(BackendSlot slot) {
  path::sum_connections(runtime_.states(), slot, runtime_.backends());
  runtime_.backends()[slot].sessions.store(counts(slot).sessions, std::memory_order_relaxed);
}

// A slot may be used again once nothing in any table knows its old holder: not before the records of a removed
// backend are let go, and two counted passes hold at least one that began after the last time.
void Accounts::let_slots_rest(Millis now_ms) {
  const auto workers = static_cast<unsigned>(runtime_.states().size());
  while (questions_.size() < workers) {
    questions_.push_back(std::make_unique<SweepQuestion>());
  }
  worker_sweeps_.resize(workers);
  bool all = removed_ms_.empty() && runtime_.records().sweeps_done() >= record_sweeps_ + 2;
  for (unsigned worker = 0; worker < workers; ++worker) {
    auto& question = *questions_[worker];
    if (!question.is_out()) {
      question.asked = false;
    }
    all = all && !question.asked && question.sweeps >= worker_sweeps_[worker] + 2;
  }
  if (all) {
    configuration_.swept();
    record_sweeps_ = runtime_.records().sweeps_done();
    for (unsigned worker = 0; worker < workers; ++worker) {
      worker_sweeps_[worker] = questions_[worker]->sweeps;
    }
  }
  if (now_ms < asked_ms_ + ask_every_ms) {
    return;
  }
  asked_ms_ = now_ms;
  for (unsigned worker = 0; worker < workers; ++worker) {
    auto& question = *questions_[worker];
    if (!question.asked) {
      question.done.store(false, std::memory_order_relaxed);
      question.asked = runtime_.post(worker, question);
    }
  }
}

}  // namespace limpet::control
