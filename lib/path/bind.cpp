#include "path/bind.hpp"

#include "path/commit.hpp"
#include "path/flows.hpp"
#include "path/records.hpp"
#include "path/remember.hpp"
#include "path/reset.hpp"

namespace limpet::path {
namespace {

using counters::Counter;
namespace tcp = net::tcp_flag;

class Binder {
 public:
  Binder(State& state, const plan::Plan& plan, Millis now_ms) noexcept
      : state_(state), plan_(plan), now_ms_(now_ms), flows_(state, plan, now_ms), records_(state, plan, now_ms) {}

  void in(Packet& packet, const net::Parsed& parsed, Item& item) noexcept {
    const Connection c{parsed.source, parsed.destination, parsed.source_port, parsed.destination_port};
    Previous previous;
    const bool known = with_forward_key(*item.listener, c,
                                        [&](const auto& key) { return follow(key, packet, parsed, item, previous); });
    // A narrow listener's flow whose client port was rewritten has a wide entry.
    if (!known && !(item.listener->narrow && follow(wide_forward(*item.listener, c), packet, parsed, item, previous))) {
      begin(c, packet, parsed, item, previous);
    }
    if (item.verdict == Verdict::undecided) {
      leave_for_backend(packet, parsed, item);
    }
  }

  void back(Packet& packet, const net::Parsed& parsed, Item& item) noexcept {
    const plan::EndpointEntry& endpoint = *item.endpoint;
    const net::IpAddress& client = parsed.destination;
    const bool known =
        (client.is_v4() && !endpoint.any_port &&
         answer(narrow_back(endpoint, client, parsed.destination_port), packet, parsed, item)) ||
        answer(wide_back(endpoint, client, parsed.destination_port, parsed.source_port), packet, parsed, item);
    if (!known && !guess(parsed, item)) {
      return unknown_answer(parsed, item);
    }
    if (item.verdict == Verdict::undecided && route(client, item)) {
      state_.counters.add(Counter::forwarded_back);
    }
  }

  /// Both loops of the look-up: keys hashed and buckets asked for before the first is read.
  void prefetch(const net::Parsed& parsed, const Item& item) const noexcept {
    if (item.way == Way::in) {
      const Connection c{parsed.source, parsed.destination, parsed.source_port, parsed.destination_port};
      with_forward_key(*item.listener, c, [&](const auto& key) { fetch(key); });
    } else if (parsed.destination.is_v4() && !item.endpoint->any_port) {
      fetch(narrow_back(*item.endpoint, parsed.destination, parsed.destination_port));
    } else {
      fetch(wide_back(*item.endpoint, parsed.destination, parsed.destination_port, parsed.source_port));
    }
  }

 private:
  template <class Key>
  void fetch(const Key& key) const noexcept {
    state_.flows.prefetch(key, state_.flows.hash(key));
  }

  static bool opens(const net::Parsed& parsed) noexcept {
    return (parsed.tcp_flags & (tcp::syn | tcp::ack)) == tcp::syn;
  }
  static bool is_tcp(const plan::Listener& listener) noexcept { return listener.listen.protocol == net::Protocol::tcp; }

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
    const bool fresh = is_tcp(listener) && opens(parsed);
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
    const auto reason = must_leave(plan_, plan_.pool_of(plan_.service_of(listener)), BackendSlot(entry.peer()),
                                   state_.node.backends, records_.rule(listener, c));
    if (!reason && look_closer && !is_tcp(listener) && records_.is_bound_elsewhere(listener, c, entry.peer())) {
      return Reason::record_evicted;
    }
    return reason;
  }

  /// A live TCP connection ends with its backend's health or drain, where its service says so.
  [[nodiscard]] bool must_reset(const plan::Listener& listener, const plan::Backend& backend) const noexcept {
    const plan::Service& service = plan_.service_of(listener);
    constexpr auto reset = model::LiveFlows::reset;
    if (!service.resets()) {
      return false;
    }
    const plan::BackendState& state = state_.node.backends[backend.slot];
    return (service.flows_on_down == reset && state.health.load(std::memory_order_relaxed) == plan::Health::down) ||
           (service.flows_on_drain_end == reset && state.admin.load(std::memory_order_relaxed) > plan::Admin::drain);
  }

  /// Resets to both sides of the connection of a client's packet, and the flow's end.
  template <class Key>
  void reset_from_client(const Key& key, std::uint64_t hash, flow::Entry<Key>& entry, Packet& packet,
                         const net::Parsed& parsed, Item& item) noexcept {
    const plan::Backend& backend = *flows_.backend_of(entry.peer());
    const std::uint16_t rewritten = entry.carried().translated_port;
    if (is_nat(plan_, *item.listener)) {
      net::Endpoint to = backend.endpoint(parsed.source.family());
      to.l4_port = to.l4_port != 0 ? to.l4_port : parsed.destination_port;
      reset_receiver(state_, plan_, packet, parsed, {parsed.source, rewritten != 0 ? rewritten : parsed.source_port},
                     to);
    }
    flows_.end(*item.listener, key, hash, entry);
    reset_sender(state_, plan_, packet, parsed, item, Counter::drop_flow_reset);
  }

  /// Why answers of this flow would not find their way: another plan knows its backend by no address that a service
  /// has, or the entry of the way back was put out. A new flow then takes its place. Flows that are live are looked
  /// at once a second.
  template <class Entry>
  std::optional<Reason> lacks_way_back(const Connection& c, const Entry& entry,
                                       const plan::Listener& listener) noexcept {
    const plan::Backend& backend = *flows_.backend_of(entry.peer());
    if (endpoint_of(plan_, listener, backend, c) == nullptr) {
      return Reason::model_changed;
    }
    const bool there = flows_.with_back(listener, backend, c, entry.carried().translated_port, [](auto&) {});
    return there ? std::nullopt : std::optional(Reason::not_remembered);
  }

  /// The packet of a known flow goes where its flow goes. False: no such flow, or it has just ended.
  template <class Key>
  bool follow(const Key& key, Packet& packet, const net::Parsed& parsed, Item& item, Previous& previous) noexcept {
    const std::uint64_t hash = state_.flows.hash(key);
    flow::Entry<Key>* entry = state_.flows.find(key, hash);
    if (entry == nullptr) {
      return false;
    }
    if (const auto reason = must_end(key, *entry, parsed, *item.listener)) {
      previous = {BackendSlot(entry->peer()), *reason};
      flows_.end(*item.listener, key, hash, *entry);
      return false;
    }
    state_.counters.add(Counter::flow_hit);
    item.backend = flows_.backend_of(entry->peer());
    if (is_tcp(*item.listener) && must_reset(*item.listener, *item.backend)) {
      reset_from_client(key, hash, *entry, packet, parsed, item);
      return true;
    }
    item.client_port = entry->carried().translated_port;
    if (entry->used() != flows_.tick()) {
      entry->touch(flows_.tick());
      records_.refresh(*item.listener, connection_of(*item.listener, key));
    }
    if (is_tcp(*item.listener)) {
      note_tcp(key, hash, *entry, parsed, item);
    } else if (entry->state() == flow::State::embryonic) {
      show_address(key, hash, *entry, item);
    }
    return true;
  }

  template <class Key>
  void note_tcp(const Key& key, std::uint64_t hash, flow::Entry<Key>& entry, const net::Parsed& parsed,
                Item& item) noexcept {
    if ((parsed.tcp_flags & (tcp::fin | tcp::rst)) != 0) {
      const bool last = (parsed.tcp_flags & tcp::rst) != 0 || !is_nat(plan_, *item.listener);  // dr: all we shall see
      const auto mark = [&](auto& e) { mark_end(e, flow::flag::client_fin, last); };
      mark(entry);
      flows_.with_back(*item.listener, *item.backend, connection_of(*item.listener, key),
                       entry.carried().translated_port, mark);
    } else if (entry.state() == flow::State::embryonic && (parsed.tcp_flags & tcp::syn) == 0) {
      show_address(key, hash, entry, item);
    }
  }

  template <class Entry>
  void mark_end(Entry& entry, std::uint8_t fin, bool last) noexcept {
    const auto flags = static_cast<std::uint8_t>(entry.flags() | fin);
    entry.set_flags(flags);
    constexpr auto both = flow::flag::client_fin | flow::flag::server_fin;
    if (entry.state() == flow::State::established && (last || (flags & both) == both)) {
      entry.set_state(flow::State::closing);
    }
  }

  /// The client has shown that its address is its own (a packet after the backend's answer, where answers pass
  /// here): the flow and its record become lasting.
  template <class Key>
  void show_address(const Key& key, std::uint64_t hash, flow::Entry<Key>& entry, Item& item) noexcept {
    const plan::Listener& listener = *item.listener;
    if (is_nat(plan_, listener) && (entry.flags() & flow::flag::answered) == 0) {
      return;
    }
    entry.set_flags(entry.flags() | flow::flag::counted);
    const Connection c = connection_of(listener, key);
    if (state_.flows.promote(key, hash) == nullptr) {
      entry.set_flags(static_cast<std::uint8_t>(entry.flags() & ~flow::flag::counted));
      state_.counters.add(Counter::flow_not_remembered);
      return;
    }
    plan::BackendUse& use = state_.uses[item.backend->slot.value()];
    add_relaxed(use.connecting, -1);
    add_relaxed(use.flows, 1);
    records_.count_live(listener, c, true);
    promote_back(state_, plan_, listener, *item.backend, c, item.client_port);
    records_.confirm(listener, c, item.backend->slot);
  }

  void begin(const Connection& c, Packet& packet, const net::Parsed& parsed, Item& item,
             const Previous& previous) noexcept {
    const Question question{plan_, *item.listener, tuple_of(*item.listener, c), records_.now_s()};
    const Decision decision = decide(question, {state_.node.records, state_.loads(), &state_.key_loads});
    if (decision.backend == nullptr) {
      return refuse(decision.refusal, packet, parsed, item);
    }
    item.backend = commit(state_, question, decision, previous, now_ms_);
    if (is_tcp(*item.listener) && !opens(parsed)) {
      state_.counters.add(Counter::flow_midstream);
    }
    const auto client_port = remember(state_, plan_, *item.listener, *item.backend, c, flows_.tick());
    if (!client_port) {
      return item.drop(Counter::drop_no_client_port);
    }
    item.client_port = *client_port;
    state_.counters.add(Counter::flow_new);
    add_relaxed(state_.uses[item.backend->slot.value()].flows_total, 1);
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

  void leave_for_backend(const Packet& packet, const net::Parsed& parsed, Item& item) noexcept {
    const Family family = parsed.source.family();
    const auto& hop = item.backend->hop(family);
    if (item.backend->endpoint(family).address.is_none()) {
      return item.drop(Counter::drop_no_address_family);
    }
    if (!hop) {
      return item.drop(Counter::drop_no_route);
    }
    item.hop = *hop;
    if (is_nat(plan_, *item.listener)) {
      item.rewrite = item.backend->endpoint(family);
    }
    plan::BackendUse& use = state_.uses[item.backend->slot.value()];
    add_relaxed(use.packets, 1);
    add_relaxed(use.bytes, packet.size);
    state_.counters.add(Counter::forwarded_in);
  }

  /// The backend's first answer tells how it is.
  void note_answer(const flow::Value& forward, const plan::Listener& listener, const net::Parsed& parsed) noexcept {
    if (is_tcp(listener) && forward.peer < state_.node.backends.count()) {
      plan::BackendUse& use = state_.uses[forward.peer];
      add_relaxed((parsed.tcp_flags & tcp::rst) != 0 ? use.failed : use.succeeded, 1);
    }
  }

  /// Resets to both sides of the connection of a backend's packet, and the flow's end.
  bool reset_from_backend(const plan::Listener& listener, const Connection& c, bool rewritten, Packet& packet,
                          const net::Parsed& parsed, Item& item) noexcept {
    const plan::Backend* backend = nullptr;
    flows_.with_forward(listener, c, rewritten, [&](auto& entry) { backend = flows_.backend_of(entry.peer()); });
    if (backend == nullptr || !must_reset(listener, *backend)) {
      return false;
    }
    const auto end = [&](const auto& key) {
      const std::uint64_t hash = state_.flows.hash(key);
      if (auto* entry = state_.flows.find(key, hash)) {
        flows_.end(listener, key, hash, *entry);
      }
    };
    listener.narrow && !rewritten ? end(narrow_forward(listener, c)) : end(wide_forward(listener, c));
    reset_receiver(state_, plan_, packet, parsed, {c.vip, c.vip_port}, {c.client, c.client_port});
    reset_sender(state_, plan_, packet, parsed, item, Counter::drop_flow_reset);
    return true;
  }

  template <class Key>
  bool answer(const Key& key, Packet& packet, const net::Parsed& parsed, Item& item) noexcept {
    flow::Entry<Key>* entry = state_.flows.find(key, state_.flows.hash(key));
    const plan::Listener* listener = entry == nullptr ? nullptr : plan_.listener(ListenerSlot(entry->peer()));
    if (listener == nullptr) {
      return false;
    }
    Connection c{parsed.destination, listener->listen.prefix.address, parsed.destination_port,
                 listener->listen.l4_port};
    const flow::Carried carried = entry->carried();
    const bool rewritten = carried.translated_port != 0;
    if (std::is_same_v<Key, flow::WideKey>) {
      c.vip = carried.vip;
      c.vip_port = carried.vip_port;
      c.client_port = rewritten ? carried.translated_port : c.client_port;
    }
    item.listener = listener;
    if (is_tcp(*listener) && plan_.service_of(*listener).resets() &&
        reset_from_backend(*listener, c, rewritten, packet, parsed, item)) {
      return true;
    }
    item.rewrite = {c.vip, c.vip_port};
    item.client_port = carried.translated_port;
    entry->touch(flows_.tick());
    const bool ends = is_tcp(*listener) && (parsed.tcp_flags & (tcp::fin | tcp::rst)) != 0;
    if (ends || (entry->flags() & flow::flag::answered) == 0) {
      const bool first = (entry->flags() & flow::flag::answered) == 0;
      const auto mark = [&](auto& e) {
        e.set_flags(e.flags() | flow::flag::answered);
        if (ends) {
          mark_end(e, flow::flag::server_fin, (parsed.tcp_flags & tcp::rst) != 0);
        }
      };
      mark(*entry);
      flows_.with_forward(*listener, c, rewritten, [&](auto& e) {
        mark(e);
        if (first) {
          note_answer(e.value(), *listener, parsed);
        }
      });
    }
    return true;
  }

  /// Mid-flow without an entry (restart, another node): right when only one VIP can be meant.
  bool guess(const net::Parsed& parsed, Item& item) noexcept {
    if (item.endpoint->only_listener == plan::FrontTable::none || opens(parsed)) {
      return false;
    }
    const auto* any_port = plan_.fronts.find_endpoint(parsed.source, 0, parsed.protocol);
    if (any_port != nullptr && any_port != item.endpoint) {
      return false;  // a service on any port has backends at this address too
    }
    item.listener = &plan_.listeners[item.endpoint->only_listener];
    item.rewrite = {item.listener->listen.prefix.address, item.listener->listen.l4_port};
    state_.counters.add(Counter::flow_return_guessed);
    return true;
  }

  /// What a backend sends that belongs to no service follows its interface's transit rule.
  void unknown_answer(const net::Parsed& parsed, Item& item) noexcept {
    const plan::Interface& interface = plan_.interfaces[item.interface.value()];
    item.way = Way::transit;
    if (interface.transit == model::Transit::kernel && interface.has_kernel) {
      item.verdict = Verdict::punt;
    } else if (interface.transit == model::Transit::route) {
      if (route(parsed.destination, item)) {
        state_.counters.add(Counter::routed);
      }
    } else {
      item.drop(Counter::drop_no_return_flow);
    }
  }

  /// False: dropped, there is none.
  bool route(const net::IpAddress& destination, Item& item) noexcept {
    const auto hop = plan_.routes.find(destination);
    if (!hop) {
      item.drop(Counter::drop_no_route);
      return false;
    }
    item.hop = *hop;
    return true;
  }

  using Family = net::Family;
  State& state_;
  const plan::Plan& plan_;
  Millis now_ms_;
  Flows flows_;
  Records records_;
};

}  // namespace

void bind(State& state, const plan::Plan& plan, Burst& burst) noexcept {
  Binder binder(state, plan, burst.now_ms);
  burst.each_undecided([&](const Packet&, const net::Parsed& parsed, const Item& item) {
    if (item.way == Way::in || item.way == Way::back) {
      binder.prefetch(parsed, item);
    }
  });
  burst.each_undecided([&](Packet& packet, const net::Parsed& parsed, Item& item) {
    if (item.way == Way::in) {
      binder.in(packet, parsed, item);
    } else if (item.way == Way::back) {
      binder.back(packet, parsed, item);
    }
  });
}

}  // namespace limpet::path
