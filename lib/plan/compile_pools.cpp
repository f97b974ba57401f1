// Pools and backends.
#include "plan/compiler.hpp"
#include "plan/own_token.hpp"

namespace limpet::plan {

Result<Backend> Compiler::backend(const std::string& pool, const std::string& name, const model::Backend& from,
                                  const hash::Key& seed) {
  Backend to;
  to.name = pool + "/" + name;
  auto number = slot(slots_.backends, "backend", to.name);
  if (!number) {
    return tl::unexpected(number.error());
  }
  to.slot = BackendSlot(*number);
  to.name_hash = hash::keyed(seed, name);
  to.weight = from.weight;
  to.max_connections = from.max_connections;
  to.priority = from.priority;
  for (const net::Endpoint& endpoint : from.addresses) {
    const auto family = static_cast<std::size_t>(endpoint.address.family());
    to.endpoints[family] = endpoint;
    to.hops[family] = plan_->routes.find(endpoint.address);
  }
  return to;
}

/// Shared with the plan before where nothing that it is made of has changed.
std::shared_ptr<const hash::MaglevTable> Compiler::maglev_table(const Pool& pool) const {
  std::vector<hash::MaglevCandidate> candidates;
  for (const Backend& backend : pool.backends) {
    candidates.push_back({backend.name_hash, backend.weight});
  }
  if (input_.previous != nullptr) {
    for (const Pool& before : input_.previous->pools) {
      if (before.name == pool.name && before.maglev != nullptr && before.maglev->candidates() == candidates) {
        return before.maglev;
      }
    }
  }
  return std::make_shared<const hash::MaglevTable>(pool.seed, std::move(candidates));
}

Result<void> Compiler::add_pools() {
  for (const auto& [name, from] : model_.pools) {
    Pool pool;
    pool.name = name;
    pool.seed = hash::derive_key(input_.secret, "rendezvous " + name);
    pool.algorithm = from.algorithm;
    pool.min_active = from.min_active;
    for (const auto& [backend_name, declared] : from.backends) {
      auto made = backend(name, backend_name, declared, pool.seed);
      if (!made) {
        return tl::unexpected(made.error());
      }
      const BackendPlace place{static_cast<std::uint32_t>(plan_->pools.size()),
                               static_cast<std::uint32_t>(pool.backends.size())};
      place_at(plan_->backend_of_slot, made->slot.value(), place, BackendPlace{});
      plan_->express.add_backend(*made, static_cast<std::uint32_t>(plan_->pools.size()));
      pool.by_name.add(made->name_hash, static_cast<std::uint32_t>(pool.backends.size()));
      if (const std::uint64_t token = token_of(*made); pool.by_token.find(token) == nullptr) {
        pool.by_token.add(token, static_cast<std::uint32_t>(pool.backends.size()));
      }
      pool.backends.push_back(std::move(*made));
    }
    std::set<std::uint8_t> priorities;
    for (const Backend& made : pool.backends) {
      priorities.insert(made.priority);
    }
    pool.priorities.assign(priorities.begin(), priorities.end());
    if (pool.algorithm == model::Algorithm::maglev) {
      pool.maglev = maglev_table(pool);
    }
    pool_index_[name] = static_cast<std::uint32_t>(plan_->pools.size());
    plan_->pools.push_back(std::move(pool));
  }
  return {};
}

}  // namespace limpet::plan
