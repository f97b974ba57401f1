// What happens to a backend between two plans: the operator's word and its deadline, health as monitors and live
// traffic see it, the weight of one that has just come up, and what its pool's services may promise of TCP options.
// Writes BackendState and promises. Control thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "control/admin_store.hpp"
#include "control/event_log.hpp"
#include "control/moment.hpp"
#include "control/monitor.hpp"
#include "control/runtime.hpp"

namespace limpet::control {

/// How often the weight of a backend that starts slowly is raised.
inline constexpr Millis ramp_step_ms = 100;
/// The part of its weight that a backend starts with: one of so many.
inline constexpr std::uint32_t ramp_parts = 16;
/// Backends whose traffic is judged in one tick; of more, each tick does the next ones.
inline constexpr std::size_t judged_a_tick = 4096;

class BackendLife {
 public:
  BackendLife(Runtime& runtime, Monitors& monitors, AdminStore& admin, EventLog& events)
      : runtime_(runtime), monitors_(monitors), admin_(admin), events_(events) {}
  BackendLife(const BackendLife&) = delete;
  BackendLife& operator=(const BackendLife&) = delete;

  /// A plan is about to be used. Backends that are new in it get the state of creation, or what the operator said.
  /// `before` null: the first plan, whose backends do not start slowly.
  void adopt(const plan::Plan& plan, const model::Model& model, const plan::Plan* before, const Moment& now);
  void on_monitor(const HealthChange& change, const Moment& now);
  void on_learnt(const std::string& backend);
  /// Deadlines, weights, live traffic.
  void tick(const Moment& now);

  /// What the operator said before. The error: it can't be kept over a restart, and nothing has changed.
  Result<AdminWord> set_admin(const std::string& backend, const AdminWord& word, const Moment& now);

  struct Shown {
    std::int64_t since_ms = 0;  // when the health last changed, since 1970
    std::int64_t until_ms = 0;  // when the drain ends or ended; 0: never
    std::string detail;
  };
  [[nodiscard]] Shown shown(const std::string& backend) const;

 private:
  struct Life {
    std::string name;
    BackendSlot slot;
    std::uint32_t weight = 0;  // declared
    Millis slow_start_ms = 0;
    model::Passive passive;
    AdminWord word;
    std::int64_t since_ms = 0;
    bool starts = false;  // there since the start and not judged yet: that it serves is nothing new
    bool serves = false;
    Millis rising_ms = 0;  // when its slow start began; 0: full weight
    bool is_judged = false;
    std::uint64_t failed = 0, succeeded = 0;  // of all workers, when last looked at
    unsigned failures = 0;                    // in a row
    bool off = false;                         // taken down by live traffic
    Millis off_ms = 0;                        // ... since
  };
  /// What is new in a backend's traffic.
  struct News {
    std::uint64_t failed = 0;
    bool succeeded = false;
  };

  [[nodiscard]] plan::BackendState& state(const Life& life) { return runtime_.backends()[life.slot]; }
  void take_up(Life& life, const plan::Backend& backend, const model::Pool& pool, const model::Backend& declared);
  void forget(const plan::Plan& before, const plan::Plan& after);
  News news(Life& life);
  void set_word(Life& life, const AdminWord& word, const Moment& now);
  /// Health from all sources, and the weight that follows. True: the health has changed.
  bool settle(Life& life, const Moment& now);
  void set_weight(Life& life, Millis now_ms);
  void judge(Life& life, const Moment& now);
  static std::string off_text(const Life& life);
  void renew_promises();
  void add_event(const Life& life, bool up, const std::string& why);

  Runtime& runtime_;
  Monitors& monitors_;
  AdminStore& admin_;
  EventLog& events_;
  std::map<std::string, Life> lives_;
  std::vector<Life*> judged_;  // with passive checks
  std::size_t next_judged_ = 0;
  std::vector<Life*> rising_;
  std::vector<Life*> draining_;       // with a deadline that has not passed
  const plan::Plan* plan_ = nullptr;  // adopted last
  std::vector<BackendSlot> changed_;  // since promises of TCP options were made last
  Millis raised_ms_ = 0;
};

/// "enabled", "drain", "drained", "offline".
std::string_view admin_text(plan::Admin admin) noexcept;

}  // namespace limpet::control
