// A decision in words. Control thread.
#pragma once

#include <string>

#include "path/decide.hpp"
#include "plan/slot_map.hpp"

namespace limpet::control {

/// Why the decision is as it is; `backends` are those that slots stand for.
std::string decision_words(const plan::SlotMap& backends, const path::Decision& decision);

}  // namespace limpet::control
