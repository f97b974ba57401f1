// Stage 2: headers to values. Frames that contradict themselves end here.
#pragma once

#include "path/burst.hpp"

namespace limpet::path {

void parse(Burst& burst) noexcept;

}  // namespace limpet::path
