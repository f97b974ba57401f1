// The clocks of one moment: what is measured by one may have to be told by the other.
#pragma once

#include <cstdint>

#include "base/time.hpp"

namespace limpet::control {

struct Moment {
  Millis boot_ms = 0;        // as workers count
  std::int64_t unix_ms = 0;  // since 1970, UTC
};

}  // namespace limpet::control
