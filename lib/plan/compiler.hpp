// Makes one plan: one class, its work by subject in compile_*.cpp. Internal to lib/plan.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "plan/compile.hpp"

namespace limpet::plan {

class Compiler {
 public:
  Compiler(const Input& input, Slots& slots) : input_(input), model_(input.model), slots_(slots) {}

  Result<std::shared_ptr<const Plan>> run();

 private:
  static Result<std::uint32_t> slot(SlotMap& map, const char* what, const std::string& name);
  void add_interface(const std::string& name, const model::Interface& from, std::uint16_t vlan, const net::Mac& mac,
                     std::uint16_t mtu, bool has_kernel);
  void add_interfaces();
  void add_routes();
  Result<Backend> backend(const std::string& pool, const std::string& name, const model::Backend& from,
                          const hash::Key& seed);
  /// Shared with the plan before where nothing that it is made of has changed.
  [[nodiscard]] std::shared_ptr<const hash::MaglevTable> maglev_table(const Pool& pool) const;
  Result<void> add_pools();
  template <class T>
  static void place_at(std::vector<T>& table, std::uint32_t at, const T& value, const T& empty) {
    if (table.size() <= at) {
      table.resize(at + 1, empty);
    }
    table[at] = value;
  }
  void add_profile_uses();
  /// The service's profiles in order, each followed by its backups.
  std::vector<std::string> chain(const model::Service& service) const;
  static Reading reading(const model::Profile& from);
  Result<void> add_expressions(Service& service, Routing* routing, std::vector<Expression> routes);
  Result<std::vector<Persist>> profiles(Service& service, const model::Service& from, const std::string& pool,
                                        std::uint32_t branch);
  Result<std::uint32_t> branch(Service& service, const model::Service& from, Routing& routing, const std::string& pool);
  Result<void> add_routing(Service& service, const model::Service& from);
  Result<void> add_scratches();
  [[nodiscard]] match::Memory memory_of_worker(std::size_t worker) const noexcept;
  [[nodiscard]] std::size_t workers() const noexcept {
    return input_.workers != 0 ? input_.workers : model_.limpetd.workers.size();
  }
  static void index_addresses(Pool& pool);
  Result<Persist> persist(const std::string& service, const std::string& pool, const std::string& name, bool is_own);
  static std::uint64_t seconds(std::uint64_t ms, std::uint64_t max) {
    return std::min<std::uint64_t>(std::max<std::uint64_t>((ms + 999) / 1000, 1), max);
  }
  /// Sweeps in a sixth of the time-out: late enough to cost little, early enough to be right.
  static std::uint32_t passes(std::uint32_t idle_timeout_s);
  /// Errors about tunnel packets come back to their source: it is Limpet's own, also on the link it belongs to.
  void add_tunnel_source(const net::IpAddress& source);
  void add_tunnel(Service& service, const model::Service& from);
  Result<void> add_services();
  void add_local_addresses(const model::Service& from, Service& service);
  std::shared_ptr<const Gate> gate(const std::string& name, const model::Service& service);
  /// Flows that were opened so go on, whatever the service says now.
  [[nodiscard]] bool has_spliced(ListenerSlot slot) const noexcept;
  Result<void> add_listener(const std::string& service, const model::Listen& listen, bool syn_proxy);
  /// Flows of listeners that are gone end one by one, each with its source's place.
  void keep_gates();
  /// The addresses that this listener's backends answer from, when their answers pass here (nat).
  Result<void> add_endpoints(const Listener& listener, std::uint32_t index, bool exact);
  Result<void> add_endpoints_of(const Pool& pool, const Listener& listener, std::uint32_t index, bool exact);

  const Input& input_;
  const model::Model& model_;
  Slots& slots_;
  std::shared_ptr<Plan> plan_ = std::make_shared<Plan>();
  std::vector<const model::Interface*> declared_;  // by InterfaceIndex
  std::map<std::string, std::uint32_t> pool_index_;
  std::map<std::string, std::shared_ptr<const Expressions>> expressions_before_;  // by service
  std::map<std::string, const Gate*> gates_before_;                               // by service; null: it had none
};

}  // namespace limpet::plan
