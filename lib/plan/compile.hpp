// Model -> plan. Runs in control (and replay), never in a worker.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "base/time.hpp"
#include "hash/secret.hpp"
#include "model/model.hpp"
#include "plan/plan.hpp"
#include "plan/slot_map.hpp"

namespace limpet::plan {

/// Backend slots a node has room for; every per-slot array (BackendStates, BackendUse) is this long.
inline constexpr std::uint32_t backend_slots_default = 1u << 16;

struct Input {
  const model::Model& model;
  const hash::Secret& secret;
  std::map<std::string, net::Mac> device_macs;  // by port name, for ports whose model names none
  std::uint64_t version = 0;
  const Plan* previous = nullptr;   // what it has in common with the new plan is shared
  std::size_t workers = 0;          // that will read it; 0: as many as the model has
  std::int64_t unix_at_zero_s = 0;  // wall clock, seconds since 1970, when the data path's clock was 0
  std::uint32_t now_s = 0;          // by the data path's clock
};

/// Compiles; on error nothing but `slots` has changed, and that only by names acquired (give a copy for a dry run).
Result<std::shared_ptr<const Plan>> compile(const Input& input, Slots& slots);

/// Calls `f(InterfaceIndex, const model::Interface&)` for every port and VLAN, in the order of Plan::interfaces.
template <class F>
void each_interface(const model::Model& model, F&& f) {
  std::uint16_t index = 0;
  for (const auto& [name, port] : model.ports) {
    f(InterfaceIndex(index++), static_cast<const model::Interface&>(port));
    for (const auto& [id, vlan] : port.vlans) {
      f(InterfaceIndex(index++), vlan);
    }
  }
}

/// Lets the slots rest that `plan`, which has just been published, no longer uses.
void keep_only_used(const Plan& plan, Slots& slots);

}  // namespace limpet::plan
