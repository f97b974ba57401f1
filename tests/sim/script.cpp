#include "script.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace limpet::sim {

using model::AdminState;

std::string Script::change() {
  switch (below(random_, 8)) {
    case 0:
    case 1:
      return change_pool();
    case 2:
      return change_profile();
    case 3:
      return change_service();
    default:
      return change_state();
  }
}

std::string Script::some_backend() {
  const std::string pool = one_of(random_, services);
  return pool + "/" + one_of(random_, model_.pools.at(pool).backends).first;
}

void Script::push_state(const std::string& name) {
  const Oracle::State& state = oracle_.state(name);
  node_->backend(name).health = state.up ? plan::Health::up : plan::Health::down;
  node_->backend(name).admin = state.drained                        ? plan::Admin::drained
                               : state.admin == AdminState::enabled ? plan::Admin::enabled
                               : state.admin == AdminState::drain   ? plan::Admin::drain
                                                                    : plan::Admin::offline;
}

std::string Script::change_state() {
  const std::string name = some_backend();
  Oracle::State& state = oracle_.state(name);
  std::string what;
  switch (below(random_, 10)) {
    case 0:
    case 1:
      state.up = false;
      what = "down";
      break;
    case 2:
      state.admin = AdminState::offline;
      state.drained = false;
      what = "offline";
      break;
    case 3:
      state.admin = AdminState::drain;
      state.drained = once_in(random_, 2);
      what = state.drained ? "drained" : "drain";
      break;
    case 4:
      return start_slowly(name);
    default:
      state = {};
      what = "up, enabled";
  }
  push_state(name);
  return fmt::format("{} is {}", name, what);
}

/// What a slow start does: a part of its weight counts.
std::string Script::start_slowly(const std::string& name) {
  const auto slash = name.find('/');
  const std::uint32_t weight = model_.pools.at(name.substr(0, slash)).backends.at(name.substr(slash + 1)).weight;
  const std::uint32_t full = weight * plan::weight_one;
  node_->backend(name).weight = full == 0 ? 0 : 1 + below(random_, full);
  return fmt::format("{} starts slowly", name);
}

std::string Script::change_pool() {
  const std::string name = one_of(random_, services);
  if (once_in(random_, 6)) {
    model_.pools.at(name).algorithm = draw_algorithm(random_);
    return apply(fmt::format("{} has algorithm {}", name, static_cast<unsigned>(model_.pools.at(name).algorithm)));
  }
  auto& backends = model_.pools.at(name).backends;
  const unsigned number = 1 + below(random_, backends_max);
  const std::string own = fmt::format("b{}", number);
  const auto found = backends.find(own);
  if (found == backends.end()) {
    backends[own] = declare_backend(random_, name, number);
    return apply(fmt::format("add {}/{}", name, own));
  }
  if (once_in(random_, 2)) {
    found->second.weight = below(random_, 5);
    return apply(fmt::format("{}/{} has weight {}", name, own, found->second.weight));
  }
  if (backends.size() == 1) {
    return "";
  }
  backends.erase(found);
  return apply(fmt::format("remove {}/{}", name, own));
}

std::string Script::change_profile() {
  if (model_.profiles.empty()) {
    return "";
  }
  const std::string name = one_of(random_, model_.profiles).first;
  model::Profile& profile = model_.profiles.at(name);
  draw_profile(random_, profile);
  return apply(
      fmt::format("profile {}: type {}, prefixes {} and {}, idle {} ms, life {} ms, scope {}, on_down {}, "
                  "on_drain {}, on_return {}",
                  name, static_cast<unsigned>(profile.type), profile.prefix4, profile.prefix6, profile.idle_timeout_ms,
                  profile.max_life_ms, static_cast<unsigned>(profile.scope), static_cast<unsigned>(profile.on_down),
                  static_cast<unsigned>(profile.on_drain), static_cast<unsigned>(profile.on_return)));
}

std::string Script::change_service() {
  std::string& pool = model_.services.at("app").pool;
  pool = pool == "app" ? "web" : "app";
  return apply(fmt::format("app uses pool {}", pool));
}

std::string Script::apply(std::string what) {
  if (const auto applied = node_->apply(model_); !applied) {
    throw std::runtime_error(what + ": " + applied.error().text);
  }
  oracle_.apply(model_, node_->now_ms());
  for (const auto& [pool, declared] : model_.pools) {
    for (const auto& [own, backend] : declared.backends) {
      push_state(pool + "/" + own);
    }
  }
  return what;
}

}  // namespace limpet::sim
