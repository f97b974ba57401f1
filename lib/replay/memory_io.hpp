// An Io in memory: frames go in by hand and come out into a list. Ports have one queue per worker; workers hand
// packets to each other through the same kind of rings as on a NIC. Single-threaded: tests, replay, simulation.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "l3/frame.hpp"
#include "path/packet.hpp"

namespace limpet::replay {

inline constexpr std::size_t headroom_bytes = 128;

/// A frame that left by a port (or, `to_kernel`, by its exception device).
struct Sent {
  PortIndex port;
  bool to_kernel = false;
  std::vector<std::uint8_t> bytes;
};

/// What all workers of one node share.
struct Wires {
  explicit Wires(unsigned workers, std::size_t segment = 0)
      : queues(workers), handed(workers * workers), segment_bytes(segment) {}
  struct Frame {
    PortIndex port;
    std::vector<std::uint8_t> room;  // headroom, then the frame (its first segment), then tailroom
    std::size_t size = 0;            // of the whole frame
    std::vector<std::uint8_t> rest;  // of the frame, in other segments
  };
  using Queue = std::deque<std::unique_ptr<Frame>>;
  std::vector<Queue> queues;  // received, by worker
  std::vector<Queue> handed;  // from * workers + to
  Queue from_control;
  std::vector<Sent> sent;
  std::size_t segment_bytes;  // larger frames arrive in two segments, the first of this size; 0: none do
};

class MemoryIo {
 public:
  MemoryIo(Wires& wires, unsigned worker, unsigned workers);

  [[nodiscard]] std::span<const path::Source> sources() const noexcept { return sources_; }
  unsigned receive(path::Source source, path::Packet* packets, unsigned max);
  unsigned transmit(path::Destination to, const path::Packet* packets, unsigned n);
  bool make(PortIndex received_on, std::span<const std::uint8_t> frame, path::Packet& packet);

  /// A frame arrives on a port, at this worker.
  void arrive(PortIndex port, std::span<const std::uint8_t> bytes);
  /// Nothing is left to receive.
  [[nodiscard]] bool idle() const noexcept;

 private:
  [[nodiscard]] Wires::Queue& queue_of(path::Source source) noexcept;

  Wires& wires_;
  unsigned worker_;
  unsigned workers_;
  std::vector<path::Source> sources_;
};

/// A frame with room around it, in two segments where it is larger than `segment_bytes` and that is not 0.
std::unique_ptr<Wires::Frame> make_frame(PortIndex port, std::span<const std::uint8_t> bytes,
                                         std::size_t segment_bytes = 0);

}  // namespace limpet::replay
