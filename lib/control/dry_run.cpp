#include "control/dry_run.hpp"

namespace limpet::control {

Mover::Mover(const plan::Plan& before, const plan::Plan& after)
    : after_(after), uses_before_(uses_of(before)), uses_after_(uses_of(after)) {}

std::map<std::uint32_t, Mover::Use> Mover::uses_of(const plan::Plan& plan) {
  std::map<std::uint32_t, Use> uses;
  for (const auto& service : plan.services) {
    service.each_branch([&](std::uint32_t pool, const auto& profiles) {
      for (const auto& persist : profiles) {
        Use& use = uses[persist.scope];
        use.type = persist.type;
        use.prefix4 = persist.prefix4;
        use.prefix6 = persist.prefix6;
        use.reach = persist.reach;
        use.pools.insert(plan.pools[pool].name);
      }
    });
  }
  return uses;
}

std::optional<path::Reason> Mover::judge(const record::Key& key, const record::Record& record) const {
  const std::uint32_t scope = record::scope_of(key);
  const auto before = uses_before_.find(scope);
  if (before == uses_before_.end()) {
    return std::nullopt;  // nothing looks for it any more
  }
  const auto after = uses_after_.find(scope);
  const bool v4 = (key.scope & record::scope_v4) != 0;
  if (after == uses_after_.end() || !after->second.finds_keys_of(before->second, v4)) {
    return path::Reason::model_changed;  // the record is found no more
  }
  if (after_.backend(record.backend) == nullptr) {
    return path::Reason::backend_removed;
  }
  const std::string& pool = after_.pools[after_.backend_of_slot[record.backend.value()].pool].name;
  if (after->second.reach != model::Scope::global && !after->second.pools.contains(pool)) {
    return path::Reason::model_changed;
  }
  return std::nullopt;
}

}  // namespace limpet::control
