#include "path/outward.hpp"

#include "net/tcp_edit.hpp"
#include "path/delay.hpp"
#include "path/flows.hpp"
#include "path/introduce.hpp"
#include "path/leave.hpp"
#include "path/reset.hpp"

namespace limpet::path {
namespace {

using counters::Counter;
namespace tcp = net::tcp_flag;

class Outward {
 public:
  Outward(State& state, const plan::Plan& plan, Millis now_ms) noexcept
      : state_(state), plan_(plan), now_ms_(now_ms), flows_(state, plan, now_ms) {}

  void operator()(Packet& packet, net::Parsed& parsed, Item& item) noexcept {
    const plan::EndpointEntry& endpoint = *item.endpoint;
    const net::IpAddress& client = parsed.destination;
    const bool known =
        (client.is_v4() && !endpoint.any_port && !item.local &&
         answer(narrow_back(endpoint, client, parsed.destination_port), packet, parsed, item)) ||
        answer(wide_back(endpoint, client, parsed.destination_port, parsed.source_port), packet, parsed, item);
    if (!known && !guess(parsed, item)) {
      if (item.local) {
        return item.drop(Counter::drop_no_return_flow);
      }
      return leave_in_transit(state_, plan_, parsed, item, Counter::drop_no_return_flow);
    }
    if (item.way == Way::in) {
      return;  // it has become one for the backend
    }
    if (item.verdict == Verdict::undecided && leave_by_route(plan_, item.local ? item.client.address : client, item)) {
      state_.counters.add(Counter::forwarded_back);
    }
  }

 private:
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
    if (backend == nullptr || !flows_.must_reset(listener, *backend)) {
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
  bool answer(const Key& key, Packet& packet, net::Parsed& parsed, Item& item) noexcept {
    flow::Entry<Key>* entry = state_.flows.find(key, state_.flows.hash(key));
    const plan::Listener* listener = entry == nullptr ? nullptr : plan_.listener(ListenerSlot(entry->peer()));
    if (listener == nullptr) {
      return false;
    }
    Connection c{parsed.destination, listener->listen.prefix.address, parsed.destination_port,
                 listener->listen.l4_port};
    if (item.local != ((entry->flags() & flow::flag::local) != 0) || item.local != listener->local) {
      return false;  // of a service that has become another
    }
    const flow::Carried carried = entry->carried();
    const bool rewritten = carried.translated_port != 0;
    if (std::is_same_v<Key, flow::WideKey>) {
      (item.local ? c.client : c.vip) = carried.vip;
      c.vip_port = carried.vip_port;
      c.client_port = rewritten ? carried.translated_port : c.client_port;
    }
    item.listener = listener;
    if ((entry->flags() & flow::flag::rests) != 0) {
      return late(c, parsed, item);
    }
    Delay delay(state_, plan_, flows_, now_ms_);
    if (listener->splices && !delay.edit_outward(c, packet, parsed, item)) {
      return true;
    }
    if (is_tcp(*listener) && plan_.service_of(*listener).resets() &&
        reset_from_backend(*listener, c, rewritten, packet, parsed, item)) {
      return true;
    }
    lead(c, carried.translated_port, parsed, item);
    entry->touch(flows_.tick());
    const bool ends = is_tcp(*listener) && (parsed.tcp_flags & (tcp::fin | tcp::rst)) != 0;
    if (ends || (entry->flags() & flow::flag::answered) == 0) {
      const bool first = (entry->flags() & flow::flag::answered) == 0;
      const auto mark = [&](auto& e) {
        e.set_flags(e.flags() | flow::flag::answered);
        if (ends) {
          flows_.mark_end(e, flow::flag::server_fin, (parsed.tcp_flags & tcp::rst) != 0);
        }
      };
      mark(*entry);
      flows_.with_forward(*listener, c, rewritten, [&](auto& e) {
        if (item.local && seen_of(e) != net::Endpoint{parsed.destination, parsed.destination_port}) {
          return;  // the client's next flow
        }
        mark(e);
        flows_.leave_if_closing(*listener, c, e);
        if (first) {
          note_answer(e.value(), *listener, parsed);
        }
      });
    }
    if constexpr (std::is_same_v<Key, flow::WideKey>) {
      if (introduces(plan_, *listener)) {
        note_introduced(state_, plan_, flows_, c, *entry, packet, parsed, item);
        if (item.way == Way::in && listener->splices) {
          delay.edit_turned(c, packet, parsed, *listener);
        }
      }
    }
    if (listener->splices) {
      delay.note_answer(c, packet, parsed, item);
    }
    return true;
  }

  static void lead(const Connection& c, std::uint16_t client_port, const net::Parsed& parsed, Item& item) noexcept {
    item.rewrite = {c.vip, c.vip_port};
    item.client = {item.local ? c.client : net::IpAddress{}, client_port};
    item.crosses = item.local && c.client.family() != parsed.source.family();
  }

  /// What comes while the flow's local port rests goes to whom it was meant for, and does not make the rest longer.
  static bool late(const Connection& c, const net::Parsed& parsed, Item& item) noexcept {
    lead(c, c.client_port, parsed, item);
    return true;
  }

  /// Mid-flow without an entry (restart, another node): right when only one VIP can be meant.
  bool guess(const net::Parsed& parsed, Item& item) noexcept {
    if (item.local || item.endpoint->only_listener == plan::FrontTable::none || opens_connection(parsed)) {
      return false;
    }
    const auto* any_port = plan_.fronts.find_endpoint(parsed.source, 0, parsed.protocol);
    if (any_port != nullptr && any_port != item.endpoint) {
      return false;  // a service on any port has backends at this address too
    }
    if (plan_.listeners[item.endpoint->only_listener].splices) {
      return false;  // its numbers may not be the client's
    }
    item.listener = &plan_.listeners[item.endpoint->only_listener];
    item.rewrite = {item.listener->listen.prefix.address, item.listener->listen.l4_port};
    state_.counters.add(Counter::flow_return_guessed);
    return true;
  }

  State& state_;
  const plan::Plan& plan_;
  Millis now_ms_;
  Flows flows_;
};

}  // namespace

void bind_outward(State& state, const plan::Plan& plan, Millis now_ms, Packet& packet, net::Parsed& parsed,
                  Item& item) noexcept {
  Outward(state, plan, now_ms)(packet, parsed, item);
}

}  // namespace limpet::path
