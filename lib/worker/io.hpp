// The Io of one worker (see path/packet.hpp): its queues of the ports and kernel devices, the rings from other workers
// and control's frames. Worker's thread only, once made. Never allocates: a frame of control's takes an mbuf of the
// pool, or waits when there is none.
#pragma once

#include <rte_cycles.h>

#include <array>
#include <span>
#include <utility>
#include <vector>

#include "path/packet.hpp"
#include "worker/fabric.hpp"

namespace limpet::worker {

class Io {
 public:
  /// `pool`: where frames of control's come from.
  Io(unsigned worker, Fabric& fabric, rte_mempool* pool, bool times_devices = false);
  Io(const Io&) = delete;
  Io& operator=(const Io&) = delete;
  ~Io();

  /// In the order of a turn. Other workers' rings are among them once for every port: in a turn they too receive a
  /// burst of each port.
  [[nodiscard]] std::span<const path::Source> sources() const noexcept { return sources_; }
  unsigned receive(path::Source source, path::Packet* packets, unsigned max) noexcept;
  unsigned transmit(path::Destination destination, const path::Packet* packets, unsigned n) noexcept;
  bool make(PortIndex received_on, std::span<const std::uint8_t> frame, path::Packet& packet) noexcept;

  /// Keeps bonding devices talking. `now_tsc` never goes back.
  void pulse(std::uint64_t now_tsc) noexcept {
    if (!pulses_.empty() && now_tsc >= next_pulse_) [[unlikely]] {
      send_pulses(now_tsc);
    }
  }

  /// Sends on what workers without a transmit queue of a port gave to this one, and what is for the kernel, which gets
  /// a small part of the worker's time however much there is. How many packets left.
  unsigned relay() noexcept;

  /// TSC cycles that calls of devices have taken since it was asked last; 0 where they are not timed.
  std::uint64_t take_device_cycles() noexcept { return std::exchange(device_cycles_, 0); }

 private:
  /// A ring of another worker whose packets leave by this one's queue. What the device does not take stays `staged`.
  struct Relay {
    nic::Port* port;
    MbufRing* ring;
    unsigned staged_count = 0;
    std::array<rte_mbuf*, path::burst_max> staged{};
  };

  template <class Call>
  unsigned timed(Call&& call) noexcept {
    if (!times_devices_) [[likely]] {
      return call();
    }
    const std::uint64_t begin = rte_rdtsc();
    const unsigned result = call();
    device_cycles_ += rte_rdtsc() - begin;
    return result;
  }

  void send_pulses(std::uint64_t now_tsc) noexcept;
  unsigned take(nic::Port& port, path::Packet* packets, unsigned max) noexcept;
  unsigned send_staged(Relay& relay) noexcept;
  void add_device(nic::Port* port, path::Origin origin);
  void add_workers();
  unsigned receive_control(path::Packet* packets, unsigned max) noexcept;
  unsigned send(nic::Port* port, const path::Packet* packets, unsigned n) noexcept;

  const unsigned worker_;
  Fabric& fabric_;
  rte_mempool* const pool_;
  const bool times_devices_;
  std::vector<path::Source> sources_;
  std::vector<Relay> relays_;
  std::vector<nic::Port*> pulses_;
  std::uint64_t next_pulse_ = 0;   // TSC
  std::uint64_t kernel_from_ = 0;  // TSC: not before then is anything sent to the kernel
  std::uint64_t device_cycles_ = 0;
};

}  // namespace limpet::worker
