#include "path/bind.hpp"

#include "path/bind_fragment.hpp"
#include "path/errors.hpp"
#include "path/flow_keys.hpp"
#include "path/inward.hpp"
#include "path/outward.hpp"

namespace limpet::path {
namespace {

/// Both loops of the look-up: keys hashed and buckets asked for before the first is read.
void prefetch(const State& state, const net::Parsed& parsed, const Item& item) noexcept {
  const auto fetch = [&](const auto& key) { state.flows.prefetch(key, state.flows.hash(key)); };
  if (item.way == Way::in) {
    const Connection c{parsed.source, parsed.destination, parsed.source_port, parsed.destination_port};
    with_forward_key(*item.listener, c, fetch);
  } else if (parsed.destination.is_v4() && !item.endpoint->any_port && !item.local) {
    fetch(narrow_back(*item.endpoint, parsed.destination, parsed.destination_port));
  } else {
    fetch(wide_back(*item.endpoint, parsed.destination, parsed.destination_port, parsed.source_port));
  }
}

}  // namespace

void bind(State& state, const plan::Plan& plan, Burst& burst) noexcept {
  burst.each_undecided([&](const Packet&, const net::Parsed& parsed, const Item& item) {
    if ((item.way == Way::in || item.way == Way::back) && !parsed.fragment) {
      prefetch(state, parsed, item);
    }
  });
  burst.each_undecided([&](Packet& packet, net::Parsed& parsed, Item& item) {
    if (parsed.fragment && (item.way == Way::in || item.way == Way::back)) {
      bind_fragment(state, plan, burst.now_ms, packet, parsed, item);
    } else if (item.way == Way::in) {
      bind_inward(state, plan, burst.now_ms, packet, parsed, item);
    } else if (item.way == Way::back) {
      bind_outward(state, plan, burst.now_ms, packet, parsed, item);
    } else if (item.way == Way::error_in || item.way == Way::error_back) {
      bind_error(state, plan, burst.now_ms, packet, parsed, item);
    }
  });
}

}  // namespace limpet::path
