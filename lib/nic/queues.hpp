// Which worker serves which queue of a device. Pure; the same for every device of a node.
//
// Receive queue q belongs to worker q: as many queues as workers if the device has them; a worker without one lives
// from what others hand to it. Transmit queues likewise; a worker without one gives its packets to `sender(worker)`
// over a ring of their own, and that worker sends them: no lock, and the order of a flow stays.
#pragma once

#include <algorithm>
#include <cstdint>

namespace limpet::nic {

struct Queues {
  unsigned workers = 1;
  unsigned receive = 1;   // 1 .. workers
  unsigned transmit = 1;  // 1 .. workers

  static constexpr Queues choose(unsigned workers, unsigned receive_max, unsigned transmit_max) noexcept {
    return {workers, std::clamp(receive_max, 1u, workers), std::clamp(transmit_max, 1u, workers)};
  }
  [[nodiscard]] constexpr bool receives(unsigned worker) const noexcept { return worker < receive; }
  /// The worker whose queue sends for `worker`; itself where it has one.
  [[nodiscard]] constexpr unsigned sender(unsigned worker) const noexcept { return worker % transmit; }
  /// The receive queue nearest to a worker: its own, or one of another worker that hands its packets over.
  [[nodiscard]] constexpr std::uint16_t receive_queue(unsigned worker) const noexcept {
    return static_cast<std::uint16_t>(worker % receive);
  }
};

}  // namespace limpet::nic
