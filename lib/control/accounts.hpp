// Keeps the node's books: sweeps the record table, sums what workers count into backend_state (connections, sessions),
// and lets freed slots rest until every table has been swept. Control thread; each call does a bounded amount of work.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "control/configuration.hpp"
#include "control/runtime.hpp"

namespace limpet::control {

/// Buckets of the record table looked at in one tick.
inline constexpr unsigned record_sweep_buckets = 4096;
/// How long the records of a backend that has left the plan stay, so that a session that comes back in this time is
/// seen to have moved, and why. After it the session is a new one.
inline constexpr Millis removed_kept_ms = 60'000;
/// Backends summed in one tick; of more, each tick does the next ones.
inline constexpr std::uint32_t backends_summed = 4096;

/// What `show backends` tells of one.
struct BackendCounts {
  std::uint64_t sessions = 0, connections = 0, flows = 0, records = 0, flows_total = 0, packets = 0, bytes = 0;
};

class Accounts {
 public:
  Accounts(Runtime& runtime, Configuration& configuration);
  Accounts(const Accounts&) = delete;
  Accounts& operator=(const Accounts&) = delete;
  ~Accounts();

  void tick(Millis now_ms);
  /// No worker holds a question: without more ticks, none will.
  [[nodiscard]] bool settled() const;
  /// A plan has been replaced: records of backends that left stay for a while, so that their moves get a reason.
  void on_replaced(const plan::Plan& before, const plan::Plan& after);

  /// At start: the same for backends of the process before that the first plan does not have.
  void on_recovered();

  [[nodiscard]] BackendCounts counts(BackendSlot slot) const;
  [[nodiscard]] std::uint64_t records_ended() const noexcept { return records_ended_; }

 private:
  class SweepQuestion;
  void sweep_records(Millis now_ms);
  [[nodiscard]] bool is_over(const plan::Plan& plan, const record::Key& key, const record::Record& record,
                             std::uint32_t now_s) const;
  void end_of_pass();
  void sum(BackendSlot slot);
  void let_slots_rest(Millis now_ms);

  Runtime& runtime_;
  Configuration& configuration_;
  std::unordered_map<std::uint32_t, Millis> removed_ms_;  // by backend slot: when it left the plan
  std::uint64_t sweep_position_ = 0;                      // buckets of this pass that are done
  std::uint64_t records_ended_ = 0;
  std::uint32_t next_summed_ = 0;
  std::vector<std::unique_ptr<SweepQuestion>> questions_;  // by worker
  std::vector<std::uint64_t> worker_sweeps_;               // by worker: when slots last rested
  std::uint64_t record_sweeps_ = 0;                        // likewise
  Millis asked_ms_ = 0;
};

}  // namespace limpet::control
