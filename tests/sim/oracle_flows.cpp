// The flows' half of the oracle: which packets go on with their flow, and what a flow does to its session's record.
#include <algorithm>
#include <array>
#include <iterator>

#include "oracle.hpp"

namespace limpet::sim {
namespace {

std::uint32_t seconds(std::uint64_t ms) {
  return static_cast<std::uint32_t>(ms / 1000);
}

}  // namespace

bool Oracle::in_time(const Stream& stream, const Flow& flow, bool surely, std::uint32_t now_s) const {
  const model::Timeouts& limits = service(stream).timeouts;
  const std::uint32_t lasting = seconds(is_tcp(stream) ? limits.established_ms : limits.udp_ms);
  const std::array by_phase = {seconds(limits.embryonic_ms), lasting, seconds(limits.closing_ms)};
  std::uint32_t limit = by_phase[static_cast<std::size_t>(flow.phase)];
  if (flow.unclear) {
    const auto [least, greatest] = std::minmax_element(by_phase.begin(), by_phase.end());
    limit = surely ? *least : *greatest;
  }
  return now_s - std::max(flow.forward_s, flow.back_s) <= limit;
}

/// Live TCP connections of this backend are reset, as their service says.
bool Oracle::resets(const Stream& stream, const std::string& backend) const {
  const State state = state_of(backend);
  constexpr auto reset = model::LiveFlows::reset;
  return is_tcp(stream) && ((service(stream).flows_on_down == reset && !state.up) ||
                            (service(stream).flows_on_drain_end == reset &&
                             (state.drained || state.admin == model::AdminState::offline)));
}

/// Some service has the backend's pool: else nobody knows whose its answers are.
bool Oracle::has_way_back(const std::string& backend) const {
  const std::string pool = backend.substr(0, backend.find('/'));
  return std::any_of(model_.services.begin(), model_.services.end(),
                     [&](const auto& entry) { return entry.second.pool == pool; });
}

/// UDP flows follow their record, at the latest a second later.
void Oracle::judge_udp(const Stream& stream, const Flow& flow, std::uint32_t now_s, Life& life) const {
  const Session* known = session(stream);
  if (known == nullptr || profile(stream)->heavy_key == model::HeavyKey::split) {
    return;
  }
  bool same = false, other = false;
  for (const std::string& backend : known->at) {
    const Hold held = hold(stream, backend, false);
    const std::string& stands_for = held.backend.empty() ? backend : held.backend;
    (stands_for == flow.backend || (held.stranger && held.backend.empty()) ? same : other) = true;
  }
  const bool looks = flow.forward_s != now_s || (flow.phase == Phase::opening && !flow.unclear);
  if (other) {
    life.must = false;
    life.may = life.may && (same || !looks || !is_sure(*known, stream, now_s));
  }
}

Oracle::Life Oracle::life(const Packet& packet, const Flow& flow, std::uint32_t now_s) const {
  const Stream& stream = packet.stream;
  Life life{in_time(stream, flow, false, now_s), false, false, {}};
  if (!in_time(stream, flow, true, now_s)) {
    life.ends.insert(Reason::idle_timeout);
  }
  if (declared(flow.backend) == nullptr) {
    life.ends.insert({Reason::backend_removed, Reason::idle_timeout});
    return {false, false, false, life.ends};
  }
  const bool forgotten = forgets_all_ || (forgets_new_ && (flow.phase == Phase::opening || flow.unclear));
  if (forgotten) {
    life.ends.insert(Reason::not_remembered);
  }
  life.must = flow.sure && !forgotten && in_time(stream, flow, true, now_s);
  if (passes_back(stream) && !has_way_back(flow.backend)) {
    life.must = false;
    life.ends.insert({Reason::model_changed, Reason::idle_timeout});
  }
  if (is_tcp(stream) && !packet.opens()) {
    life.reset = life.may && resets(stream, flow.backend);
    return life;
  }
  if (is_tcp(stream) && (flow.phase == Phase::closing || flow.unclear)) {
    life.may = life.may && flow.unclear;
    life.must = false;
    life.ends.insert(Reason::idle_timeout);
  }
  const Hold held = hold(stream, flow.backend, true);
  if (held.verdict != Verdict::stay) {
    life.ends.insert(held.reason);
    return {false, false, false, life.ends};
  }
  life.reset = life.may && resets(stream, flow.backend);
  if (!is_tcp(stream)) {
    judge_udp(stream, flow, now_s, life);
  }
  return life;
}

Allowed Oracle::allowed(const Packet& packet, Millis now_ms) const {
  const std::uint32_t now_s = seconds(now_ms);
  Allowed allowed;
  const auto flow = flows_.find(packet.stream);
  Life known;
  if (flow != flows_.end()) {
    known = life(packet, flow->second, now_s);
    if (known.may && !known.reset) {
      allowed.backends.insert(flow->second.backend);
    }
    allowed.drop = known.reset;
  }
  if (!known.must) {
    const Decision decision = decide(packet.stream, now_s);
    allowed.backends.insert(decision.to.begin(), decision.to.end());
    allowed.drop = allowed.drop || decision.drop;
  }
  return allowed;
}

std::optional<Leaving> Oracle::saw(const Packet& packet, const std::string& backend, Millis now_ms) {
  const std::uint32_t now_s = seconds(now_ms);
  const auto flow = flows_.find(packet.stream);
  const Life known = flow == flows_.end() ? Life{} : life(packet, flow->second, now_s);
  if (backend.empty()) {
    if (known.reset && known.must) {
      flows_.erase(flow);
    } else if (flow != flows_.end()) {
      flow->second.sure = false;
    }
    return std::nullopt;
  }
  if (known.must) {
    go_on(packet, flow->second, now_s);
    return std::nullopt;
  }
  const Decision decision = decide(packet.stream, now_s);
  Leaving leaving{client_part(packet.stream), packet.stream.service, decision.from, backend, decision.reasons, false};
  leaving.certain = decision.moves && !decision.from.contains(backend);
  if (flow != flows_.end()) {
    leaving.from.insert(flow->second.backend);
    leaving.reasons.insert(known.ends.begin(), known.ends.end());
  }
  if (known.may && !known.reset && backend == flow->second.backend) {
    const bool surely_on = !decision.to.contains(backend);
    leaving.certain = false;
    surely_on ? go_on(packet, flow->second, now_s) : go_on_or_begin(packet, flow->second, now_s);
    return surely_on ? std::nullopt : std::optional(leaving);
  }
  begin(packet, backend, decision, now_s);
  return leaving;
}

void Oracle::begin(const Packet& packet, const std::string& backend, const Decision& decision, std::uint32_t now_s) {
  const Stream& stream = packet.stream;
  Flow& flow = flows_[stream] = Flow{};
  flow.backend = backend;
  count_new(backend);
  flow.forward_s = now_s;
  flow.back_s = passes_back(stream) ? now_s : 0;
  if (profile(stream) == nullptr) {
    return;
  }
  note_full_scope(stream);
  Session& session = sessions_[id_of(stream)];
  const bool was_sure = !session.at.empty() && is_sure(session, stream, now_s);
  if (decision.unclaimed) {
    if (!was_sure || session.at.size() > 1 || decision.reasons.contains(Reason::backend_up)) {
      session.at.insert(backend);
      session.used_s = now_s;
    }
    return;
  }
  if (decision.splits) {  // the record stays where it is, unless there was none
    session.used_s = now_s;
    if (!was_sure || decision.reasons.size() > 1) {
      session.homes.insert(session.at.begin(), session.at.end());
      session.home_sure = session.home_sure && session.homes.empty();
      session.at.insert(backend);
      session.made_s = std::min(session.made_s, now_s);
    }
    return;
  }
  Names stays;
  std::copy_if(session.at.begin(), session.at.end(), std::inserter(stays, stays.end()),
               [&](const std::string& at) { return hold(stream, at, false).backend == backend; });
  if (stays.empty()) {
    note_home(session, stream, backend, decision, was_sure);
    session.made_s = now_s;
  } else if (!was_sure || session.at.size() > 1) {
    const Names held = held_names(session, stream);
    session.homes.insert(held.begin(), held.end());
    session.home_sure = session.homes.empty();
  }
  session.shown = session.shown && was_sure;
  const bool all_stay = stays.size() == session.at.size();
  session.at = std::move(stays);
  if (!was_sure || !all_stay) {
    session.at.insert(backend);
  }
  session.sure = true;
  session.used_s = session.used_least_s = now_s;
}

/// The flow went on, or a new one went the same way.
void Oracle::go_on_or_begin(const Packet& packet, Flow& flow, std::uint32_t now_s) {
  const Session* known = session(packet.stream);
  Session before = known == nullptr ? Session{} : *known;
  before.sure = known != nullptr && is_sure(before, packet.stream, now_s);
  go_on(packet, flow, now_s);
  count_new(flow.backend);
  flow.unclear = true;
  flow.phase = Phase::opening;
  flow.answered = false;
  if (profile(packet.stream) != nullptr) {
    Session& after = sessions_[id_of(packet.stream)];
    after = before;
    after.at.insert(flow.backend);
    after.used_s = now_s;
  }
}

void Oracle::go_on(const Packet& packet, Flow& flow, std::uint32_t now_s) {
  flow.sure = true;
  if (flow.forward_s != now_s) {  // once a second
    touch(packet.stream, flow, now_s);
  }
  flow.forward_s = now_s;
  if (!is_tcp(packet.stream) || (packet.tcp_flags & (net::tcp_flag::syn | net::tcp_flag::rst)) == 0) {
    show_if_answered(packet.stream, flow, now_s);
  }
  if (is_tcp(packet.stream) && packet.ends()) {
    flow.ends |= 1;
    mark_end(flow, packet.resets() || !passes_back(packet.stream));
  }
}

/// A packet after the answer shows the client's address. Of an unclear flow nobody knows what came before.
void Oracle::show_if_answered(const Stream& stream, Flow& flow, std::uint32_t now_s) {
  const bool shows = flow.phase == Phase::opening && (flow.answered || !passes_back(stream));
  if (shows) {
    flow.phase = flow.ends == 3 ? Phase::closing : Phase::open;
  }
  if (shows || flow.unclear) {
    show(stream, flow, now_s);
  }
}

void Oracle::mark_end(Flow& flow, bool last) {
  if (flow.phase != Phase::opening && (last || flow.ends == 3)) {
    flow.phase = Phase::closing;
  }
}

/// Live flows keep their record.
void Oracle::touch(const Stream& stream, const Flow& flow, std::uint32_t now_s) {
  if (profile(stream) == nullptr) {
    return;
  }
  if (const auto found = sessions_.find(id_of(stream)); found != sessions_.end()) {
    Session& session = found->second;
    session.sure = session.sure && !may_be_idle(session, *profile(stream), now_s);
    session.used_s = now_s;
    session.used_least_s = session.sure ? now_s : session.used_least_s;
  }
  if (forgets_new_) {  // a flow that stays half-open shows itself again and again
    Session& session = sessions_[id_of(stream)];
    session.used_s = now_s;
    if (!is_sure(session, stream, now_s)) {
      session.at.insert(flow.backend);
    }
  }
}

/// The client has shown its address: the session's record lasts, a new one is made where it had ended.
void Oracle::show(const Stream& stream, const Flow& flow, std::uint32_t now_s) {
  if (profile(stream) == nullptr) {
    return;
  }
  note_full_scope(stream);
  Session& session = sessions_[id_of(stream)];
  if (session.at.empty()) {
    session.used_least_s = now_s;
  }
  if (!is_sure(session, stream, now_s)) {  // it may be a new record, which has no home
    session.at.insert(flow.backend);
    session.home_sure = session.homes.empty();
  }
  session.used_s = now_s;
  session.sure = session.sure || !flow.unclear;
  session.shown = session.shown || !flow.unclear;
}

bool Oracle::knows(const Stream& stream, Millis now_ms) const {
  const auto flow = flows_.find(stream);
  const bool forgotten = forgets_all_ || (forgets_new_ && flow != flows_.end() && flow->second.phase == Phase::opening);
  return flow != flows_.end() && !forgotten && flow->second.sure && declared(flow->second.backend) != nullptr &&
         has_way_back(flow->second.backend) && !resets(stream, flow->second.backend) &&
         in_time(stream, flow->second, true, seconds(now_ms));
}

void Oracle::answered(const Packet& packet, Millis now_ms) {
  Flow& flow = flows_.at(packet.stream);
  flow.back_s = seconds(now_ms);
  flow.answered = true;
  if (is_tcp(packet.stream) && packet.ends()) {
    flow.ends |= 2;
    mark_end(flow, packet.resets());
  }
}

}  // namespace limpet::sim
