#include "path/errors.hpp"

#include "net/quote.hpp"
#include "path/decide.hpp"
#include "path/delay.hpp"
#include "path/flows.hpp"
#include "path/introduce.hpp"
#include "path/leave.hpp"
#include "path/records.hpp"

namespace limpet::path {
namespace {

using counters::Counter;
using net::IcmpErrors;
using net::Quote;
using net::QuoteError;

Counter drop_of(QuoteError error) noexcept {
  switch (error) {
    case QuoteError::malformed:
      return Counter::drop_icmp_malformed;
    case QuoteError::fragment:
      return Counter::drop_icmp_fragment;
    default:
      return Counter::drop_icmp_unknown;
  }
}

Quote quote_of(const Packet& packet, const net::Parsed& parsed) noexcept {
  return net::read_quote(packet.data, packet.contiguous, parsed);
}

/// About a packet that a VIP has sent. What quotes another sender than the error's receiver is made up.
bool classify_to_vip(const plan::Plan& plan, const net::Parsed& parsed, const Quote& quote, Item& item) noexcept {
  if (quote.error == QuoteError::none && quote.source == parsed.destination) {
    const auto index = plan.fronts.find_listener(quote.source, quote.source_port, quote.protocol);
    if (index != plan::FrontTable::none) {
      item.listener = &plan.listeners[index];
      item.way = Way::error_in;
      return true;
    }
  }
  if (plan.owns(parsed.destination) || !plan.fronts.is_vip(parsed.destination)) {
    return false;  // the kernel's, or passing by
  }
  if (quote.error == QuoteError::none && quote.source == parsed.destination && plan.fronts.is_local(quote.source)) {
    item.endpoint = plan.fronts.find_endpoint(quote.destination, quote.destination_port, quote.protocol);
    if (item.endpoint != nullptr) {
      item.way = Way::error_back;
      item.local = true;
      return true;
    }
  }
  item.drop(quote.error == QuoteError::none ? Counter::drop_icmp_unknown : drop_of(quote.error));
  return true;
}

/// Which backend the record, or an algorithm that needs no memory, means for a connection without a flow.
const plan::Backend* decided(const State& state, const plan::Plan& plan, const plan::Listener& listener,
                             const Connection& c, Millis now_ms) noexcept {
  const Question question{plan, listener, tuple_of(listener, c), static_cast<std::uint32_t>(now_ms / 1000)};
  const Decision decision = decide(question, {state.node.records, state.loads()});
  const model::Algorithm algorithm = plan.pool_of(plan.service_of(listener)).algorithm;
  const bool certain = decision.step == Step::record ||
                       (decision.step == Step::algorithm && !decision.record && !decision.spilled &&
                        (algorithm == model::Algorithm::rendezvous || algorithm == model::Algorithm::maglev));
  return certain ? decision.backend : nullptr;
}

class Errors {
 public:
  Errors(State& state, const plan::Plan& plan, Millis now_ms, Packet& packet, const net::Parsed& parsed, Item& item)
      : state_(state),
        plan_(plan),
        now_ms_(now_ms),
        flows_(state, plan, now_ms),
        packet_(packet),
        parsed_(parsed),
        item_(item),
        quote_(quote_of(packet, parsed)) {}

  /// The quoted packet went from VIP to client; its backend has sent it.
  void to_backend() noexcept {
    const plan::Listener& listener = *item_.listener;
    const Connection c{quote_.destination, quote_.source, quote_.destination_port, quote_.source_port};
    net::Endpoint seen;
    const auto look = [&](const auto& entry) {
      item_.backend = flows_.backend_of(entry.peer());
      seen = seen_of(entry);
    };
    const bool known = flows_.with_any_forward(listener, c, look);
    if (!known && !listener.local) {
      item_.backend = decided(state_, plan_, listener, c, now_ms_);
    }
    if (item_.backend == nullptr) {
      return item_.drop(Counter::drop_icmp_unknown);
    }
    item_.way = Way::in;
    item_.client.address = seen.address;
    leave_for_backend(state_, plan_, packet_, parsed_, item_);
    if (item_.crosses) {
      return item_.drop(Counter::drop_not_translatable);
    }
    if (item_.verdict == Verdict::undecided) {
      if (is_nat(plan_, listener)) {
        net::rewrite_quote(packet_.data, parsed_, quote_, item_.rewrite, seen);
      }
      if (listener.splices) {
        Delay delay(state_, plan_, flows_, now_ms_);
        const std::uint32_t number = net::quoted_sequence(packet_.data, quote_);
        net::move_quoted_sequence(packet_.data, parsed_, quote_, delay.backends_number(c, listener, number) - number);
      }
      state_.counters.add(Counter::icmp_relayed);
    }
  }

  /// The quoted packet went, as the backend sees it, from client to backend.
  void to_client() noexcept {
    const plan::EndpointEntry& endpoint = *item_.endpoint;
    const net::IpAddress& client = quote_.source;
    const bool known = (client.is_v4() && !endpoint.any_port && !item_.local &&
                        follow(narrow_back(endpoint, client, quote_.source_port))) ||
                       follow(wide_back(endpoint, client, quote_.source_port, quote_.destination_port));
    if (!known && item_.local) {
      return item_.drop(Counter::drop_icmp_unknown);
    }
    if (!known) {
      return leave_in_transit(state_, plan_, parsed_, item_, Counter::drop_icmp_unknown);
    }
    if (is_about_syn()) {
      return item_.drop(Counter::drop_consumed);
    }
    item_.way = Way::back;
    if (item_.local && item_.client.address.family() != parsed_.source.family()) {
      return item_.drop(Counter::drop_not_translatable);
    }
    if (leave_by_route(plan_, item_.local ? item_.client.address : parsed_.destination, item_)) {
      net::rewrite_quote(packet_.data, parsed_, quote_, item_.client, item_.rewrite);
      if (shift_ != 0) {
        net::move_quoted_sequence(packet_.data, parsed_, quote_, shift_);
      }
      item_.rewrite.l4_port = 0;
      item_.client.l4_port = 0;
      state_.counters.add(Counter::icmp_relayed);
    }
  }

 private:
  /// Of Limpet's own to a backend that it can't be reached.
  bool is_about_syn() noexcept {
    const plan::Listener& listener = *item_.listener;
    if (!listener.splices || quote_.protocol != net::ip_protocol::tcp) {
      return false;
    }
    const Connection c{item_.local ? item_.client.address : quote_.source, listener.listen.prefix.address,
                       item_.client.l4_port != 0 ? item_.client.l4_port : quote_.source_port, listener.listen.l4_port};
    return Delay(state_, plan_, flows_, now_ms_).note_error(c, listener, net::quoted_sequence(packet_.data, quote_));
  }

  /// The connection as the client knows it: VIP in item.rewrite, its own end, as far as it was rewritten, in client.
  template <class Key>
  bool follow(const Key& key) noexcept {
    const flow::Entry<Key>* entry = state_.flows.find(key, state_.flows.hash(key));
    const plan::Listener* listener = entry == nullptr ? nullptr : plan_.listener(ListenerSlot(entry->peer()));
    const bool local = entry != nullptr && (entry->flags() & flow::flag::local) != 0;
    if (listener == nullptr || local != item_.local || listener->local != item_.local) {
      return false;
    }
    item_.listener = listener;
    item_.rewrite = {listener->listen.prefix.address, listener->listen.l4_port};
    if constexpr (std::is_same_v<Key, flow::WideKey>) {
      const flow::Carried carried = entry->carried();
      item_.rewrite = {local ? listener->listen.prefix.address : carried.vip, carried.vip_port};
      item_.client = {local ? carried.vip : net::IpAddress{}, carried.translated_port};
      if (introduces(plan_, *listener)) {
        const Connection c{carried.vip, item_.rewrite.address, carried.translated_port, carried.vip_port};
        shift_ = shift_of(state_, plan_, *listener, c, *entry, net::quoted_sequence(packet_.data, quote_));
      }
    }
    return true;
  }

  State& state_;
  const plan::Plan& plan_;
  Millis now_ms_;
  Flows flows_;
  Packet& packet_;
  const net::Parsed& parsed_;
  Item& item_;
  Quote quote_;
  std::uint32_t shift_ = 0;  // of the quoted packet's TCP sequence number, towards the client
};

}  // namespace

bool classify_error(const plan::Plan& plan, const Packet& packet, const net::Parsed& parsed, Item& item) noexcept {
  const IcmpErrors kind = net::icmp_error_of(parsed);
  if (kind == IcmpErrors::none) {
    return false;
  }
  if (kind == IcmpErrors::ignored) {
    if (plan.owns(parsed.destination) || !plan.fronts.is_vip(parsed.destination)) {
      return false;
    }
    item.drop(Counter::drop_icmp_ignored);
    return true;
  }
  const Quote quote = quote_of(packet, parsed);
  if (classify_to_vip(plan, parsed, quote, item)) {
    return true;
  }
  if (quote.error == QuoteError::malformed || quote.source != parsed.destination ||
      !plan.fronts.has_endpoint_at(quote.destination)) {
    return false;
  }
  if (quote.error == QuoteError::fragment) {
    item.drop(Counter::drop_icmp_fragment);
    return true;
  }
  item.endpoint = plan.fronts.find_endpoint(quote.destination, quote.destination_port, quote.protocol);
  item.way = item.endpoint != nullptr ? Way::error_back : Way::none;
  return item.endpoint != nullptr;
}

unsigned owner_of_error(const hash::Owner& owner, const Packet& packet, const net::Parsed& parsed,
                        const Item& item) noexcept {
  const Quote quote = quote_of(packet, parsed);
  return item.local
             ? owner.owner_of_answer({quote.destination, quote.destination_port}, {quote.source, quote.source_port})
             : owner.owner(item.way == Way::error_in ? quote.destination : quote.source);
}

void bind_error(State& state, const plan::Plan& plan, Millis now_ms, Packet& packet, const net::Parsed& parsed,
                Item& item) noexcept {
  Errors errors(state, plan, now_ms, packet, parsed, item);
  item.way == Way::error_in ? errors.to_backend() : errors.to_client();
}

}  // namespace limpet::path
