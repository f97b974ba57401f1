// Which of a route's several gateways a flow takes: rendezvous hashing over those that answer, so that a gateway's end
// moves its own flows only, and its return brings them back. Pure functions of what every packet of the flow shows, so
// that the long and the express way, every worker and every node agree.
#pragma once

#include <cstddef>
#include <span>

#include "hash/keyed.hpp"
#include "plan/route_table.hpp"

namespace limpet::plan {

/// By the client's side of it, as the packet has it when it comes.
[[nodiscard]] inline std::uint64_t flow_of(const net::IpAddress& client, std::uint16_t client_port) noexcept {
  return hash::keyed({}, client.high() ^ client_port, client.low());
}

/// Index of the flow's gateway among those that `answers(index)`; where none does, among all.
template <class Answers>
[[nodiscard]] std::size_t choose_gateway(std::span<const Hop> gateways, std::uint64_t flow,
                                         Answers&& answers) noexcept {
  std::size_t best = 0;
  std::uint64_t best_bid = 0;
  bool best_answers = false;
  for (std::size_t i = 0; i < gateways.size(); ++i) {
    const net::IpAddress& gateway = gateways[i].next_hop;
    const std::uint64_t bid = hash::keyed({}, flow ^ gateway.high(), gateway.low());
    const bool here = answers(i);
    if (i == 0 || (here && !best_answers) || (here == best_answers && bid > best_bid)) {
      best = i;
      best_bid = bid;
      best_answers = here;
    }
  }
  return best;
}

}  // namespace limpet::plan
