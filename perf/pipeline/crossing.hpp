// The Io of one of two workers that share a source: what the source hands out to one may be the other's, and crosses
// by a ring of buffers, as between the workers of a node. Both run on one thread, in turn.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "base/spsc_ring.hpp"
#include "source.hpp"

namespace limpet::perf {

using Ring = SpscRing<std::uint8_t*>;

class Crossing {
 public:
  /// `from` and `to`: filled by the other worker, and read by it.
  Crossing(Source& source, unsigned other, Ring& from, Ring& to) noexcept : source_(source), from_(from), to_(to) {
    sources_[1] = {path::Origin::worker, static_cast<std::uint16_t>(other)};
  }

  /// Whether the source's packets arrive here; without, the ring alone is drained.
  void open_port(bool open) noexcept {
    open_ = open;
    sources_[0] = source_.sources()[0];
  }
  [[nodiscard]] std::span<const path::Source> sources() const noexcept { return sources_; }

  unsigned receive(path::Source from, path::Packet* packets, unsigned max) noexcept {
    if (from.origin == path::Origin::port) {
      return open_ ? source_.receive(from, packets, max) : 0;
    }
    std::array<std::uint8_t*, path::burst_max> frames;
    const auto n = static_cast<unsigned>(from_.pop_burst(frames.data(), std::min(max, path::burst_max)));
    for (unsigned i = 0; i < n; ++i) {
      source_.describe(frames[i], packets[i]);
    }
    return n;
  }

  unsigned transmit(path::Destination to, const path::Packet* packets, unsigned n) noexcept {
    if (to.outlet != path::Outlet::worker) {
      return source_.transmit(to, packets, n);
    }
    return static_cast<unsigned>(
        to_.push_burst(n, [&](std::size_t i) { return static_cast<std::uint8_t*>(packets[i].buffer); }));
  }

 private:
  Source& source_;
  Ring& from_;
  Ring& to_;
  std::array<path::Source, 2> sources_{};
  bool open_ = true;
};

}  // namespace limpet::perf
