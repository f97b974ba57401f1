// The configuration as a transaction: text -> model -> diff -> plan, then committed whole or not at all.
// Owns the running model and the slots. Control thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/wire.hpp"
#include "control/moment.hpp"
#include "hash/secret.hpp"
#include "model/load.hpp"
#include "plan/compile.hpp"

namespace limpet::control {

/// A checked configuration that could be committed as it is.
struct Candidate {
  model::Model model;
  std::vector<model::Change> changes;
  plan::Slots slots;
  std::shared_ptr<const plan::Plan> plan;
};

class Configuration {
 public:
  /// `slots`: those that flows and records may know already.
  Configuration(model::Model model, const hash::Secret& secret, plan::Slots slots)
      : model_(std::move(model)), secret_(secret), slots_(std::move(slots)) {}

  using Macs = std::map<std::string, net::Mac>;

  /// The first plan, of the model given. Not yet published. Slots that it does not use begin to rest.
  Result<std::shared_ptr<const plan::Plan>> compile_first(const Macs& device_macs, const Moment& now);

  /// Checks everything and compiles on a copy of the slots; changes nothing here. Problems of the file, changes
  /// that need a restart and what does not compile come back as the error for the client.
  [[nodiscard]] tl::expected<Candidate, api::RpcError> prepare(std::string_view toml, std::string_view file_name,
                                                               const Macs& device_macs, const Moment& now) const;
  /// The same for a model that is loaded already.
  [[nodiscard]] tl::expected<Candidate, api::RpcError> prepare(model::Model model, const Macs& device_macs,
                                                               const Moment& now) const;
  /// The candidate becomes what runs. To be called once its plan is published; slots it does not use begin to rest.
  void commit(Candidate candidate);

  /// Everything has been swept once more (plan/slot_map.hpp).
  void swept();

  [[nodiscard]] const model::Model& model() const noexcept { return model_; }
  [[nodiscard]] const plan::Slots& slots() const noexcept { return slots_; }
  [[nodiscard]] const plan::Plan& plan() const noexcept { return *plan_; }
  [[nodiscard]] std::shared_ptr<const plan::Plan> shared_plan() const noexcept { return plan_; }
  /// When it began to run, ms since 1970.
  [[nodiscard]] std::int64_t since_ms() const noexcept { return since_ms_; }

 private:
  model::Model model_;
  hash::Secret secret_;
  plan::Slots slots_;
  std::shared_ptr<const plan::Plan> plan_;
  std::int64_t since_ms_ = 0;
};

}  // namespace limpet::control
