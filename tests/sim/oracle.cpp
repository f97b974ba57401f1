#include "oracle.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "record/table.hpp"

namespace limpet::sim {
namespace {

std::string own_name(const std::string& backend) {
  return backend.substr(backend.find('/') + 1);
}

std::string scope_of(const model::Model& model, const std::string& service) {
  const model::Service& declared = model.services.at(service);
  const std::string& profile = declared.persist.front();
  switch (model.profiles.at(profile).scope) {
    case model::Scope::service:
      return profile + " of service " + service;
    case model::Scope::pool:
      return profile + " of pool " + declared.pool;
    default:
      return profile;
  }
}

}  // namespace

const model::Profile* Oracle::profile(const Stream& stream) const {
  const auto& persist = service(stream).persist;
  return persist.empty() ? nullptr : &model_.profiles.at(persist.front());
}

net::IpAddress Oracle::key_of(const Stream& stream) const {
  const model::Profile* rules = profile(stream);
  const bool v4 = stream.client.address.is_v4();
  return rules == nullptr ? stream.client.address : stream.client.address.masked(v4 ? rules->prefix4 : rules->prefix6);
}

Oracle::SessionId Oracle::id_of(const Stream& stream) const {
  return {scope_of(model_, stream.service), key_of(stream)};
}

const Oracle::Session* Oracle::session(const Stream& stream) const {
  if (profile(stream) == nullptr) {
    return nullptr;
  }
  const auto found = sessions_.find(id_of(stream));
  return found == sessions_.end() ? nullptr : &found->second;
}

const model::Backend* Oracle::declared(const std::string& name) const {
  const auto pool = model_.pools.find(name.substr(0, name.find('/')));
  if (pool == model_.pools.end()) {
    return nullptr;
  }
  const auto backend = pool->second.backends.find(own_name(name));
  return backend == pool->second.backends.end() ? nullptr : &backend->second;
}

Oracle::State Oracle::state_of(const std::string& name) const {
  const auto found = states_.find(name);
  return found == states_.end() ? State{} : found->second;
}

namespace {

bool has_family(const model::Backend& backend, const net::IpAddress& client) {
  return std::any_of(backend.addresses.begin(), backend.addresses.end(),
                     [&](const net::Endpoint& at) { return at.address.family() == client.family(); });
}

}  // namespace

/// Who may take a session that nothing binds.
Names Oracle::candidates(const Stream& stream) const {
  Names names;
  const std::string& pool = service(stream).pool;
  for (const auto& [own, backend] : model_.pools.at(pool).backends) {
    const State state = state_of(pool + "/" + own);
    if (state.up && state.admin == model::AdminState::enabled && backend.weight != 0 &&
        has_family(backend, stream.client.address)) {
      names.insert(pool + "/" + own);
    }
  }
  return names;
}

Oracle::Hold Oracle::hold(const Stream& stream, const std::string& backend, bool of_flow) const {
  const model::Profile* rules = profile(stream);
  const std::string here = service(stream).pool + "/" + own_name(backend);
  const bool named_alike = rules != nullptr && rules->scope == model::Scope::global && declared(here) != nullptr;
  if (declared(backend) == nullptr) {
    return {Verdict::leave, Reason::backend_removed, "", false};
  }
  if (backend != here && !named_alike) {
    return {Verdict::leave, Reason::model_changed, "", true};
  }
  const State state = state_of(here);
  if (state.admin == model::AdminState::offline) {
    return {Verdict::leave, Reason::backend_offline, here, false};
  }
  if (!state.up) {
    const bool reselects = of_flow || rules == nullptr || rules->on_down == model::OnDown::reselect;
    return {reselects ? Verdict::leave : Verdict::refuse, Reason::backend_down, here, false};
  }
  if (state.admin == model::AdminState::drain && rules != nullptr && rules->on_drain == model::OnDrain::expire) {
    return {Verdict::leave, Reason::drain_expired, here, false};
  }
  if (!of_flow && !has_family(*declared(here), stream.client.address)) {
    return {Verdict::leave, Reason::model_changed, here, false};
  }
  return {Verdict::stay, Reason::violation, here, false};
}

bool Oracle::is_idle(const Session& session, const Stream& stream, std::uint32_t now_s) const {
  return now_s - session.used_s > profile(stream)->idle_timeout_ms / 1000;
}

bool Oracle::is_sure(const Session& session, const Stream& stream, std::uint32_t now_s) const {
  const bool lasts = session.shown || (!forgets_new_ && now_s - session.made_s <= record::provisional_life_s);
  const std::uint64_t life_s = profile(stream)->max_life_ms / 1000;
  const bool young = life_s == 0 || now_s - session.made_s <= life_s;
  return session.sure && lasts && young && !forgets_all_ && !is_idle(session, stream, now_s);
}

std::string Oracle::describe(const Stream& stream) const {
  const Session* known = session(stream);
  return known == nullptr
             ? "no session"
             : fmt::format("{} {{{}}}{}{} made {} used {}", key_of(stream).text(), fmt::join(known->at, ", "),
                           known->sure ? "" : " perhaps", known->shown ? " shown" : "", known->made_s, known->used_s);
}

bool Oracle::may_reset(const Stream& stream) const {
  const model::Profile* rules = profile(stream);
  return rules != nullptr && rules->on_down == model::OnDown::reset;
}

Oracle::Decision Oracle::decide(const Stream& stream, std::uint32_t now_s) const {
  Decision decision;
  const Names free = candidates(stream);
  const auto by_algorithm = [&] {
    decision.to.insert(free.begin(), free.end());
    decision.drop = decision.drop || free.empty();
  };
  const Session* known = session(stream);
  const bool sure = known != nullptr && is_sure(*known, stream, now_s);
  if (!sure) {
    by_algorithm();
  }
  if (known == nullptr) {
    return decision;
  }
  decision.from = known->at;
  if (!sure) {
    decision.reasons.insert({Reason::idle_timeout, Reason::max_life});
  }
  if (is_idle(*known, stream, now_s)) {
    return decision;
  }
  bool stays = false;
  for (const std::string& backend : known->at) {
    const Hold held = hold(stream, backend, false);
    stays = stays || held.verdict == Verdict::stay;
    decision.drop = decision.drop || held.verdict == Verdict::refuse;
    decision.unclaimed = decision.unclaimed || (held.stranger && profile(stream)->scope == model::Scope::global);
    if (held.verdict == Verdict::stay) {
      decision.to.insert(held.backend);
    } else if (held.verdict == Verdict::leave) {
      decision.reasons.insert(held.reason);
      by_algorithm();
    }
  }
  decision.moves = sure && !stays && !decision.unclaimed && known->at.size() == 1;
  return decision;
}

void Oracle::apply(const model::Model& model, Millis now_ms) {
  const model::Model before = std::exchange(model_, model);
  end_lost_records(before, static_cast<std::uint32_t>(now_ms / 1000));
  for (auto& [stream, flow] : flows_) {
    flow.sure = flow.sure && declared(flow.backend) != nullptr && has_way_back(flow.backend);
  }
}

/// Records that the sweep may have ended by the rules that hold no more, or whose profile is in use no more.
void Oracle::end_lost_records(const model::Model& before, std::uint32_t now_s) {
  std::map<std::string, std::uint64_t> timeouts_before, timeouts;
  for (const auto& [model, into] :
       {std::pair(&before, &timeouts_before), std::pair(&std::as_const(model_), &timeouts)}) {
    for (const auto& [name, service] : model->services) {
      if (!service.persist.empty()) {
        (*into)[scope_of(*model, name)] = model->profiles.at(service.persist.front()).idle_timeout_ms / 1000;
      }
    }
  }
  for (auto& [id, session] : sessions_) {
    const std::uint32_t age_s = now_s - session.used_s;
    const auto limit = timeouts_before.find(id.first);
    const bool was_idle = limit != timeouts_before.end() && age_s > limit->second;
    session.sure = session.sure && !was_idle && timeouts.contains(id.first);
  }
}

}  // namespace limpet::sim
