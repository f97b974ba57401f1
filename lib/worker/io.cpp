#include "worker/io.hpp"

#include <rte_prefetch.h>

#include <algorithm>
#include <cstring>

#include "nic/mbuf.hpp"
#include "nic/received.hpp"

namespace limpet::worker {

using path::burst_max;
using path::Destination;
using path::Origin;
using path::Outlet;
using path::Packet;
using path::Source;

namespace {

constexpr std::uint64_t pulses_per_s = 50;
constexpr unsigned kernel_burst_max = 8;       // of a turn, from the kernel
constexpr std::uint64_t kernel_share_inv = 8;  // sending to the kernel may take this part of the time

unsigned fill(Packet* packets, rte_mbuf** mbufs, unsigned count, PortIndex port) noexcept {
  for (unsigned i = 0; i < count; ++i) {
    nic::to_packet(mbufs[i], port, packets[i]);
  }
  return count;
}

/// For ports whose device has something to say about some frames.
unsigned fill_looking(Packet* packets, rte_mbuf** mbufs, unsigned count, PortIndex port,
                      std::uint64_t look_at) noexcept {
  std::uint64_t flags = 0;
  for (unsigned i = 0; i < count; ++i) {
    flags |= mbufs[i]->ol_flags;
  }
  if ((flags & look_at) == 0) [[likely]] {
    return fill(packets, mbufs, count, port);
  }
  for (unsigned i = 0; i < count; ++i) {
    const bool right = (mbufs[i]->ol_flags & look_at) == 0 || nic::put_right(mbufs[i]);
    nic::to_packet(mbufs[i], port, packets[i]);
    if (!right) {
      packets[i].contiguous = 0;
    }
  }
  return count;
}

/// What another core wrote last comes from its cache: all are asked for before the first is read.
unsigned pop(MbufRing& ring, Packet* packets, unsigned max) noexcept {
  std::array<rte_mbuf*, burst_max> mbufs;
  const auto count = static_cast<unsigned>(ring.pop_burst(mbufs.data(), std::min(max, burst_max)));
  for (unsigned i = 0; i < count; ++i) {
    rte_prefetch0(mbufs[i]);
  }
  for (unsigned i = 0; i < count; ++i) {
    nic::to_packet(mbufs[i], PortIndex(mbufs[i]->port), packets[i]);
  }
  return count;
}

unsigned push(MbufRing& ring, const Packet* packets, unsigned n, std::size_t kept = 0) noexcept {
  return static_cast<unsigned>(ring.push_burst(
      n, [&](std::size_t i) { return nic::to_mbuf(packets[i]); }, kept));
}

unsigned release(const Packet* packets, unsigned n) noexcept {
  std::array<rte_mbuf*, burst_max> mbufs;
  for (unsigned done = 0; done < n;) {
    const unsigned chunk = std::min(n - done, burst_max);
    for (unsigned i = 0; i < chunk; ++i) {
      mbufs[i] = static_cast<rte_mbuf*>(packets[done + i].buffer);
    }
    rte_pktmbuf_free_bulk(mbufs.data(), chunk);
    done += chunk;
  }
  return n;
}

}  // namespace

Io::Io(unsigned worker, Fabric& fabric, rte_mempool* pool, bool times_devices)
    : worker_(worker), fabric_(fabric), pool_(pool), times_devices_(times_devices) {
  for (std::size_t i = 0; i < fabric.port_count(); ++i) {
    add_device(fabric.kernel(i), Origin::kernel);
    add_device(fabric.port(i), Origin::port);
    add_workers();
  }
  if (worker == 0) {
    sources_.push_back({Origin::control, 0});
  }
}

void Io::add_workers() {
  for (unsigned from = 0; from < fabric_.workers(); ++from) {
    if (from != worker_) {
      sources_.push_back({Origin::worker, static_cast<std::uint16_t>(from)});
    }
  }
}

void Io::add_device(nic::Port* port, Origin origin) {
  if (port == nullptr) {
    return;
  }
  if (worker_ == 0 && port->needs_pulse()) {
    pulses_.push_back(port);
  }
  if (port->queues().receives(worker_)) {
    sources_.push_back({origin, port->index().value()});
  }
  for (unsigned from = 0; from < fabric_.workers(); ++from) {
    if (MbufRing* ring = fabric_.relay(*port, from); ring != nullptr && port->queues().sender(from) == worker_) {
      relays_.push_back({port, ring});
    }
  }
}

Io::~Io() {
  for (auto& relay : relays_) {
    rte_pktmbuf_free_bulk(relay.staged.data(), relay.staged_count);
  }
}

unsigned Io::take(nic::Port& port, Packet* packets, unsigned max) noexcept {
  std::array<rte_mbuf*, burst_max> mbufs;
  const unsigned count = timed([&] { return port.receive(worker_, mbufs.data(), max); });
  const std::uint64_t look_at = port.offloads().look_at;
  return look_at == 0 ? fill(packets, mbufs.data(), count, port.index())
                      : fill_looking(packets, mbufs.data(), count, port.index(), look_at);
}

unsigned Io::receive(Source source, Packet* packets, unsigned max) noexcept {
  max = std::min(max, burst_max);
  switch (source.origin) {
    case Origin::port:
      return take(*fabric_.port(source.index), packets, max);
    case Origin::kernel:
      return take(*fabric_.kernel(source.index), packets, std::min(max, kernel_burst_max));
    case Origin::worker:
      return pop(fabric_.handoff(source.index, worker_), packets, max);
    case Origin::control:
      return receive_control(packets, max);
    case Origin::self:
      break;
  }
  return 0;
}

bool Io::make(PortIndex received_on, std::span<const std::uint8_t> frame, Packet& packet) noexcept {
  rte_mbuf* const mbuf = rte_pktmbuf_alloc(pool_);
  if (mbuf == nullptr) {
    return false;
  }
  char* const room = rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(frame.size()));
  if (room == nullptr) {
    rte_pktmbuf_free(mbuf);
    return false;
  }
  std::memcpy(room, frame.data(), frame.size());
  nic::to_packet(mbuf, received_on, packet);
  return true;
}

unsigned Io::receive_control(Packet* packets, unsigned max) noexcept {
  unsigned count = 0;
  while (count < max && !fabric_.control.empty()) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_);
    ControlFrame item;
    if (mbuf == nullptr || !fabric_.control.pop(item)) {
      rte_pktmbuf_free(mbuf);
      break;
    }
    const auto bytes = item.frame.view();
    std::memcpy(rte_pktmbuf_append(mbuf, item.frame.size), bytes.data(), bytes.size());
    nic::to_packet(mbuf, item.port, packets[count++]);
  }
  return count;
}

unsigned Io::transmit(Destination destination, const Packet* packets, unsigned n) noexcept {
  switch (destination.outlet) {
    case Outlet::port:
      return send(fabric_.port(destination.index), packets, n);
    case Outlet::kernel:
      return send(fabric_.kernel(destination.index), packets, n);
    case Outlet::worker:
      return push(fabric_.handoff(worker_, destination.index), packets, n, n > handoff_few ? handoff_kept_for_few : 0);
    case Outlet::release:
      return release(packets, n);
  }
  return 0;
}

unsigned Io::send(nic::Port* port, const Packet* packets, unsigned n) noexcept {
  if (port == nullptr) {
    return 0;
  }
  if (MbufRing* ring = fabric_.relay(*port, worker_); ring != nullptr) {
    return push(*ring, packets, n);
  }
  std::array<rte_mbuf*, burst_max> mbufs;
  unsigned sent = 0;
  while (sent < n) {
    const unsigned chunk = std::min(n - sent, burst_max);
    for (unsigned i = 0; i < chunk; ++i) {
      mbufs[i] = nic::to_mbuf(packets[sent + i]);
    }
    const unsigned taken = timed([&] { return port->send(worker_, mbufs.data(), chunk); });
    sent += taken;
    if (taken < chunk) {
      break;
    }
  }
  return sent;
}

unsigned Io::relay() noexcept {
  unsigned sent = 0;
  for (auto& relay : relays_) {
    relay.staged_count += static_cast<unsigned>(
        relay.ring->pop_burst(relay.staged.data() + relay.staged_count, burst_max - relay.staged_count));
    if (relay.staged_count == 0) {
      continue;
    }
    if (!relay.port->is_kernel()) {
      sent += send_staged(relay);
      continue;
    }
    // A device of the kernel's may make a system call for each burst: a flood of what is for the kernel, which the
    // rings hold back and drop, must not cost the others' time.
    const std::uint64_t begin = rte_rdtsc();
    if (begin >= kernel_from_) {
      sent += send_staged(relay);
      const std::uint64_t end = rte_rdtsc();
      // Longer than a millisecond it did not take: the thread was put aside.
      kernel_from_ = end + std::min(end - begin, rte_get_tsc_hz() / 1000) * (kernel_share_inv - 1);
    }
  }
  return sent;
}

void Io::send_pulses(std::uint64_t now_tsc) noexcept {
  next_pulse_ = now_tsc + rte_get_tsc_hz() / pulses_per_s;
  for (const nic::Port* port : pulses_) {
    port->pulse();
  }
}

unsigned Io::send_staged(Relay& relay) noexcept {
  const unsigned taken = timed([&] { return relay.port->send(worker_, relay.staged.data(), relay.staged_count); });
  std::copy(relay.staged.begin() + taken, relay.staged.begin() + relay.staged_count, relay.staged.begin());
  relay.staged_count -= taken;
  return taken;
}

}  // namespace limpet::worker
