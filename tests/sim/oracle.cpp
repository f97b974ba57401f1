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

/// The service's profile: the first that finds a key, each followed by its backups; empty: there is none.
std::string profile_of(const model::Model& model, const std::string& service) {
  for (const std::string& first : model.services.at(service).persist) {
    for (std::string name = first; !name.empty(); name = model.profiles.at(name).backup) {
      if (model.profiles.at(name).type != model::ProfileType::none) {
        return name;
      }
    }
  }
  return "";
}

std::string scope_of(const model::Model& model, const std::string& service) {
  const std::string profile = profile_of(model, service);
  switch (model.profiles.at(profile).scope) {
    case model::Scope::service:
      return profile + " of service " + service;
    case model::Scope::pool:
      return profile + " of pool " + model.services.at(service).pool;
    default:
      return profile;
  }
}

net::IpAddress prefix_of(const net::IpAddress& address, const model::Profile& profile) {
  return address.masked(address.is_v4() ? profile.prefix4 : profile.prefix6);
}

}  // namespace

const model::Profile* Oracle::profile(const Stream& stream) const {
  const std::string name = profile_of(model_, stream.service);
  return name.empty() ? nullptr : &model_.profiles.at(name);
}

net::IpAddress Oracle::client_part(const Stream& stream) const {
  const model::Profile* rules = profile(stream);
  return rules == nullptr ? stream.client.address : prefix_of(stream.client.address, *rules);
}

std::string Oracle::key_of(const Stream& stream) const {
  const model::Profile& rules = *profile(stream);
  const std::string client = client_part(stream).text();
  const std::string vip = prefix_of(stream.vip.address, rules).text();
  switch (rules.type) {
    case model::ProfileType::source_ip_port:
      return fmt::format("{} port {} {}", client, stream.client.l4_port, is_tcp(stream) ? "tcp" : "udp");
    case model::ProfileType::destination_ip:
      return vip;
    case model::ProfileType::source_destination:
      return client + " > " + vip;
    case model::ProfileType::five_tuple:
      return stream.client.text() + " > " + stream.vip.text() + (is_tcp(stream) ? " tcp" : " udp");
    default:
      return client;
  }
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
  if (state.drained) {
    return {Verdict::leave, Reason::drain_expired, here, false};
  }
  if (!state.up) {
    const bool reselects = of_flow || rules == nullptr || rules->on_down == model::OnDown::reselect;
    return {reselects ? Verdict::leave : Verdict::refuse, Reason::backend_down, here, false};
  }
  if (state.admin == model::AdminState::drain && rules != nullptr && rules->on_drain == model::OnDrain::expire) {
    return {Verdict::leave, Reason::drain_expired, here, false};
  }
  if (!of_flow && !reaches(service(stream), *declared(here), stream.client.address.family())) {
    const bool global = rules != nullptr && rules->scope == model::Scope::global;
    return {Verdict::leave, Reason::model_changed, here, global};
  }
  return {Verdict::stay, Reason::violation, here, false};
}

bool Oracle::is_idle(const Session& session, const model::Profile& rules, std::uint32_t now_s) {
  return now_s - session.used_s > rules.idle_timeout_ms / 1000;
}

bool Oracle::may_be_idle(const Session& session, const model::Profile& rules, std::uint32_t now_s) {
  return now_s - session.used_least_s > rules.idle_timeout_ms / 1000;
}

/// It may be, that is.
bool Oracle::is_old(const Session& session, const model::Profile& rules, std::uint32_t now_s) {
  return rules.max_life_ms != 0 && now_s - session.made_s > rules.max_life_ms / 1000;
}

bool Oracle::is_sure(const Session& session, const Stream& stream, std::uint32_t now_s) const {
  const bool lasts = session.shown || (!forgets_new_ && now_s - session.made_s <= record::provisional_life_s);
  const model::Profile& rules = *profile(stream);
  const bool kept = !forgets_all_ && !full_scopes_.contains(id_of(stream).first);
  return session.sure && lasts && kept && !is_old(session, rules, now_s) && !may_be_idle(session, rules, now_s);
}

std::string Oracle::describe(const Stream& stream) const {
  const Session* known = session(stream);
  return known == nullptr
             ? "no session"
             : fmt::format("{} {{{}}}{}{} made {} used {}, home {{{}}}{}", key_of(stream), fmt::join(known->at, ", "),
                           known->sure ? "" : " perhaps", known->shown ? " shown" : "", known->made_s, known->used_s,
                           fmt::join(known->homes, ", "), known->home_sure ? "" : " perhaps");
}

bool Oracle::may_reset(const Stream& stream) const {
  const model::Profile* rules = profile(stream);
  const auto& declared = service(stream);
  return (rules != nullptr && (rules->on_down == model::OnDown::reset || scope_may_be_full(stream))) ||
         declared.flows_on_down == model::LiveFlows::reset || declared.flows_on_drain_end == model::LiveFlows::reset;
}

Oracle::Decision Oracle::decide(const Stream& stream, std::uint32_t now_s) const {
  Decision decision;
  const Able free = candidates(stream, now_s);
  const auto by_algorithm = [&] {
    decision.to.insert(free.may.begin(), free.may.end());
    decision.drop = decision.drop || free.surely.empty();
  };
  const Session* known = session(stream);
  const bool sure = known != nullptr && is_sure(*known, stream, now_s) && !scope_may_be_full(stream);
  if (!sure) {
    by_algorithm();
    decision.drop = decision.drop || (scope_may_be_full(stream) && profile(stream)->on_full == model::OnFull::refuse);
  }
  if (known == nullptr) {
    return decision;
  }
  decision.from = known->at;
  if (!sure) {
    decision.reasons.insert({Reason::idle_timeout, Reason::max_life});
  }
  if (is_idle(*known, *profile(stream), now_s)) {
    return decision;
  }
  if (may_return(*known, stream, free, decision) && sure) {
    decision.moves = true;
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
      if (!profile(stream)->override_limits && may_be_full(held.backend, now_s)) {
        decision.reasons.insert(Reason::limit);
        by_algorithm();
      }
      if (may_be_heavy(stream, now_s)) {
        decision.reasons.insert(Reason::split);
        decision.to.insert(free.may.begin(), free.may.end());
        decision.splits = true;
      }
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
    // A flow's use is told seldom, and then to the record that its session has by that time.
    if (session(stream) != nullptr) {
      Session& told = sessions_[id_of(stream)];
      told.used_s = std::max(told.used_s, flow.forward_s);
    }
  }
}

void Oracle::restarted() {
  for (auto& [id, session] : sessions_) {
    session.sure = session.sure && session.shown;
  }
  for (auto& [stream, flow] : flows_) {
    flow.sure = flow.sure && flow.phase != Phase::opening && !flow.unclear;
  }
}

/// Records that the sweep may have ended by the rules that hold no more, or whose profile is in use no more.
void Oracle::end_lost_records(const model::Model& before, std::uint32_t now_s) {
  std::map<std::string, const model::Profile*> rules_before, rules;
  for (const auto& [model, into] : {std::pair(&before, &rules_before), std::pair(&std::as_const(model_), &rules)}) {
    for (const auto& [name, service] : model->services) {
      if (const std::string profile = profile_of(*model, name); !profile.empty()) {
        (*into)[scope_of(*model, name)] = &model->profiles.at(profile);
      }
    }
  }
  for (auto& [id, session] : sessions_) {
    const auto rule = rules_before.find(id.first);
    const bool was_over = rule != rules_before.end() &&
                          (may_be_idle(session, *rule->second, now_s) || is_old(session, *rule->second, now_s));
    // Live flows tell their records of their use as seldom as the time-out lets them: too seldom for a shorter one.
    const auto now = rules.find(id.first);
    const bool shorter = rule != rules_before.end() && now != rules.end() &&
                         now->second->idle_timeout_ms < rule->second->idle_timeout_ms;
    session.sure = session.sure && !was_over && !shorter && now != rules.end();
  }
}

}  // namespace limpet::sim
