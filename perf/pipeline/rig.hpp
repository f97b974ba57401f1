// One node with one worker or some in plain memory: compiled configuration, tables on huge pages, N flows opened
// through the path itself (SYN, the backend's SYN-ACK where replies pass Limpet, ACK).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "clock.hpp"
#include "crossing.hpp"
#include "memory.hpp"
#include "network.hpp"
#include "path/turn.hpp"
#include "plan/compile.hpp"
#include "source.hpp"
#include "support/packet_builder.hpp"

namespace limpet::perf {

struct Setup {
  net::Family family = net::Family::v4;
  std::string forwarding = "nat";
  std::uint32_t flows = 0;       // opened
  std::uint32_t room_flows = 0;  // what the tables are made for
  unsigned workers = 1;          // 1 or 2, but where each has a source of its own
  std::uint32_t first_flow = 0;  // of those that all rigs have
  Estate estate{};
  bool reads_cookie = false;               // choices wait for what clients say
  [[nodiscard]] std::string text() const;  // "path.nat.v4"
  [[nodiscard]] bool full_nat() const { return forwarding == "full_nat"; }
  [[nodiscard]] bool nat() const { return forwarding == "nat"; }
  [[nodiscard]] bool stamped() const { return forwarding == "stamped"; }  // spliced, and both sides use timestamps
  [[nodiscard]] bool spliced() const { return forwarding == "spliced" || stamped(); }
  [[nodiscard]] bool answers_pass() const { return nat() || full_nat() || spliced(); }
  [[nodiscard]] bool tunnels() const { return !answers_pass() && forwarding != "dr"; }
  [[nodiscard]] std::uint32_t backend_slots() const;
};

/// What the workers have counted so far, to tell what happened to the packets of a run.
struct Tally {
  std::uint64_t received = 0, transmitted = 0, hits = 0, fresh = 0, back = 0, handed_off = 0, forgotten = 0, moves = 0;
  friend Tally operator-(const Tally& one, const Tally& other) noexcept;
};

/// What the workers of a node share. Throws std::runtime_error where the configuration or the tables are refused.
class House {
 public:
  /// `records_max`: there is room for.
  House(const Setup& setup, std::uint64_t records_max);
  [[nodiscard]] path::Node node() noexcept { return {owner_, records_, backend_states_, adjacencies_}; }
  [[nodiscard]] record::Table& records() noexcept { return records_; }
  [[nodiscard]] const plan::Plan& plan() const noexcept { return *plan_; }
  /// From now on connections are delayed.
  void begin_splicing();

 private:
  void compile(const model::Model& model);
  HugeMemory record_memory_;
  record::Table records_;
  hash::Owner owner_;
  plan::BackendStates backend_states_;
  l3::AdjacencyTable adjacencies_{1024};
  Setup setup_;
  plan::Slots slots_;
  std::shared_ptr<const plan::Plan> plan_;
};

class Rig {
 public:
  /// Throws std::runtime_error where the tables are refused. `house`: shared with other rigs; null: one of its own.
  Rig(const Setup& setup, std::uint64_t cycles_per_ms, std::shared_ptr<House> house = nullptr);

  /// Opens flows 0 .. setup.flows - 1. Throws when one is not forwarded or not remembered.
  void open_flows();
  /// Does the sweeping that is late because the clock was set forward.
  void catch_up() noexcept;
  /// Empties the half-open flows and the provisional records.
  void forget_half_open();
  /// New flows that the half-open share is sure to hold at once.
  [[nodiscard]] std::uint64_t half_open_max() const noexcept;

  /// Takes turns until `packets` packets were in hand. One worker.
  void run(std::uint64_t packets, unsigned worker = 0) noexcept { run_with(source_, packets, worker); }
  template <class Io>
  void run_with(Io& io, std::uint64_t packets, unsigned worker = 0) noexcept {
    for (std::uint64_t done = 0; done < packets;) {
      done += path::turn(state(worker), plan(), io, clock_.now_ms());
    }
  }
  /// The same with two workers, which take turns; packets that cross are in hand twice and counted once.
  void run_both(std::uint64_t packets) noexcept;
  /// Without a path: packets are made, pass the FIFO and come back.
  template <class Io>
  void run_source(Io& io, std::uint64_t packets) noexcept {
    path::Burst& burst = state().burst;
    for (std::uint64_t done = 0; done < packets;) {
      for (const path::Source from : io.sources()) {
        if (const unsigned n = io.receive(from, burst.packets.data(), path::burst_max); n != 0) {
          io.transmit({path::Outlet::release, 0}, burst.packets.data(), n);
          done += n;
        }
      }
    }
  }

  [[nodiscard]] Stream stream(Direction direction, std::uint8_t tcp_flags, unsigned generation = 0) const;
  [[nodiscard]] Tally tally() const noexcept;
  /// Sends one packet of `flow` and compares what leaves with a frame built by other means. Throws if they differ.
  void check_output(Direction direction, std::uint32_t flow);

  [[nodiscard]] const Setup& setup() const noexcept { return setup_; }
  [[nodiscard]] Source& source() noexcept { return source_; }
  [[nodiscard]] Clock& clock() noexcept { return clock_; }
  [[nodiscard]] path::State& state(unsigned worker = 0) noexcept { return workers_[worker]->state; }
  [[nodiscard]] const plan::Plan& plan() const noexcept { return house_->plan(); }
  [[nodiscard]] const std::uint32_t* backend_of_flow() const noexcept { return backend_of_flow_.data(); }

 private:
  struct Worker {
    Worker(unsigned index, const path::Node& node, const Setup& setup);
    HugeMemory memory, spliced_memory;
    flow::Table flows;
    path::State state;
  };
  [[nodiscard]] test::Bytes expected_output(Direction direction, std::uint32_t flow, std::uint32_t backend) const;
  void splice_flows();
  void step(Direction direction, std::uint8_t tcp_flags, std::uint32_t first, std::uint32_t count);
  [[nodiscard]] std::uint64_t live_entries() const noexcept;

  Setup setup_;
  std::shared_ptr<House> house_;
  std::vector<std::unique_ptr<Worker>> workers_;
  Source source_;
  std::array<Ring, 2> rings_{Ring(1024), Ring(1024)};  // by the worker that reads it
  std::array<Crossing, 2> crossings_{Crossing(source_, 1, rings_[0], rings_[1]),
                                     Crossing(source_, 0, rings_[1], rings_[0])};
  Clock clock_;
  std::vector<std::uint32_t> backend_of_flow_;
  std::vector<Seen> seen_of_flow_;  // full NAT
};

}  // namespace limpet::perf
