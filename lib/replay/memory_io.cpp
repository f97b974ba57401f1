#include "replay/memory_io.hpp"

#include <algorithm>

namespace limpet::replay {

using path::Destination;
using path::Origin;
using path::Outlet;
using path::Packet;
using path::Source;

std::unique_ptr<Wires::Frame> make_frame(PortIndex port, std::span<const std::uint8_t> bytes,
                                         std::size_t segment_bytes) {
  const std::size_t first = segment_bytes == 0 ? bytes.size() : std::min(bytes.size(), segment_bytes);
  // ICMP errors and answers may outgrow a small frame: room for the largest of them (RFC 4443: 1280 bytes).
  const std::size_t room = std::max<std::size_t>(first + 128, 1536);
  auto frame = std::make_unique<Wires::Frame>();
  frame->port = port;
  frame->size = bytes.size();
  frame->room.resize(headroom_bytes + room);
  std::copy_n(bytes.begin(), first, frame->room.begin() + headroom_bytes);
  frame->rest.assign(bytes.begin() + static_cast<std::ptrdiff_t>(first), bytes.end());
  return frame;
}

namespace {

/// The whole frame that `packet` is now.
std::vector<std::uint8_t> bytes_of(const Packet& packet, const Wires::Frame& frame) {
  if (frame.rest.empty() || packet.contiguous == packet.size) {
    return {packet.data, packet.data + packet.size};
  }
  std::vector<std::uint8_t> bytes(packet.data, packet.data + packet.contiguous);
  const std::size_t more = std::min<std::size_t>(packet.size - packet.contiguous, frame.rest.size());
  bytes.insert(bytes.end(), frame.rest.begin(), frame.rest.begin() + static_cast<std::ptrdiff_t>(more));
  return bytes;
}

void to_packet(Wires::Frame* frame, Packet& packet) {
  packet.data = frame->room.data() + headroom_bytes;
  packet.buffer = frame;
  packet.size = static_cast<std::uint32_t>(frame->size);
  packet.contiguous = static_cast<std::uint16_t>(std::min<std::size_t>(frame->size - frame->rest.size(), 65535));
  packet.headroom = headroom_bytes;
  packet.capacity = static_cast<std::uint16_t>(std::min<std::size_t>(frame->room.size() - headroom_bytes, 65535));
  packet.port = frame->port;
}

}  // namespace

MemoryIo::MemoryIo(Wires& wires, unsigned worker, unsigned workers)
    : wires_(wires), worker_(worker), workers_(workers) {
  for (unsigned other = 0; other < workers; ++other) {
    if (other != worker) {
      sources_.push_back({Origin::worker, static_cast<std::uint16_t>(other)});
    }
  }
  sources_.push_back({Origin::port, 0});
  if (worker == 0) {
    sources_.push_back({Origin::control, 0});
  }
}

Wires::Queue& MemoryIo::queue_of(Source source) noexcept {
  switch (source.origin) {
    case Origin::worker:
      return wires_.handed[source.index * workers_ + worker_];
    case Origin::control:
      return wires_.from_control;
    default:
      return wires_.queues[worker_];
  }
}

unsigned MemoryIo::receive(Source source, Packet* packets, unsigned max) {
  Wires::Queue& queue = queue_of(source);
  unsigned count = 0;
  for (; count < max && !queue.empty(); ++count) {
    to_packet(queue.front().release(), packets[count]);
    queue.pop_front();
  }
  return count;
}

bool MemoryIo::make(PortIndex received_on, std::span<const std::uint8_t> frame, Packet& packet) {
  to_packet(make_frame(received_on, frame).release(), packet);
  return true;
}

unsigned MemoryIo::transmit(Destination to, const Packet* packets, unsigned n) {
  for (unsigned i = 0; i < n; ++i) {
    const Packet& packet = packets[i];
    std::unique_ptr<Wires::Frame> frame(static_cast<Wires::Frame*>(packet.buffer));
    switch (to.outlet) {
      case Outlet::port:
      case Outlet::kernel:
        wires_.sent.push_back({PortIndex(to.index), to.outlet == Outlet::kernel, bytes_of(packet, *frame)});
        break;
      case Outlet::worker:
        wires_.handed[worker_ * workers_ + to.index].push_back(std::move(frame));
        break;
      case Outlet::release:
        break;
    }
  }
  return n;
}

void MemoryIo::arrive(PortIndex port, std::span<const std::uint8_t> bytes) {
  wires_.queues[worker_].push_back(make_frame(port, bytes, wires_.segment_bytes));
}

bool MemoryIo::idle() const noexcept {
  for (unsigned other = 0; other < workers_; ++other) {
    if (!wires_.handed[other * workers_ + worker_].empty()) {
      return false;
    }
  }
  return wires_.queues[worker_].empty() && (worker_ != 0 || wires_.from_control.empty());
}

}  // namespace limpet::replay
