#include "control/configuration.hpp"

#include <fmt/format.h>

#include "api/convert.hpp"
#include "control/event_log.hpp"

namespace limpet::control {
namespace {

std::optional<api::RpcError> restart_error(const std::vector<model::Change>& changes) {
  std::vector<model::Change> refused;
  for (const auto& change : changes) {
    if (change.needs_restart) {
      refused.push_back(change);
    }
  }
  if (refused.empty()) {
    return std::nullopt;
  }
  return api::RpcError{api::Code::needs_restart,
                       fmt::format("{} needs a restart of limpetd{}; nothing was changed", refused.front().path,
                                   refused.size() > 1 ? fmt::format(" (and {} more)", refused.size() - 1) : ""),
                       api::Json{{"changes", api::changes_json(refused)}}};
}

plan::Input input(const model::Model& model, const hash::Secret& secret, const Configuration::Macs& device_macs,
                  const Moment& now, const plan::Plan* previous) {
  return {.model = model,
          .secret = secret,
          .device_macs = device_macs,
          .version = previous == nullptr ? 1 : previous->version + 1,
          .previous = previous,
          .unix_at_zero_s = now.unix_at_zero_s(),
          .now_s = static_cast<std::uint32_t>(now.boot_ms / 1000)};
}

}  // namespace

Result<std::shared_ptr<const plan::Plan>> Configuration::compile_first(const Macs& device_macs, const Moment& now) {
  auto compiled = plan::compile(input(model_, secret_, device_macs, now, nullptr), slots_);
  if (compiled) {
    plan_ = *compiled;
    plan::keep_only_used(*plan_, slots_);
    since_ms_ = unix_ms();
  }
  return compiled;
}

tl::expected<Candidate, api::RpcError> Configuration::prepare(std::string_view toml, std::string_view file_name,
                                                              const Macs& device_macs, const Moment& now) const {
  auto loaded = model::load_text(toml, file_name);
  if (!loaded.model) {
    return tl::unexpected(api::configuration_error(loaded.problems));
  }
  return prepare(std::move(*loaded.model), device_macs, now);
}

tl::expected<Candidate, api::RpcError> Configuration::prepare(model::Model model, const Macs& device_macs,
                                                              const Moment& now) const {
  Candidate candidate{std::move(model), {}, slots_, nullptr};
  candidate.changes = model::diff(model_, candidate.model);
  if (auto error = restart_error(candidate.changes)) {
    return tl::unexpected(std::move(*error));
  }
  auto compiled = plan::compile(input(candidate.model, secret_, device_macs, now, plan_.get()), candidate.slots);
  if (!compiled) {
    return tl::unexpected(api::RpcError{api::Code::refused, compiled.error().text, nullptr});
  }
  candidate.plan = std::move(*compiled);
  return candidate;
}

void Configuration::commit(Candidate candidate) {
  plan::keep_only_used(*candidate.plan, candidate.slots);
  model_ = std::move(candidate.model);
  slots_ = std::move(candidate.slots);
  plan_ = std::move(candidate.plan);
  since_ms_ = unix_ms();
}

void Configuration::swept() {
  slots_.listeners.swept();
  slots_.backends.swept();
  slots_.endpoints.swept();
  slots_.scopes.swept();
}

}  // namespace limpet::control
