// A decision in words. Control thread.
#pragma once

#include <string>
#include <string_view>

#include "path/decide.hpp"
#include "plan/slot_map.hpp"

namespace limpet::control {

/// Why the decision is as it is; `backends` are those that slots stand for.
std::string decision_words(const plan::SlotMap& backends, const path::Decision& decision);

/// Why a new flow is refused; empty: it isn't.
std::string_view admission_words(plan::Admission admission);

}  // namespace limpet::control
