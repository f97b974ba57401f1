#include "control/monitor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace limpet::control {
namespace {

/// FNV-1a: a seed for a backend's jitter, the same in each run.
std::uint64_t seed_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  }
  return hash;
}

std::uint64_t next_random(std::uint64_t& state) {  // splitmix64
  state += 0x9e3779b97f4a7c15ULL;
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

/// Where a monitor looks: its own port, else the backend's.
net::Endpoint checked_address(const model::Monitor& monitor, const net::Endpoint& backend) {
  return {backend.address, monitor.l4_port != 0 ? monitor.l4_port : backend.l4_port};
}

}  // namespace

Millis jittered(std::uint64_t interval_ms, std::uint64_t& random) {
  const std::uint64_t tenth = interval_ms / 10;
  return interval_ms - tenth + next_random(random) % (2 * tenth + 1);
}

void Monitors::reconcile(const model::Model& model) {
  std::set<std::string> wanted;
  for (const auto& [pool_name, pool] : model.pools) {
    if (pool.monitors.empty()) {
      continue;
    }
    for (const auto& [backend_name, backend] : pool.backends) {
      const std::string name = pool_name + "/" + backend_name;
      wanted.insert(name);
      reconcile_backend(name, pool, backend);
    }
  }
  for (auto it = targets_.begin(); it != targets_.end();) {
    if (wanted.contains(it->first)) {
      ++it;
      continue;
    }
    for (auto& probe : it->second->probes) {
      drop_probe(std::move(probe));
    }
    it = targets_.erase(it);
  }
  begin_queued();
}

void Monitors::reconcile_backend(const std::string& name, const model::Pool& pool, const model::Backend& backend) {
  auto& target = targets_[name];
  if (!target) {
    target = std::make_unique<Target>();
    target->name = name;
  }
  std::vector<std::unique_ptr<Probe>> old = std::move(target->probes);
  target->probes.clear();
  for (const auto& monitor : pool.monitors) {
    for (const auto& endpoint : backend.addresses) {
      const auto address = checked_address(monitor, endpoint);
      const auto same = std::find_if(old.begin(), old.end(), [&](const auto& probe) {
        return probe && probe->monitor == monitor && probe->address == address;
      });
      target->probes.push_back(same != old.end() ? std::move(*same) : make_probe(*target, monitor, address));
      target->probes.back()->tells = endpoint.l4_port == 0 || address == endpoint;
    }
  }
  for (auto& probe : old) {
    if (probe) {
      drop_probe(std::move(probe));
    }
  }
  weigh(*target);  // a failing check may be gone
}

std::unique_ptr<Monitors::Probe> Monitors::make_probe(Target& target, const model::Monitor& monitor,
                                                      const net::Endpoint& address) {
  auto probe = std::make_unique<Probe>();
  probe->monitor = monitor;
  probe->address = address;
  probe->target = &target;
  probe->random = seed_of(target.name) ^ seed_of(address.text());
  probe->timer = std::make_unique<Event>(base_, -1, 0, [this, raw = probe.get()](short) { due(*raw); });
  probe->timer->add(0);
  return probe;
}

void Monitors::drop_probe(std::unique_ptr<Probe> probe) {
  if (probe->queued) {
    std::erase(queue_, probe.get());
  }
  if (probe->check) {
    --running_;
  }
}

void Monitors::due(Probe& probe) {
  if (running_ >= checks_max) {
    probe.queued = true;
    queue_.push_back(&probe);
    return;
  }
  begin(probe);
}

void Monitors::begin(Probe& probe) {
  ++running_;
  probe.started_ms = monotonic_ms();
  probe.check = std::make_unique<Check>(base_, probe.monitor, probe.address,
                                        [this, &probe](const Outcome& outcome) { ended(probe, outcome); });
}

void Monitors::begin_queued() {
  while (running_ < checks_max && !queue_.empty()) {
    Probe& probe = *queue_.front();
    queue_.pop_front();
    probe.queued = false;
    begin(probe);
  }
}

void Monitors::ended(Probe& probe, const Outcome& outcome) {
  --running_;
  probe.check.reset();
  const Millis spent = monotonic_ms() - probe.started_ms;
  const Millis pause = jittered(probe.monitor.interval_ms, probe.random);
  probe.timer->add(pause > spent ? pause - spent : 0);
  begin_queued();
  note(probe, outcome);
  judge(probe, outcome);
}

/// Of a backend that cannot be reached, what was known stays known.
void Monitors::note(Probe& probe, const Outcome& outcome) {
  const plan::Accepts before = accepts_of(*probe.target);
  probe.accepts = outcome.accepts.value_or(probe.accepts);
  if (accepts_of(*probe.target) != before) {
    on_learnt_(probe.target->name);
  }
}

plan::Accepts Monitors::accepts_of(const Target& target) {
  std::optional<plan::Accepts> all;
  for (const auto& probe : target.probes) {
    if (probe->tells) {
      all = all ? all->with(probe->accepts) : probe->accepts;
    }
  }
  return all.value_or(plan::Accepts{});
}

void Monitors::judge(Probe& probe, const Outcome& outcome) {
  const auto why = [&](unsigned results) {
    return fmt::format("{} {}: {}{}", probe.address.text(),
                       probe.monitor.type == model::MonitorType::http ? "http" : "tcp", outcome.text,
                       results > 1 ? fmt::format(" ({} in a row)", results) : "");
  };
  if (!probe.passing) {
    probe.passing = outcome.passed;
    return tell(*probe.target, why(1));
  }
  if (*probe.passing == outcome.passed) {
    probe.streak = 0;
    return;
  }
  if (++probe.streak >= (outcome.passed ? probe.monitor.rise : probe.monitor.fall)) {
    const unsigned results = probe.streak;
    probe.passing = outcome.passed;
    probe.streak = 0;
    tell(*probe.target, why(results));
  }
}

// One failing check is enough for `down`; for `up` all must have passed. Between the two, while a check has no
// result yet, the backend stays as it was.
void Monitors::weigh(Target& target) {
  bool all = true;
  bool any_failing = false;
  for (const auto& probe : target.probes) {
    all = all && probe->passing.value_or(false);
    any_failing = any_failing || !probe->passing.value_or(true);
  }
  target.up = all || (target.up && !any_failing);
  target.decided = target.decided || all || any_failing;
}

void Monitors::tell(Target& target, std::string why) {
  const bool first = !target.decided;
  const bool before = target.up;
  weigh(target);
  if (!target.decided) {
    return;
  }
  target.why = std::move(why);
  if (target.up != before || first) {
    on_change_(HealthChange{target.name, target.up, target.why});
  }
}

std::optional<bool> Monitors::up(const std::string& backend) const {
  const auto found = targets_.find(backend);
  return found == targets_.end() ? std::nullopt : std::optional<bool>(found->second->up);
}

plan::Accepts Monitors::accepts(const std::string& backend) const {
  const auto found = targets_.find(backend);
  return found == targets_.end() ? plan::Accepts{} : accepts_of(*found->second);
}

std::string Monitors::why(const std::string& backend) const {
  const auto found = targets_.find(backend);
  return found == targets_.end() ? std::string() : found->second->why;
}

}  // namespace limpet::control
