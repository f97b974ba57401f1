// What control needs of the running machine. limpetd implements it on DPDK (lib/worker); tests implement it
// in memory. Control itself names no device.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "l3/adjacency.hpp"
#include "l3/frame.hpp"
#include "model/model.hpp"
#include "path/state.hpp"
#include "path/task.hpp"
#include "plan/backend_state.hpp"
#include "plan/compile.hpp"
#include "plan/plan.hpp"
#include "plan/slot_map.hpp"
#include "record/table.hpp"

namespace limpet::control {

/// For `show ports`.
struct PortInfo {
  std::string name, device, driver;
  net::Mac mac;
  bool link_up = false;
  unsigned queues = 0;
  std::string rss;                                                      // what the device does for us, in words
  std::uint64_t received = 0, transmitted = 0, missed = 0, errors = 0;  // the device's own counters
  std::string rss_why{};                                                // why that and nothing better
  std::string offloads{};                                               // what else it does, in words
  int numa_node = -1;                                                   // -1: of none in particular
  std::vector<std::string> members{};                                   // of a bonding device: "NAME up", "NAME down"
  std::vector<unsigned> far_workers{};                                  // those on other nodes
};

/// A link as it is now.
struct LinkInfo {
  std::string name;  // of the port, or of a member of one: "front member net_af_packet0"
  bool up = false;
  PortIndex port;  // none: of no port of its own
};

/// For `show workers`.
struct WorkerInfo {
  unsigned index = 0;
  unsigned cpu = 0;
  std::uint64_t turns = 0, empty_turns = 0, packets = 0;
  std::uint64_t busy_cycles = 0, total_cycles = 0;  // TSC
  std::uint64_t device_cycles = 0;                  // of busy_cycles; 0 where calls of devices are not timed
  std::uint64_t cycles_per_s = 0;                   // of the TSC
  int numa_node = 0;                                // of the CPU
};

class Runtime {
 public:
  Runtime() = default;
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;
  virtual ~Runtime() = default;

  /// Who holds which slot in the tables that were taken over from the process before; for a node without such, nobody.
  [[nodiscard]] virtual plan::Slots recovered_slots() const { return plan::Slots(plan::backend_slots_default); }
  /// What happened before control began, for the event log; one sentence each.
  [[nodiscard]] virtual std::vector<std::string> notes() const { return {}; }
  /// Keeps the slots for the process after this one. To be called before a plan that uses new ones is published.
  virtual Result<void> save_slots(const plan::Slots&) { return {}; }

  /// Makes workers use `plan` from their next turn on; keeps it alive until none reads it. Never blocks workers.
  virtual void publish(std::shared_ptr<const plan::Plan> plan) = 0;
  [[nodiscard]] virtual std::shared_ptr<const plan::Plan> current_plan() const = 0;

  /// One per worker; control reads the fields marked for it and consumes `to_control`.
  [[nodiscard]] virtual std::vector<path::State*> states() = 0;
  [[nodiscard]] virtual record::Table& records() = 0;
  [[nodiscard]] virtual plan::BackendStates& backends() = 0;
  [[nodiscard]] virtual l3::AdjacencyTable& adjacencies() = 0;
  [[nodiscard]] virtual const hash::Owner& owner() const = 0;

  /// Sends a frame by its interface's port. False: no room now.
  virtual bool send(const l3::Frame& frame) = 0;
  /// Hands a task to a worker; it sets `done`. False: no room now.
  virtual bool post(unsigned worker, path::Task& task) = 0;

  [[nodiscard]] virtual Millis now_ms() const = 0;
  [[nodiscard]] virtual std::int64_t unix_ms() const = 0;                         // since 1970, UTC
  [[nodiscard]] virtual std::map<std::string, net::Mac> device_macs() const = 0;  // by port name
  [[nodiscard]] virtual std::vector<PortInfo> ports() const = 0;
  /// Those of all ports, in a fixed order. Also lets bonding devices leave members that are down.
  [[nodiscard]] virtual std::vector<LinkInfo> links() const { return {}; }
  [[nodiscard]] virtual std::vector<WorkerInfo> workers() const = 0;
};

}  // namespace limpet::control
