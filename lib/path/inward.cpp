#include "path/inward.hpp"

#include "path/admit.hpp"
#include "path/commit.hpp"
#include "path/delay.hpp"
#include "path/entries.hpp"
#include "path/flows.hpp"
#include "path/introduce.hpp"
#include "path/leave.hpp"
#include "path/records.hpp"
#include "path/remember.hpp"
#include "path/reset.hpp"

namespace limpet::path {
namespace {

using counters::Counter;
namespace tcp = net::tcp_flag;

class Inward {
 public:
  Inward(State& state, const plan::Plan& plan, Millis now_ms) noexcept
      : state_(state), plan_(plan), now_ms_(now_ms), flows_(state, plan, now_ms), records_(state, plan, now_ms) {}

  void operator()(Packet& packet, const net::Parsed& parsed, Item& item) noexcept {
    const Connection c{parsed.source, parsed.destination, parsed.source_port, parsed.destination_port};
    item.listener->splices ? bind_delayed(c, packet, parsed, item) : bind_at_once(c, packet, parsed, item);
    if (item.verdict == Verdict::undecided) {
      leave_for_backend(state_, plan_, packet, parsed, item);
    }
  }

 private:
  void bind_at_once(const Connection& c, Packet& packet, const net::Parsed& parsed, Item& item) noexcept {
    Previous previous;
    if (!follow(c, packet, parsed, item, previous)) {
      begin({plan_, *item.listener, tuple_of(*item.listener, c), records_.now_s()}, c, packet, parsed, item, previous);
    }
  }

  /// Of a connection whose client's handshake is, or may have been, Limpet's.
  void bind_delayed(const Connection& c, Packet& packet, const net::Parsed& parsed, Item& item) noexcept {
    Delay delay(state_, plan_, flows_, now_ms_);
    const Stand stand = delay.stand(c, packet, parsed, item);
    if (stand == Stand::begins) {
      begin({.plan = plan_,
             .listener = *item.listener,
             .tuple = tuple_of(*item.listener, c),
             .now_s = records_.now_s(),
             .payload = &delay.payload(),
             .found = &delay.found(),
             .tried = delay.tried(),
             .decided_before = delay.decided_before()},
            c, packet, parsed, item, {});
      return delay.chosen(c, packet, parsed, item, record_);
    }
    Previous previous;
    if (stand == Stand::ended) {
      return;
    }
    if (!follow(c, packet, parsed, item, previous)) {
      return bind_without_flow(c, packet, parsed, item);
    }
    if (item.verdict == Verdict::undecided && !delay.conflicts(c, packet, parsed, item)) {
      delay.edit_inward(c, packet, parsed, item);
    }
  }

  /// Its flow has ended just now, or its listener no longer completes handshakes.
  void bind_without_flow(const Connection& c, Packet& packet, const net::Parsed& parsed, Item& item) noexcept {
    if (state_.burst.source.origin == Origin::self && opens_connection(parsed)) {
      return item.drop(Counter::drop_consumed);  // Limpet's own SYN: what it was for is found another backend later
    }
    item.listener->delays ? reset_sender(state_, plan_, packet, parsed, item, Counter::drop_flow_reset)
                          : bind_at_once(c, packet, parsed, item);
  }

  /// The packet of a known flow goes where its flow goes. False: no such flow, or it has just ended.
  bool follow(const Connection& c, Packet& packet, const net::Parsed& parsed, Item& item, Previous& previous) noexcept {
    const bool known = with_forward_key(*item.listener, c,
                                        [&](const auto& key) { return follow(key, packet, parsed, item, previous); });
    // A narrow listener's flow whose client port was rewritten has a wide entry.
    return known || (item.listener->narrow && follow(wide_forward(*item.listener, c), packet, parsed, item, previous));
  }

  /// Why a known flow may not go on as it is. Live TCP connections stay with their backend whatever its state.
  template <class Key>
  std::optional<Reason> must_end(const Key& key, const flow::Entry<Key>& entry, const net::Parsed& parsed,
                                 const plan::Listener& listener) noexcept {
    if (flows_.is_idle(listener, key, entry)) {
      return Reason::idle_timeout;
    }
    if (flows_.backend_of(entry.peer()) == nullptr) {
      return Reason::backend_removed;
    }
    const bool fresh = is_tcp(listener) && opens_connection(parsed);
    if (fresh && entry.state() == flow::State::closing) {
      return Reason::idle_timeout;
    }
    const bool look_closer = entry.state() == flow::State::embryonic || entry.used() != flows_.tick();
    if (look_closer && is_nat(plan_, listener)) {
      if (const auto reason = lacks_way_back(connection_of(listener, key), entry, listener)) {
        return reason;
      }
    }
    if (is_tcp(listener) && !fresh) {
      return std::nullopt;
    }
    const Connection c = connection_of(listener, key);
    const plan::Service& service = plan_.service_of(listener);
    const BackendSlot slot(entry.peer());
    const auto reason = must_leave(plan_, listener.splices ? plan_.pool_having(service, slot) : plan_.pool_of(service),
                                   slot, state_.node.backends, records_.rule(listener, c));
    if (!reason && look_closer && !is_tcp(listener) && records_.is_bound_elsewhere(listener, c, entry.peer())) {
      return Reason::record_evicted;
    }
    return reason;
  }

  /// Resets to both sides of the connection of a client's packet, and the flow's end.
  template <class Key>
  void reset_from_client(const Key& key, std::uint64_t hash, flow::Entry<Key>& entry, Packet& packet,
                         const net::Parsed& parsed, Item& item, Counter otherwise) noexcept {
    const plan::Backend& backend = *flows_.backend_of(entry.peer());
    const net::Endpoint seen = seen_of(entry);
    if (is_nat(plan_, *item.listener) && is_tcp(*item.listener)) {
      const net::Endpoint from{seen.address.is_none() ? parsed.source : seen.address,
                               seen.l4_port != 0 ? seen.l4_port : parsed.source_port};
      net::Endpoint to = backend.endpoint(from.address.family());
      to.l4_port = to.l4_port != 0 ? to.l4_port : parsed.destination_port;
      reset_receiver(state_, plan_, packet, parsed, from, to);
    }
    flows_.end(*item.listener, key, hash, entry);
    reset_sender(state_, plan_, packet, parsed, item, otherwise);
  }

  /// Why answers of this flow would not find their way: another plan knows its backend by no address that a service
  /// has, or the entry of the way back was put out. A new flow then takes its place. Flows that are live are looked
  /// at once a second.
  template <class Entry>
  std::optional<Reason> lacks_way_back(const Connection& c, const Entry& entry,
                                       const plan::Listener& listener) noexcept {
    const plan::Backend& backend = *flows_.backend_of(entry.peer());
    const net::Endpoint seen = seen_of(entry);
    if (endpoint_of(plan_, listener, backend, c, seen) == nullptr ||
        (listener.local && !plan_.fronts.is_local(seen.address))) {
      return Reason::model_changed;
    }
    const bool there = flows_.with_back(listener, backend, c, seen, [](auto&) {});
    return there ? std::nullopt : std::optional(Reason::not_remembered);
  }

  template <class Key>
  bool follow(const Key& key, Packet& packet, const net::Parsed& parsed, Item& item, Previous& previous) noexcept {
    const std::uint64_t hash = state_.flows.hash(key);
    flow::Entry<Key>* entry = state_.flows.find(key, hash);
    if (entry == nullptr) {
      return false;
    }
    if (const auto reason = must_end(key, *entry, parsed, *item.listener)) {
      previous = {BackendSlot(entry->peer()), *reason, (entry->flags() & flow::flag::counted) != 0};
      flows_.end(*item.listener, key, hash, *entry);
      return false;
    }
    state_.counters.add(Counter::flow_hit);
    item.backend = flows_.backend_of(entry->peer());
    if (is_tcp(*item.listener) && flows_.must_reset(*item.listener, *item.backend)) {
      reset_from_client(key, hash, *entry, packet, parsed, item, Counter::drop_flow_reset);
      return true;
    }
    item.client = seen_of(*entry);
    if (entry->used() != flows_.tick()) {
      entry->touch(flows_.tick());
      records_.refresh(*item.listener, connection_of(*item.listener, key));
    }
    if (!tell_of_client(key, *entry, packet, parsed, item)) {
      return true;
    }
    if (is_tcp(*item.listener)) {
      note_tcp(key, hash, *entry, packet, parsed, item);
    } else if (entry->state() == flow::State::embryonic) {
      show_address(key, hash, *entry, packet, parsed, item);
    }
    return true;
  }

  /// False: the packet ends here.
  template <class Key>
  bool tell_of_client(const Key& key, flow::Entry<Key>& entry, Packet& packet, const net::Parsed& parsed,
                      Item& item) noexcept {
    if constexpr (std::is_same_v<Key, flow::WideKey>) {
      if (introduces(plan_, *item.listener)) {
        introduce(plan_, flows_, connection_of(*item.listener, key), entry, packet, parsed, item);
      }
    }
    return item.verdict == Verdict::undecided;
  }

  template <class Key>
  void note_tcp(const Key& key, std::uint64_t hash, flow::Entry<Key>& entry, Packet& packet, const net::Parsed& parsed,
                Item& item) noexcept {
    if (entry.state() == flow::State::embryonic && (parsed.tcp_flags & (tcp::syn | tcp::rst)) == 0) {
      show_address(key, hash, entry, packet, parsed, item);
    }
    if ((parsed.tcp_flags & (tcp::fin | tcp::rst)) != 0) {
      const bool last = (parsed.tcp_flags & tcp::rst) != 0 || !is_nat(plan_, *item.listener);  // dr: all we shall see
      const auto mark = [&](auto& e) { flows_.mark_end(e, flow::flag::client_fin, last); };
      if (auto* now = state_.flows.find(key, hash)) {  // it may just have become lasting
        mark(*now);
        flows_.leave_if_closing(*item.listener, connection_of(*item.listener, key), *now);
      }
      flows_.with_back(*item.listener, *item.backend, connection_of(*item.listener, key), item.client, mark);
    }
  }

  /// The client has shown that its address is its own (a packet after the backend's answer, where answers pass
  /// here): the flow and its record become lasting.
  template <class Key>
  void show_address(const Key& key, std::uint64_t hash, flow::Entry<Key>& entry, Packet& packet,
                    const net::Parsed& parsed, Item& item) noexcept {
    const plan::Listener& listener = *item.listener;
    if (is_nat(plan_, listener) && (entry.flags() & flow::flag::answered) == 0) {
      return;
    }
    const Connection c = connection_of(listener, key);
    const plan::Gate* const gate = plan_.service_of(listener).gate.get();
    const Place place = gate == nullptr ? Place::unasked : take_place(state_, {plan_, *gate, c.client});
    if (place == Place::none) {
      return reset_from_client(key, hash, entry, packet, parsed, item, Counter::drop_limit_connections);
    }
    const std::uint8_t before = entry.flags();
    const bool recorded = records_.confirm(listener, c, item.backend->slot);
    entry.set_flags(before | flow::flag::counted | (recorded ? flow::flag::recorded : std::uint8_t{0}) |
                    (place == Place::taken ? flow::flag::limited : std::uint8_t{0}));
    // The way back first: whatever is live forward has one.
    auto* const lasting =
        promote_back(state_, plan_, listener, *item.backend, c, item.client) ? promote(state_, key, hash) : nullptr;
    if (lasting == nullptr) {
      if (place == Place::taken) {
        leave_place(state_, *gate, c.client);
      }
      entry.set_flags(before);
      state_.counters.add(Counter::flow_not_remembered);
      return;
    }
    flows_.mark_end(*lasting, 0, false);  // both sides may have said their last already
    flows_.leave_if_closing(listener, c, *lasting);
    plan::BackendUse& use = state_.uses[item.backend->slot.value()];
    add_relaxed(use.connecting, -1);
    add_relaxed(use.flows, 1);
    add_relaxed(use.flows_alone, recorded ? 0 : 1);
    records_.count_live(listener, c, true);
  }

  /// A flow that Limpet itself has ended goes on elsewhere: nobody has come who could be refused. Of one that had to
  /// make room before it was live, nothing is left that could go on.
  [[nodiscard]] static bool comes_anew(const net::Parsed& parsed, const Item& item, const Previous& previous) noexcept {
    const bool put_out = previous.reason == Reason::not_remembered && !previous.live;
    return !previous.backend.valid() || previous.reason == Reason::idle_timeout || put_out ||
           (is_tcp(*item.listener) && opens_connection(parsed));
  }

  void begin(const Question& question, const Connection& c, Packet& packet, const net::Parsed& parsed, Item& item,
             const Previous& previous) noexcept {
    const plan::Gate* const gate = plan_.service_of(*item.listener).gate.get();
    if (gate != nullptr && !question.decided_before && comes_anew(parsed, item, previous)) {
      if (const auto admission = admit(state_, {plan_, *gate, c.client}, now_ms_); admission != Admission::admitted) {
        return item.drop(drop_of(admission));
      }
    }
    const Decision decision = decide(question, {state_.node.records, state_.loads(), &state_.key_loads});
    if (decision.backend == nullptr) {
      return refuse(decision.refusal, packet, parsed, item);
    }
    item.backend = commit(state_, question, decision, previous, now_ms_);
    if (question.payload != nullptr && decision.persist != nullptr) {
      record_ = state_.node.records.place_of(decision.key, decision.key_hash);
    }
    if (is_tcp(*item.listener) && !opens_connection(parsed) && question.payload == nullptr) {
      state_.counters.add(Counter::flow_midstream);
    }
    const auto seen = remember(state_, plan_, *item.listener, *item.backend, c, flows_.tick());
    if (!seen) {
      return item.drop(item.listener->local ? Counter::drop_no_local_port : Counter::drop_no_client_port);
    }
    item.client = *seen;
    state_.counters.add(Counter::flow_new);
    add_relaxed(state_.uses[item.backend->slot.value()].flows_total, 1);
    if (introduces(plan_, *item.listener) && question.payload == nullptr) {
      const flow::WideKey key = wide_forward(*item.listener, c);
      if (auto* entry = state_.flows.find(key, state_.flows.hash(key))) {
        tell_of_client(key, *entry, packet, parsed, item);
      }
    }
  }

  void refuse(Refusal refusal, Packet& packet, const net::Parsed& parsed, Item& item) noexcept {
    switch (refusal) {
      case Refusal::reset:
        return reset_sender(state_, plan_, packet, parsed, item, Counter::drop_backend_reset);
      case Refusal::no_record:
        return reset_sender(state_, plan_, packet, parsed, item, Counter::drop_no_record);
      case Refusal::hold:
        return item.drop(Counter::drop_backend_held);
      case Refusal::no_backend:
      case Refusal::none:
        return item.drop(Counter::drop_no_backend);
    }
  }

  State& state_;
  const plan::Plan& plan_;
  Millis now_ms_;
  Flows flows_;
  Records records_;
  std::uint32_t record_ = record::Table::nowhere;  // of the session that a delayed connection was chosen for
};

}  // namespace

void bind_inward(State& state, const plan::Plan& plan, Millis now_ms, Packet& packet, const net::Parsed& parsed,
                 Item& item) noexcept {
  Inward(state, plan, now_ms)(packet, parsed, item);
}

}  // namespace limpet::path
