// Persistence profiles as services use them.
#include "model/byte_class.hpp"
#include "plan/compiler.hpp"
#include "plan/own_token.hpp"

namespace limpet::plan {

/// What has been counted of a profile of the same name goes on.
void Compiler::add_profile_uses() {
  for (const auto& [name, profile] : model_.profiles) {
    auto& use = plan_->profile_uses[name];
    if (input_.previous != nullptr) {
      const auto before = input_.previous->profile_uses.find(name);
      use = before == input_.previous->profile_uses.end() ? nullptr : before->second;
    }
    if (use == nullptr || use->workers() != workers()) {
      use = std::make_shared<ProfileUse>(workers());
    }
  }
}

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

Reading Compiler::reading(const model::Profile& from) {
  Reading to{.part = from.part, .prefix_bytes = from.prefix_bytes, .trusted = from.trusted, .universal = {}};
  to.universal.max_bytes = from.max_bytes;
  const auto until = model::byte_class(from.until).value_or(model::ByteClass{});
  for (std::size_t byte = 0; byte < until.size(); ++byte) {
    if (until[byte]) {
      to.universal.until.add(static_cast<std::uint8_t>(byte));
    }
  }
  return to;
}

/// Each profile that looks for an expression gets its number, and so does each route.
Result<void> Compiler::add_expressions(Service& service, Routing* routing, std::vector<Expression> routes) {
  std::vector<Expression> list = std::move(routes);
  const auto add = [&](std::vector<Persist>& profiles) {
    for (Persist& persist : profiles) {
      if (persist.type == model::ProfileType::universal) {
        persist.reading.universal.after = static_cast<std::uint32_t>(list.size());
        list.push_back({fmt::format("profiles.{}.after", persist.profile),
                        {.id = persist.reading.universal.after,
                         .text = model_.profiles.at(persist.profile).after,
                         .open_ended = true}});
      }
    }
  };
  add(service.persist);
  for (Branch& branch : routing == nullptr ? std::span<Branch>{} : std::span(routing->branches)) {
    add(branch.persist);
  }
  if (list.empty()) {
    return {};
  }
  if (list.size() > expressions_max) {
    return fail("services.{}: {} regular expressions, expected at most {}", service.name, list.size(), expressions_max);
  }
  auto made = make_expressions(list, expressions_before_[service.name], memory_of_worker(0));
  if (!made) {
    return tl::unexpected(made.error());
  }
  service.expressions = std::move(*made);
  return {};
}

/// Of those that have a CPU of their own.
match::Memory Compiler::memory_of_worker(std::size_t worker) const noexcept {
  const std::vector<unsigned>& cpus = model_.limpetd.workers;
  return input_.workers == 0 && worker < cpus.size() ? match::near_cpu(cpus[worker]) : match::heap();
}

Result<void> Compiler::add_scratches() {
  std::vector<const match::Database*> databases;
  for (const Service& service : plan_->services) {
    if (service.expressions != nullptr) {
      databases.push_back(&service.expressions->database);
    }
  }
  std::vector<match::Memory> memories;
  for (std::size_t worker = 0; worker < workers(); ++worker) {
    memories.push_back(memory_of_worker(worker));
  }
  auto made = make_scratches(databases, memories);
  if (!made) {
    return tl::unexpected(made.error());
  }
  plan_->scratches = std::move(*made);
  return {};
}

/// Backends of the pool may be named by their addresses.
void Compiler::index_addresses(Pool& pool) {
  for (std::uint32_t i = 0; i < pool.backends.size(); ++i) {
    const net::Endpoint& endpoint = pool.backends[i].endpoint(Family::v4);
    if (!endpoint.address.is_none() && pool.by_v4.find(v4_word(endpoint)) == nullptr) {
      pool.by_v4.add(v4_word(endpoint), i);
    }
  }
}

Result<Persist> Compiler::persist(const std::string& service, const std::string& pool, const std::string& name,
                                  bool is_own) {
  const model::Profile& from = model_.profiles.at(name);
  const std::string scope =
      from.scope == model::Scope::service
          ? fmt::format("{} of service {}{}{}", name, service, is_own ? "" : " in pool ", is_own ? "" : pool)
      : from.scope == model::Scope::pool ? fmt::format("{} of pool {}", name, pool)
                                         : fmt::format("{} of all", name);
  auto number = slot(slots_.scopes, "profile", scope);
  if (!number) {
    return tl::unexpected(number.error());
  }
  Persist to;
  to.profile = name;
  to.use = plan_->profile_uses.at(name);
  to.type = from.type;
  to.name = from.name;
  to.reading = reading(from);
  to.by = from.by;
  to.delimiter = from.delimiter;
  to.learns = from.learn && from.by == model::By::record &&
              (from.type == model::ProfileType::cookie || from.type == model::ProfileType::header || to.only_learns());
  to.closes_on_conflict = from.close_on_conflict;
  if (model::by_own_token(from.by)) {
    to.own = own_token(from, input_.secret, scope, plan_->cookie_epoch);
  }
  to.pool = pool_index_.at(pool);
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

/// The service's profiles as it uses them in one of its pools: its own, or that of a branch.
Result<std::vector<Persist>> Compiler::profiles(Service& service, const model::Service& from, const std::string& pool,
                                                std::uint32_t branch) {
  std::vector<Persist> list;
  for (const std::string& profile : chain(from)) {
    auto made = persist(service.name, pool, profile, branch == Rule::own);
    if (!made) {
      return tl::unexpected(made.error());
    }
    const ScopeUse use{static_cast<std::uint32_t>(plan_->services.size()), branch,
                       static_cast<std::uint32_t>(list.size())};
    place_at(plan_->scopes, made->scope, use, ScopeUse{});
    service.record_passes = std::min(service.record_passes, passes(made->idle_timeout_s));
    service.reads_content = service.reads_content || model::is_content(made->type);
    service.reads_requests = service.reads_requests || made->closes_on_conflict;
    const bool learns_of_heads = made->learns && !made->only_learns();
    service.reads_replies = service.reads_replies || learns_of_heads || made->by == model::By::rewrite;
    service.reads_hellos = service.reads_hellos || (made->learns && made->only_learns());
    if (made->by == model::By::insert) {
      service.reply_room = static_cast<std::uint16_t>(made->own->line.size());
    }
    service.splits = service.splits || made->heavy_key == model::HeavyKey::split;
    if (made->type == model::ProfileType::rdp_msts) {
      index_addresses(plan_->pools[made->pool]);
    }
    list.push_back(std::move(*made));
  }
  return list;
}

}  // namespace limpet::plan
