#include "control/why_words.hpp"

#include <fmt/format.h>

namespace limpet::control {
namespace {

std::string refusal_words(const path::Decision& decision, const std::string& from) {
  switch (decision.refusal) {
    case path::Refusal::no_backend:
      return "no backend of the pool takes new sessions";
    case path::Refusal::no_record:
      return "max_records is reached and on_full = refuse";
    case path::Refusal::reset:
      return fmt::format("its record names {}, which is down, and on_down = reset", from);
    case path::Refusal::hold:
      return fmt::format("its record names {}, which is down, and on_down = hold", from);
    case path::Refusal::none:
      break;
  }
  return {};
}

/// Why none of the session's carriers decides.
std::string without_carrier_words(const path::Decision& decision, const std::string& from) {
  if (decision.from.valid()) {
    return fmt::format("its record named {}, but: {}; the pool's algorithm chose anew", from,
                       path::reason_names[static_cast<std::size_t>(decision.reason)]);
  }
  if (decision.persist == nullptr) {
    return "no profile finds a key; the pool's algorithm chose by client address and port";
  }
  switch (decision.persist->by) {
    case model::By::record:
      return "no record; the pool's algorithm chose by the key";
    case model::By::hash:
      return "the pool's algorithm chose by the key, as by = hash says";
    case model::By::route:
    case model::By::rewrite:
    case model::By::insert:
      break;
  }
  return "the backend that the client names can't take it; the pool's algorithm chose by the key";
}

std::string algorithm_words(const path::Decision& decision, const std::string& from) {
  const plan::Persist* const persist = decision.persist;
  const bool remembers = persist == nullptr || (persist->by == model::By::record && !persist->only_learns());
  return fmt::format("{}{}{}", without_carrier_words(decision, from),
                     decision.spilled ? "; a better choice is above max_imbalance" : "",
                     remembers && !decision.remember ? "; there is no room for a record, so by rendezvous" : "");
}

}  // namespace

std::string_view admission_words(plan::Admission admission) {
  switch (admission) {
    case plan::Admission::denied:
      return "new flows of this client are refused by the service's allow and deny lists; live ones go on";
    case plan::Admission::limit_service:
      return "new flows are refused for now: the service's limits.new_flows_per_s is used up";
    case plan::Admission::limit_source:
      return "new flows are refused for now: its limits.per_source.new_flows_per_s is used up";
    case plan::Admission::limit_connections:
      return "new flows are refused: its source has limits.per_source.connections live flows";
    case plan::Admission::admitted:
      break;
  }
  return {};
}

std::string_view passed_words(model::ProfileType type, extract::Found value) {
  if (value == extract::Found::value && type == model::ProfileType::tls_session_id) {
    return "no record knows the session id that the client shows";
  }
  if (value == extract::Found::value) {
    return "what the client shows names no backend of the pool";
  }
  if (value == extract::Found::malformed) {
    return "what the client says can't be read";
  }
  return type == model::ProfileType::x_forwarded_for ? "the client is no trusted proxy, or tells of no address"
                                                     : "the client says nothing that it finds";
}

std::string decision_words(const plan::SlotMap& backends, const path::Decision& decision) {
  const auto from = decision.from.valid() ? backends.name(decision.from.value()) : std::string();
  if (decision.refusal != path::Refusal::none) {
    return refusal_words(decision, from);
  }
  switch (decision.step) {
    case path::Step::token:
      return "the client names it";
    case path::Step::record:
      return "the session's record names it";
    case path::Step::returned:
      return fmt::format("its record names {}, where it went while this one was down; on_return = return", from);
    case path::Step::split:
      return fmt::format("its record names {}, but the key is too heavy for one backend; heavy_key = split", from);
    case path::Step::none:
    case path::Step::algorithm:
      break;
  }
  return algorithm_words(decision, from);
}

}  // namespace limpet::control
