// Persistence profiles as services use them.
#include "plan/compiler.hpp"

namespace limpet::plan {

/// The service's profiles in order, each followed by its backups.
std::vector<std::string> Compiler::chain(const model::Service& service) const {
  std::vector<std::string> names;
  for (const std::string& first : service.persist) {
    for (std::string name = first; !name.empty(); name = model_.profiles.at(name).backup) {
      if (std::find(names.begin(), names.end(), name) == names.end()) {
        names.push_back(name);
      }
    }
  }
  return names;
}

Result<Persist> Compiler::persist(const std::string& service, const std::string& pool, const std::string& name) {
  const model::Profile& from = model_.profiles.at(name);
  const std::string scope = from.scope == model::Scope::service ? fmt::format("{} of service {}", name, service)
                            : from.scope == model::Scope::pool  ? fmt::format("{} of pool {}", name, pool)
                                                                : fmt::format("{} of all", name);
  auto number = slot(slots_.scopes, "profile", scope);
  if (!number) {
    return tl::unexpected(number.error());
  }
  Persist to;
  to.profile = name;
  to.type = from.type;
  to.name = from.name;
  to.by = from.by;
  to.delimiter = from.delimiter;
  to.scope = *number;
  to.reach = from.scope;
  to.prefix4 = from.prefix4;
  to.prefix6 = from.prefix6;
  to.idle_timeout_s = static_cast<std::uint32_t>(seconds(from.idle_timeout_ms, 0x7fffffff));
  to.max_life_s = from.max_life_ms == 0 ? 0 : static_cast<std::uint32_t>(seconds(from.max_life_ms, 0x7fffffff));
  to.max_records = from.max_records;
  to.max_imbalance = from.max_imbalance;
  to.on_down = from.on_down;
  to.on_drain = from.on_drain;
  to.on_return = from.on_return;
  to.on_full = from.on_full;
  to.heavy_key = from.heavy_key;
  to.override_limits = from.override_limits;
  return to;
}

}  // namespace limpet::plan
