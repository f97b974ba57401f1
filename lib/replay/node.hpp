// A whole node in memory, in one thread, under a clock that the caller moves: N workers running the real path, the
// neighbour resolver in control's place. limpet-replay feeds it captures, tests feed it packets.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "hash/secret.hpp"
#include "l3/neighbours.hpp"
#include "path/state.hpp"
#include "plan/compile.hpp"
#include "replay/memory_io.hpp"
#include "restart/recover.hpp"

namespace limpet::replay {

/// Memory for tables, zeroed and aligned to pages; a page costs nothing until it is touched.
class Memory {
 public:
  explicit Memory(std::size_t size_bytes);
  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return {bytes_.get(), bytes_.get_deleter().size_bytes}; }

 private:
  struct Unmap {
    std::size_t size_bytes;
    void operator()(std::byte* bytes) const noexcept;
  };
  std::unique_ptr<std::byte, Unmap> bytes_;
};

class Node {
 public:
  struct Options {
    unsigned workers = 1;
    std::uint64_t flows_max = 65536;
    std::uint64_t records_max = 65536;
    Millis start_ms = 1'000'000;
    std::int64_t unix_at_zero_s = 0;  // wall clock, seconds since 1970, when the node's own was 0
    path::Limits limits{};
    std::size_t segment_bytes = 0;  // larger frames arrive in two segments, the first of this size; 0: none do
  };

  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  /// Gives back what still waits for a MAC address.
  ~Node();

  static Result<std::unique_ptr<Node>> create(const model::Model& model, const hash::Secret& secret,
                                              const Options& options);

  /// What a kill of `killed` at this instant and a start afterwards leave: flows and records, by the daemon's own
  /// recovery, and the clock; admin states and health by backend's name. All else begins anew, counters and MAC
  /// addresses too. Workers, limits, ports and model may be others; `options.start_ms` does not count.
  static Result<std::unique_ptr<Node>> restart(std::unique_ptr<Node> killed, const model::Model& model,
                                               const Options& options);
  /// Of the restart that made this node.
  [[nodiscard]] const restart::Report& recovered() const noexcept { return recovered_; }

  /// Uses another model, of the same ports, from now on; refused with a reason, it changes nothing.
  Result<void> apply(const model::Model& model);

  /// Moves the clock, in steps that let neighbours, waiting packets and sweeps see the time between. Never back.
  void advance(Millis now_ms);
  /// One frame arrives at one worker's queue and goes its whole way, hand-offs included.
  void receive(PortIndex port, unsigned worker, std::span<const std::uint8_t> bytes);
  /// Many frames arrive at one instant: all are there before a worker takes the first.
  struct Arrival {
    PortIndex port;
    unsigned worker = 0;
    std::vector<std::uint8_t> bytes;
  };
  void receive(std::span<const Arrival> arrivals);
  /// What left since the last call, in order.
  std::vector<Sent> take_sent();

  [[nodiscard]] std::uint64_t counter(counters::Counter counter) const noexcept;
  [[nodiscard]] std::array<std::uint64_t, path::reason_count> moves() const noexcept;
  [[nodiscard]] std::uint64_t violations() const noexcept {
    return moves()[static_cast<std::size_t>(path::Reason::violation)];
  }
  /// The moves themselves, since the last call.
  std::vector<path::Move> take_moves();

  [[nodiscard]] const plan::Plan& plan() const noexcept { return *plan_; }
  [[nodiscard]] plan::BackendStates& backends() noexcept { return backends_; }
  /// State of the backend named "pool/name"; the plan has it.
  [[nodiscard]] plan::BackendState& backend(const std::string& name);
  [[nodiscard]] record::Table& records() noexcept { return tables_->records; }
  [[nodiscard]] path::State& state(unsigned worker) noexcept { return *workers_[worker]->state; }
  [[nodiscard]] unsigned workers() const noexcept { return static_cast<unsigned>(workers_.size()); }
  [[nodiscard]] Millis now_ms() const noexcept { return now_ms_; }

 private:
  struct Worker {
    flow::Table& flows;
    std::unique_ptr<path::State> state;
    MemoryIo io;
  };

  Node(const hash::Secret& secret, const Options& options);
  std::span<std::byte> take(std::size_t size_bytes);
  [[nodiscard]] restart::Geometry wanted_geometry() const;
  Result<void> make_tables();
  Result<void> take_over(Node& killed);
  void build();
  void save_slots();
  void settle();
  bool serve_control();
  void sweep_records();
  void sum_connections();
  void adopt(const model::Model& model, std::shared_ptr<const plan::Plan> plan);

  hash::Secret secret_;
  Options options_;
  Millis now_ms_;
  Millis swept_ms_;
  plan::Slots slots_{plan::backend_slots_default};
  std::shared_ptr<const plan::Plan> plan_;
  plan::BackendStates backends_{plan::backend_slots_default};
  std::map<std::string, bool> known_backends_;
  hash::Owner owner_;
  l3::AdjacencyTable adjacencies_{4096};
  std::unique_ptr<l3::Neighbours> neighbours_;
  std::vector<Memory> memory_;
  restart::Geometry geometry_;
  restart::Files files_;  // in `memory_`
  std::optional<restart::Tables> tables_;
  restart::Report recovered_;
  Wires wires_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

/// The MAC of a port whose model names none, there being no device to ask: 02:00:00:00:01:INDEX.
net::Mac stand_in_mac(std::size_t port_index) noexcept;

}  // namespace limpet::replay
