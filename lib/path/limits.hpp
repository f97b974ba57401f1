// What one worker's path may take, of memory and otherwise: from the model's [limits], known at start.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.hpp"
#include "model/model.hpp"

namespace limpet::path {

struct Limits {
  std::uint32_t icmp_errors_max = 1000;  // made in a second
  std::uint32_t fragments_max = 4096;    // datagrams whose fragments are under way
  std::uint32_t fragments_held_max = 256;
  std::uint64_t fragments_held_bytes = 64ULL << 20;
  Millis fragment_timeout_ms = 3000;
  std::uint32_t sources_max = 4096;       // whose limits are watched
  std::uint32_t awaited_max = 4096;       // connections that a backend is yet to be found for
  std::uint32_t awaited_held_max = 4096;  // packets of theirs
  std::uint64_t spliced_max = 65536;
  std::uint32_t replies_max = 4096;  // responses in hand
};

inline Limits limits_of(const model::Limits& limits, unsigned workers) noexcept {
  return {limits.icmp_errors_max,     limits.fragments_max,
          limits.fragments_held_max,  limits.held_max_bytes / std::max(workers, 1u),
          limits.fragment_timeout_ms, limits.sources_max,
          limits.delayed_max,         limits.delayed_max,
          limits.flows_max,           limits.delayed_max};
}

}  // namespace limpet::path
