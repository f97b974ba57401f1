// What one worker's path owns and may touch. Made by the worker (or replay, simulator, benchmark), one per worker;
// everything in it is written by that worker's thread only, unless a line says otherwise.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "base/spsc_ring.hpp"
#include "base/time.hpp"
#include "counters/counters.hpp"
#include "flow/table.hpp"
#include "hash/owner.hpp"
#include "l3/adjacency.hpp"
#include "l3/frame.hpp"
#include "path/awaited.hpp"
#include "path/budget.hpp"
#include "path/burst.hpp"
#include "path/fragments.hpp"
#include "path/key_loads.hpp"
#include "path/legs.hpp"
#include "path/limits.hpp"
#include "path/packet.hpp"
#include "path/reason.hpp"
#include "path/sources.hpp"
#include "path/waiting.hpp"
#include "plan/backend_state.hpp"
#include "record/table.hpp"
#include "splice/ack_guard.hpp"
#include "splice/replies.hpp"

namespace limpet::path {

/// Adds to a single-writer counter without a locked instruction.
template <class T>
[[gnu::always_inline]] inline void add_relaxed(std::atomic<T>& value, std::type_identity_t<T> n) noexcept {
  value.store(value.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

/// Shared by all workers of a node.
struct Node {
  const hash::Owner& owner;
  record::Table& records;
  const plan::BackendStates& backends;
  const l3::AdjacencyTable& adjacencies;
};

/// Rings from a worker to control; consumer: control.
struct ToControl {
  SpscRing<l3::Frame> frames{256};  // ARP and ND frames seen
  SpscRing<l3::Want> wants{256};    // next hops without a MAC address
  SpscRing<l3::Frame> resets{256};  // to be sent as they are: TCP resets for the other side of a connection
  SpscRing<Move> moves{4096};
};

struct State {
  /// With spliced connections in memory of its own.
  State(unsigned worker, const Node& shared, flow::Table& flow_table, std::uint32_t backend_slots,
        const Limits& limits = {})
      : State(worker, shared, flow_table, splice::Table(limits.spliced_max, flow_table.seed()), backend_slots, limits) {
  }
  State(unsigned worker, const Node& shared, flow::Table& flow_table, splice::Table&& spliced_table,
        std::uint32_t backend_slots, const Limits& limits)
      : index(worker),
        node(shared),
        flows(flow_table),
        sources(limits.sources_max),
        uses(std::make_unique<plan::BackendUse[]>(backend_slots)),
        local_ports(std::make_unique<std::atomic<std::uint32_t>[]>(plan::endpoint_slots_max)),
        legs(backend_slots),
        icmp_errors(limits.icmp_errors_max),
        fragments(limits),
        spliced(std::move(spliced_table)),
        replies(limits.replies_max, flow_table.seed()),
        ack_guard(flow_table.seed()),
        awaited(limits, flow_table.seed()) {}

  [[nodiscard]] plan::Loads loads() const noexcept { return {node.backends, uses.get()}; }

  const unsigned index;  // of this worker
  Node node;
  flow::Table& flows;
  bool takes_express = true;  // tests compare with the long way alone
  KeyLoads key_loads;
  Sources sources;
  std::unique_ptr<plan::BackendUse[]> uses;  // by BackendSlot
  /// Full NAT: local ports that are taken or rest, by EndpointSlot. readers: control
  std::unique_ptr<std::atomic<std::uint32_t>[]> local_ports;
  std::uint64_t local_draws = 0;
  std::uint32_t crossed = 0;  // packets made IPv4
  Legs legs;
  counters::Block counters;                                      // readers: control
  std::array<std::atomic<std::uint64_t>, reason_count> moves{};  // readers: control
  ToControl to_control;
  Burst burst;  // the packets in hand
  Waiting waiting;
  Budget icmp_errors;  // that this worker makes
  Fragments fragments;
  splice::Table spliced;
  splice::Replies replies;
  splice::AckGuard ack_guard;
  std::uint64_t spliced_express = 0;  // packets of spliced connections that went the express way, for tests
  AwaitedConnections awaited;
  Millis last_sweep_ms = 0;
  Budget proxy_repeats{10'000};      // PROXY headers sent again: a backend that never takes one is no loop
  std::uint16_t tunnel_packets = 0;  // that may be cut on the way, which is why each has its own number
};

}  // namespace limpet::path
