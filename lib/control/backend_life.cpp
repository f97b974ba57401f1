#include "control/backend_life.hpp"

#include <algorithm>

#include "model/load.hpp"

namespace limpet::control {
namespace {

constexpr auto relaxed = std::memory_order_relaxed;

plan::Admin admin_of(const AdminWord& word, std::int64_t now_unix_ms) {
  switch (word.state) {
    case model::AdminState::enabled:
      return plan::Admin::enabled;
    case model::AdminState::offline:
      return plan::Admin::offline;
    case model::AdminState::drain:
      break;
  }
  return word.until_ms != 0 && now_unix_ms >= word.until_ms ? plan::Admin::drained : plan::Admin::drain;
}

}  // namespace

std::string_view admin_text(plan::Admin admin) noexcept {
  switch (admin) {
    case plan::Admin::enabled:
      return "enabled";
    case plan::Admin::drain:
      return "drain";
    case plan::Admin::drained:
      return "drained";
    case plan::Admin::offline:
      break;
  }
  return "offline";
}

void BackendLife::adopt(const plan::Plan& plan, const model::Model& model, const plan::Plan* before,
                        const Moment& now) {
  judged_.clear();
  if (before != nullptr) {
    forget(*before, plan);
  }
  for (const auto& pool : plan.pools) {
    const auto& declared = model.pools.at(pool.name);
    for (const auto& backend : pool.backends) {
      const auto& own = declared.backends.at(backend.name.substr(pool.name.size() + 1));
      const auto [at, fresh] = lives_.try_emplace(backend.name);
      Life& life = at->second;
      take_up(life, backend, declared, own);
      if (fresh) {
        life.starts = before == nullptr;
        life.since_ms = now.unix_ms;
        state(life).sessions.store(0, relaxed);
        set_word(life, admin_.find(backend.name).value_or(AdminWord{own.state}), now);
      }
      settle(life, now);
    }
  }
  plan_ = &plan;
  changed_.clear();
  for (const auto& service : plan.services) {
    plan::renew_promise(plan, service, runtime_.backends());
  }
}

void BackendLife::take_up(Life& life, const plan::Backend& backend, const model::Pool& pool,
                          const model::Backend& declared) {
  life.name = backend.name;
  life.slot = backend.slot;
  life.weight = declared.weight;
  life.slow_start_ms = pool.slow_start_ms;
  life.passive = pool.passive;
  const bool judged = pool.passive.failures != 0;
  if (judged) {
    judged_.push_back(&life);
  }
  if (!judged || !life.is_judged) {
    life.off = false;
    life.failures = 0;
    news(life);  // what was before counts for nobody
  }
  life.is_judged = judged;
}

void BackendLife::forget(const plan::Plan& before, const plan::Plan& after) {
  for (const auto& pool : before.pools) {
    for (const auto& backend : pool.backends) {
      if (after.backend(backend.slot) == nullptr) {
        const auto gone = [&](const Life* life) { return life->name == backend.name; };
        std::erase_if(rising_, gone);
        std::erase_if(draining_, gone);
        lives_.erase(backend.name);
      }
    }
  }
}

Result<AdminWord> BackendLife::set_admin(const std::string& backend, const AdminWord& word, const Moment& now) {
  const auto found = lives_.find(backend);
  if (found == lives_.end()) {
    return fail("no backend \"{}\"", backend);
  }
  if (auto kept = admin_.set(backend, word); !kept) {
    return tl::unexpected(kept.error());
  }
  const AdminWord before = found->second.word;
  found->second.starts = false;
  set_word(found->second, word, now);
  settle(found->second, now);
  return before;
}

void BackendLife::set_word(Life& life, const AdminWord& word, const Moment& now) {
  life.word = word;
  const auto admin = admin_of(word, now.unix_ms);
  state(life).admin.store(admin, relaxed);
  changed_.push_back(life.slot);
  std::erase(draining_, &life);
  if (admin == plan::Admin::drain && word.until_ms != 0) {
    draining_.push_back(&life);
  }
}

bool BackendLife::settle(Life& life, const Moment& now) {
  const bool up = !life.off && monitors_.up(life.name).value_or(true);
  const auto health = up ? plan::Health::up : plan::Health::down;
  const bool changed = state(life).health.exchange(health, relaxed) != health;
  state(life).accepts.store(monitors_.accepts(life.name).packed(), relaxed);
  if (changed) {
    life.since_ms = now.unix_ms;
    changed_.push_back(life.slot);
  }
  const bool serves = up && life.word.state == model::AdminState::enabled;
  if (serves && !life.serves) {
    std::erase(rising_, &life);
    life.rising_ms = 0;
    if (!life.starts && life.slow_start_ms != 0) {
      life.rising_ms = std::max<Millis>(now.boot_ms, 1);
      rising_.push_back(&life);
    }
    life.starts = false;
  }
  life.serves = serves;
  set_weight(life, now.boot_ms);
  return changed;
}

void BackendLife::set_weight(Life& life, Millis now_ms) {
  const std::uint64_t full = std::uint64_t{life.weight} * plan::weight_one;
  std::uint64_t weight = full;
  if (life.rising_ms != 0) {
    const Millis past_ms = std::max(now_ms - std::min(now_ms, life.rising_ms), life.slow_start_ms / ramp_parts);
    if (past_ms >= life.slow_start_ms) {
      life.rising_ms = 0;
    } else {
      weight = std::max<std::uint64_t>(full * past_ms / life.slow_start_ms, full == 0 ? 0 : 1);
    }
  }
  state(life).weight.store(static_cast<std::uint32_t>(weight), relaxed);
}

void BackendLife::on_monitor(const HealthChange& change, const Moment& now) {
  const auto found = lives_.find(change.backend);
  if (found == lives_.end()) {
    return;
  }
  Life& life = found->second;
  life.starts = life.starts && change.up;
  settle(life, now);
  const bool up = state(life).health.load(relaxed) == plan::Health::up;
  if (up == change.up) {
    add_event(life, up, change.why);
  }
}

void BackendLife::on_learnt(const std::string& backend) {
  if (const auto found = lives_.find(backend); found != lives_.end()) {
    state(found->second).accepts.store(monitors_.accepts(backend).packed(), relaxed);
    changed_.push_back(found->second.slot);
  }
}

/// Of the services that may lead to backends that have changed.
void BackendLife::renew_promises() {
  const plan::Plan& plan = *plan_;
  std::vector<bool> pools(plan.pools.size());
  for (const BackendSlot slot : std::exchange(changed_, {})) {
    if (plan.backend(slot) != nullptr) {
      pools[plan.backend_of_slot[slot.value()].pool] = true;
    }
  }
  for (const auto& service : plan.services) {
    bool leads = false;
    service.each_branch([&](std::uint32_t pool, const auto&) { leads = leads || pools[pool]; });
    if (leads) {
      plan::renew_promise(plan, service, runtime_.backends());
    }
  }
}

void BackendLife::add_event(const Life& life, bool up, const std::string& why) {
  events_.add("health", fmt::format("{} is {}: {}", life.name, up ? "up" : "down", why));
}

void BackendLife::tick(const Moment& now) {
  std::erase_if(draining_, [&](Life* life) {
    if (now.unix_ms < life->word.until_ms) {
      return false;
    }
    state(*life).admin.store(plan::Admin::drained, relaxed);
    changed_.push_back(life->slot);
    events_.add("admin", fmt::format("{}: drained (its drain has ended)", life->name));
    return true;
  });
  if (now.boot_ms >= raised_ms_ + ramp_step_ms) {
    raised_ms_ = now.boot_ms;
    std::erase_if(rising_, [&](Life* life) {
      set_weight(*life, now.boot_ms);
      return life->rising_ms == 0;
    });
  }
  for (std::size_t i = 0; i < std::min(judged_.size(), judged_a_tick); ++i) {
    next_judged_ = next_judged_ + 1 < judged_.size() ? next_judged_ + 1 : 0;
    judge(*judged_[next_judged_], now);
  }
  if (!changed_.empty()) {
    renew_promises();
  }
}

BackendLife::News BackendLife::news(Life& life) {
  std::uint64_t failed = 0;
  std::uint64_t succeeded = 0;
  for (const auto* worker : runtime_.states()) {
    const auto& use = worker->uses[life.slot.value()];
    failed += use.failed.load(relaxed);
    succeeded += use.succeeded.load(relaxed);
  }
  return {failed - std::exchange(life.failed, failed), std::exchange(life.succeeded, succeeded) != succeeded};
}

// Workers only count. Of a success and failures in one tick nobody knows the order: the success counts last.
void BackendLife::judge(Life& life, const Moment& now) {
  const auto fresh = news(life);
  const unsigned enough = life.passive.failures;
  life.failures =
      fresh.succeeded ? 0 : static_cast<unsigned>(std::min<std::uint64_t>(life.failures + fresh.failed, enough));
  if (!life.off && fresh.failed != 0 && life.failures >= enough) {
    life.off = true;
    life.off_ms = now.boot_ms;
    if (settle(life, now)) {
      add_event(life, false, off_text(life));
    }
  } else if (life.off && now.boot_ms >= life.off_ms + life.passive.retry_ms) {
    life.off = false;
    life.failures = enough - 1;  // on trial: one more failure is enough
    if (settle(life, now)) {
      add_event(life, true,
                fmt::format("live traffic tries it again after {}", model::duration_text(life.passive.retry_ms)));
    }
  }
}

std::string BackendLife::off_text(const Life& life) {
  return fmt::format("live traffic: {} connections in a row refused or unanswered; tried again after {}",
                     life.passive.failures, model::duration_text(life.passive.retry_ms));
}

BackendLife::Shown BackendLife::shown(const std::string& backend) const {
  const auto found = lives_.find(backend);
  if (found == lives_.end()) {
    return {};
  }
  const Life& life = found->second;
  return {life.since_ms, life.word.until_ms, life.off ? off_text(life) : monitors_.why(backend)};
}

}  // namespace limpet::control
