// A decision in words. Control thread.
#pragma once

#include <string>
#include <string_view>

#include "path/decide.hpp"
#include "plan/slot_map.hpp"

namespace limpet::control {

/// Why the decision is as it is; `backends` are those that slots stand for.
std::string decision_words(const plan::SlotMap& backends, const path::Decision& decision);

/// Why a profile of this type finds no key, by what there was of the value where it looks.
std::string_view passed_words(model::ProfileType type, extract::Found value);

/// Why a new flow is refused; empty: it isn't.
std::string_view admission_words(plan::Admission admission);

}  // namespace limpet::control
