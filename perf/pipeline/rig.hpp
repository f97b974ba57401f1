// One node with one worker, in plain memory: compiled configuration, tables on huge pages, N flows opened through the
// path itself (SYN, the backend's SYN-ACK where replies pass Limpet, ACK).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "clock.hpp"
#include "memory.hpp"
#include "network.hpp"
#include "path/turn.hpp"
#include "plan/compile.hpp"
#include "source.hpp"

namespace limpet::perf {

struct Setup {
  net::Family family = net::Family::v4;
  std::string forwarding = "nat";
  std::uint32_t flows = 0;                 // opened
  std::uint32_t room_flows = 0;            // what the tables are made for
  [[nodiscard]] std::string text() const;  // "v4 nat"
  [[nodiscard]] bool nat() const { return forwarding == "nat"; }
};

/// What the worker has counted so far, to tell what happened to the packets of a run.
struct Tally {
  std::uint64_t received = 0, transmitted = 0, hits = 0, fresh = 0, back = 0, forgotten = 0;
};

class Rig {
 public:
  /// Throws std::runtime_error where the configuration or the tables are refused.
  Rig(const Setup& setup, std::uint64_t cycles_per_ms);

  /// Opens flows 0 .. setup.flows - 1. Throws when one is not forwarded or not remembered.
  void open_flows();
  /// Ends half-open flows and provisional records: sets the clock forward and sweeps both tables.
  void forget_half_open();

  /// Takes turns until `packets` packets were in hand.
  void run(std::uint64_t packets) noexcept {
    for (std::uint64_t done = 0; done < packets;) {
      done += path::turn(state_, *plan_, source_, clock_.now_ms());
    }
  }
  /// The same without a path: packets are made, pass the FIFO and come back.
  void run_source(std::uint64_t packets) noexcept {
    path::Burst& burst = state_.burst;
    for (std::uint64_t done = 0; done < packets;) {
      const unsigned n = source_.receive(source_.sources()[0], burst.packets.data(), path::burst_max);
      source_.transmit({path::Outlet::release, 0}, burst.packets.data(), n);
      done += n;
    }
  }

  [[nodiscard]] Stream stream(Direction direction, std::uint8_t tcp_flags) const;
  [[nodiscard]] Tally tally() const noexcept;
  /// Sends one packet of `flow` and compares what leaves with a frame built by other means. Throws if they differ.
  void check_output(Direction direction, std::uint32_t flow);

  [[nodiscard]] const Setup& setup() const noexcept { return setup_; }
  [[nodiscard]] Source& source() noexcept { return source_; }
  [[nodiscard]] Clock& clock() noexcept { return clock_; }
  [[nodiscard]] path::State& state() noexcept { return state_; }
  [[nodiscard]] const plan::Plan& plan() const noexcept { return *plan_; }
  [[nodiscard]] double open_cycles() const noexcept { return open_cycles_; }

 private:
  static flow::Table make_flows(HugeMemory& memory, const Setup& setup);
  static record::Table make_records(HugeMemory& memory, const Setup& setup);
  void make_plan();
  void step(Direction direction, std::uint8_t tcp_flags, std::uint32_t first, std::uint32_t count);

  Setup setup_;
  HugeMemory flow_memory_;
  HugeMemory record_memory_;
  flow::Table flows_;
  record::Table records_;
  hash::Owner owner_{1};
  plan::BackendStates backend_states_{plan::backend_slots_default};
  l3::AdjacencyTable adjacencies_{64};
  path::State state_;
  std::shared_ptr<const plan::Plan> plan_;
  Source source_;
  Clock clock_;
  std::vector<std::uint8_t> backend_of_flow_;
  double open_cycles_ = 0;
};

}  // namespace limpet::perf
