// What connects the ports and the workers of a node: a ring from every worker to every other for packets handed off,
// rings towards transmit queues of others, and the ring for control's frames. Made by the main thread before workers
// start; each ring has one producer and one consumer.
#pragma once

#include <rte_mbuf.h>

#include <memory>
#include <span>
#include <vector>

#include "base/spsc_ring.hpp"
#include "l3/frame.hpp"
#include "nic/buffers.hpp"
#include "nic/port.hpp"

namespace limpet::worker {

inline constexpr std::size_t handoff_ring_size = 1024;
/// A burst of more than `handoff_few` packets leaves this many places of a ring free: a flood by one port comes in long
/// bursts, and must not shut out the few packets of another.
inline constexpr std::size_t handoff_kept_for_few = handoff_ring_size / 8;
inline constexpr unsigned handoff_few = 4;
inline constexpr std::size_t relay_ring_size = 512;
inline constexpr std::size_t control_ring_size = 256;

using MbufRing = SpscRing<rte_mbuf*>;

/// A frame of control's and the port it leaves by.
struct ControlFrame {
  PortIndex port;
  l3::Frame frame;
};

class Fabric {
 public:
  /// `ports` by PortIndex; `kernels` likewise, null where a port has no kernel device.
  Fabric(unsigned workers, std::span<nic::Port* const> ports, std::span<nic::Port* const> kernels);
  Fabric(const Fabric&) = delete;
  Fabric& operator=(const Fabric&) = delete;
  /// Frees what is still in the rings; all workers have stopped, the ports still stand.
  ~Fabric();

  [[nodiscard]] unsigned workers() const noexcept { return workers_; }
  [[nodiscard]] std::size_t port_count() const noexcept { return ports_.size(); }
  [[nodiscard]] nic::Port* port(std::size_t index) const noexcept { return ports_[index]; }
  [[nodiscard]] nic::Port* kernel(std::size_t index) const noexcept { return kernels_[index]; }

  /// producer: worker `from`; consumer: worker `to`.
  [[nodiscard]] MbufRing& handoff(unsigned from, unsigned to) noexcept { return *handoff_[from * workers_ + to]; }
  /// Packets of worker `from`, which has no transmit queue at `port`, or is not to wait for the kernel. producer: that
  /// worker; consumer: the port's sender for it. Null where the worker sends by itself.
  [[nodiscard]] MbufRing* relay(const nic::Port& port, unsigned from) noexcept {
    return relays_[(port.index().value() * 2u + (port.is_kernel() ? 1u : 0u)) * workers_ + from].get();
  }
  /// producer: control; consumer: worker 0.
  SpscRing<ControlFrame> control{control_ring_size};

 private:
  void add_relays(const nic::Port& port);

  unsigned workers_;
  std::vector<nic::Port*> ports_;
  std::vector<nic::Port*> kernels_;
  std::vector<std::unique_ptr<MbufRing>> handoff_;  // null on the diagonal
  std::vector<std::unique_ptr<MbufRing>> relays_;
};

/// Buffers that the rings of a node may hold at once.
unsigned buffers_in_rings(unsigned workers, std::size_t devices) noexcept;

}  // namespace limpet::worker
