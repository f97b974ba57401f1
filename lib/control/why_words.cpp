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

std::string algorithm_words(const path::Decision& decision, const std::string& from) {
  std::string words =
      decision.from.valid()         ? fmt::format("its record named {}, but: {}; the pool's algorithm chose anew", from,
                                                  path::reason_names[static_cast<std::size_t>(decision.reason)])
      : decision.persist == nullptr ? "no profile finds a key; the pool's algorithm chose by client address and port"
                                    : "no record; the pool's algorithm chose by the key";
  words += decision.spilled ? "; a better choice is above max_imbalance" : "";
  words += decision.remember ? "" : "; there is no room for a record, so by rendezvous";
  return words;
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
