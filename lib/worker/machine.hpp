// The running machine: EAL, ports, tables, workers. Made and ended by the main thread; everything here but start() and
// the destructor is called by control, which may be the same thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "control/runtime.hpp"
#include "flow/table.hpp"
#include "hash/owner.hpp"
#include "hash/secret.hpp"
#include "l3/adjacency.hpp"
#include "model/model.hpp"
#include "nic/buffers.hpp"
#include "nic/eal.hpp"
#include "nic/kernel_interface.hpp"
#include "nic/port.hpp"
#include "plan/backend_state.hpp"
#include "record/table.hpp"
#include "worker/clock.hpp"
#include "worker/fabric.hpp"
#include "worker/loop.hpp"
#include "worker/plan_cell.hpp"
#include "worker/recovery.hpp"

namespace limpet::worker {

/// Another daemon that runs with the same tables and devices, which this process takes over.
struct Other {
  std::function<Result<void>()> stop;  // asks it to end, and does not wait
  Millis patience_ms = 10'000;         // for its end
};

class Machine final : public control::Runtime {
 public:
  /// Takes all memory, starts all ports and workers. Workers idle until the first publish(). One per process.
  /// What can be done beside `other` is done before that is stopped.
  static Result<std::unique_ptr<Machine>> start(const model::Model& model, const hash::Secret& secret,
                                                const std::optional<Other>& other = {});
  /// Halts, then closes ports.
  ~Machine() override;

  /// Workers finish their turn and end; tasks still in their mailboxes will not run. For good.
  void halt() noexcept;

  /// What did not stop the start but should be known; one sentence each.
  [[nodiscard]] const std::vector<std::string>& warnings() const noexcept { return warnings_; }
  /// Packet buffers that nobody holds. For tests.
  [[nodiscard]] unsigned buffers_available() const noexcept { return buffers_->available(); }

  [[nodiscard]] plan::Slots recovered_slots() const override { return slots_; }
  [[nodiscard]] std::vector<std::string> notes() const override { return notes_; }
  Result<void> save_slots(const plan::Slots& slots) override {
    return worker::save_slots(*tables_, files_.names, slots);
  }
  void publish(std::shared_ptr<const plan::Plan> plan) override;
  [[nodiscard]] std::shared_ptr<const plan::Plan> current_plan() const override { return plans_.current(); }
  [[nodiscard]] std::vector<path::State*> states() override;
  [[nodiscard]] record::Table& records() override { return *records_; }
  [[nodiscard]] plan::BackendStates& backends() override { return backends_; }
  [[nodiscard]] l3::AdjacencyTable& adjacencies() override { return adjacencies_; }
  [[nodiscard]] const hash::Owner& owner() const override { return owner_; }
  bool send(const l3::Frame& frame) override;
  bool post(unsigned worker, path::Task& task) override;
  [[nodiscard]] Millis now_ms() const override { return boottime_ns() / 1'000'000; }
  [[nodiscard]] std::int64_t unix_ms() const override;
  [[nodiscard]] std::map<std::string, net::Mac> device_macs() const override;
  [[nodiscard]] std::vector<control::PortInfo> ports() const override;
  [[nodiscard]] std::vector<control::LinkInfo> links() const override;
  [[nodiscard]] std::vector<control::WorkerInfo> workers() const override;

 private:
  Machine(const model::Model& model, const hash::Secret& secret);
  Result<void> take_place(const std::optional<Other>& other);
  Result<void> take_memory(const hash::Secret& secret);
  Result<void> attach_devices();
  Result<void> make_buffers();
  Result<void> open_ports();
  Result<void> make_workers();
  Result<void> mirror(std::size_t port, std::span<const net::Prefix> addresses);
  Result<void> launch_workers();

  // In order of making; destroyed in the opposite order.
  const model::Model model_;  // as at start
  hash::Owner owner_;
  plan::BackendStates backends_;
  l3::AdjacencyTable adjacencies_;
  PlanCell plans_;
  std::unique_ptr<nic::Eal> eal_;
  std::unique_ptr<Tables> tables_;  // its lock is let go once the ports are closed
  restart::Files files_;
  plan::Slots slots_{plan::backend_slots_default};  // as recovered
  std::vector<std::string> notes_;
  std::optional<record::Table> records_;
  std::vector<flow::Table> flows_;      // by worker, until it takes its own
  std::vector<splice::Table> spliced_;  // likewise; none: in memory that is lost with the daemon
  std::vector<nic::PortSettings> settings_;
  std::vector<int> nodes_;  // by worker: the NUMA node of its CPU
  std::optional<nic::Buffers> buffers_;
  std::vector<std::unique_ptr<nic::Port>> devices_;
  std::vector<nic::Port*> ports_;                  // by PortIndex
  std::vector<nic::Port*> kernels_;                // by PortIndex; null: none
  std::vector<nic::KernelInterface> kernel_ends_;  // by PortIndex; without a name: none that is known
  std::unique_ptr<Fabric> fabric_;
  std::vector<std::unique_ptr<Worker>> workers_;
  unsigned launched_ = 0;
  std::vector<std::string> warnings_;
};

}  // namespace limpet::worker
