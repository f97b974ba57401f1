// Health of backends: every monitor of the pool against every address of the backend; all must pass.
// Control thread. Keeps its state over applies: a check with the same definition, address and backend goes on.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/check.hpp"
#include "control/loop.hpp"
#include "model/model.hpp"

namespace limpet::control {

/// Checks under way at once; others wait for their turn, so that sockets stay bounded.
inline constexpr std::size_t checks_max = 512;

struct HealthChange {
  std::string backend;  // "pool/backend"
  bool up = false;
  std::string why;  // "198.51.100.11:80 http: HTTP 503 (2 in a row)"
};

class Monitors {
 public:
  using OnChange = std::function<void(const HealthChange&)>;

  /// What is known of the options that this backend ("pool/backend") accepts has changed.
  using OnLearnt = std::function<void(const std::string& backend)>;

  Monitors(
      event_base* base, OnChange on_change, OnLearnt on_learnt = [](const std::string&) {})
      : base_(base), on_change_(std::move(on_change)), on_learnt_(std::move(on_learnt)) {}
  Monitors(const Monitors&) = delete;
  Monitors& operator=(const Monitors&) = delete;

  /// Makes the checks those of the model. New ones run at once; their first result counts without rise or fall.
  /// Never calls on_change or on_learnt.
  void reconcile(const model::Model& model);

  /// Health as known. A backend without monitors, or unknown, has none. With monitors it is down until all its
  /// checks have had a first success; that is told once it is decided, not before.
  [[nodiscard]] std::optional<bool> up(const std::string& backend) const;
  /// Why: the check that decided last, in words; empty while nothing is decided.
  [[nodiscard]] std::string why(const std::string& backend) const;
  /// TCP options that it accepts at all its addresses. Only monitors that look where connections go can tell.
  [[nodiscard]] plan::Accepts accepts(const std::string& backend) const;
  [[nodiscard]] std::size_t running() const noexcept { return running_; }

 private:
  struct Target;
  struct Probe {
    model::Monitor monitor;
    net::Endpoint address;
    Target* target = nullptr;
    bool tells = false;  // it looks where connections go
    plan::Accepts accepts;
    std::optional<bool> passing;  // nothing before the first result
    unsigned streak = 0;          // results in a row that contradict `passing`
    std::uint64_t random = 0;     // of the jitter
    Millis started_ms = 0;
    bool queued = false;
    std::unique_ptr<Event> timer;
    std::unique_ptr<Check> check;
  };
  struct Target {
    std::string name;
    bool up = false;
    bool decided = false;  // a check has failed, or all have passed
    std::string why;
    std::vector<std::unique_ptr<Probe>> probes;
  };

  void reconcile_backend(const std::string& name, const model::Pool& pool, const model::Backend& backend);
  std::unique_ptr<Probe> make_probe(Target& target, const model::Monitor& monitor, const net::Endpoint& address);
  void drop_probe(std::unique_ptr<Probe> probe);
  void due(Probe& probe);
  void begin(Probe& probe);
  void ended(Probe& probe, const Outcome& outcome);
  void begin_queued();
  void judge(Probe& probe, const Outcome& outcome);
  void note(Probe& probe, const Outcome& outcome);
  static plan::Accepts accepts_of(const Target& target);
  static void weigh(Target& target);
  void tell(Target& target, std::string why);

  event_base* base_;
  OnChange on_change_;
  OnLearnt on_learnt_;
  std::map<std::string, std::unique_ptr<Target>> targets_;
  std::deque<Probe*> queue_;
  std::size_t running_ = 0;
};

/// The time to the next check: the interval, 10 % more or less. `random` is the generator's state.
Millis jittered(std::uint64_t interval_ms, std::uint64_t& random);

}  // namespace limpet::control
