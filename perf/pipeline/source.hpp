// An Io without a device: frames made from a template pass a FIFO of 1024 buffers, so that a packet handed out was
// written a thousand packets ago, and come back when the path transmits or releases them.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "buffers.hpp"
#include "path/packet.hpp"
#include "traffic.hpp"

namespace limpet::perf {

/// Which flow the next frame belongs to.
enum class Pick : std::uint8_t {
  mixed,    // a share of the packets in turn, the others any of 0 .. flows - 1
  skewed,   // 80 % of the packets on 1 % of flows 0 .. flows - 1
  in_turn,  // from `next` on, round `end` back to `first`
};

struct Stream {
  Template frame;
  Pick pick = Pick::mixed;
  std::uint32_t services = 1;
  std::uint32_t base = 0;                  // flow 0 of these is flow `base` of all
  const std::uint32_t* numbers = nullptr;  // or, where it is given, number 0 of these
  std::uint32_t flows = 1;
  std::uint32_t in_turn_share = 0;  // in 2^32 packets
  std::uint32_t first = 0;
  std::uint32_t next = 0;
  std::uint32_t end = clients_max;
  const std::uint32_t* backend_of_flow = nullptr;  // direction back
  const Seen* seen_of_flow = nullptr;              // direction back, where it is not the client
  PortIndex port;                                  // received on
};

class Source {
 public:
  /// Starts another stream; what is left of the last one is thrown away. `depth`: packets in the FIFO, at most
  /// fifo_size; `burst`: packets a call of receive.
  void start(const Stream& stream, unsigned depth, unsigned burst) noexcept {
    while (fifo_.size() != 0) {
      buffers_.give(fifo_.pop());
    }
    stream_ = stream;
    burst_ = burst;
    sources_[0].index = stream.port.value();
    look_ahead();
    while (fifo_.size() < depth) {
      make(burst_);
    }
  }
  [[nodiscard]] unsigned burst() const noexcept { return burst_; }
  /// Flows in turn before the first comes round again.
  [[nodiscard]] std::uint32_t left_in_turn() const noexcept { return stream_.end - stream_.next; }

  [[nodiscard]] std::span<const path::Source> sources() const noexcept { return sources_; }

  unsigned receive(path::Source, path::Packet* packets, unsigned) noexcept {
    make(burst_);
    for (unsigned i = 0; i < burst_; ++i) {
      describe(fifo_.pop(), packets[i]);
    }
    return burst_;
  }
  void describe(std::uint8_t* frame, path::Packet& packet) const noexcept {
    Buffers::describe(frame, stream_.frame.size, stream_.port, packet);
  }

  unsigned transmit(path::Destination to, const path::Packet* packets, unsigned n) noexcept {
    if (learn_ != nullptr && to.outlet == path::Outlet::port) {
      for (unsigned i = 0; i < n; ++i) {
        const std::uint32_t flow = flow_of_[buffers_.index_of(packets[i].buffer)];
        learn_[flow] = far_of(stream_.frame, packets[i].data);
        if (learn_seen_ != nullptr) {
          learn_seen_[flow] = Seen(near_in(stream_.frame, packets[i].data));
        }
      }
    }
    for (unsigned i = 0; i < n; ++i) {
      buffers_.give(packets[i].buffer);
    }
    last_ = packets[n - 1];
    return n;
  }

  /// Writes down the backend of every packet made and transmitted from now on, by flow, and what that sees; null: no
  /// more.
  void learn(std::uint32_t* backends, Seen* seen) noexcept {
    learn_ = backends;
    learn_seen_ = seen;
  }
  /// The packet that left last; its bytes are good until the next receive.
  [[nodiscard]] const path::Packet& last() const noexcept { return last_; }

 private:
  [[nodiscard]] std::uint32_t number_of(std::uint32_t flow) const noexcept {
    return stream_.numbers != nullptr ? stream_.numbers[flow] : stream_.base + flow;
  }
  std::uint32_t pick() noexcept {
    switch (stream_.pick) {
      case Pick::mixed:
        if (random_.bits() >= stream_.in_turn_share) {
          return random_.below(stream_.flows);
        }
        break;
      case Pick::skewed:
        return random_.below(stream_.flows >= 100 && random_.below(10) < 8 ? stream_.flows / 100 : stream_.flows);
      case Pick::in_turn:
        break;
    }
    const std::uint32_t flow = stream_.next++;
    if (stream_.next == stream_.end) {
      stream_.next = stream_.first;
    }
    return flow;
  }
  void look_ahead() noexcept {
    for (unsigned i = 0; i < burst_; ++i) {
      ahead_[i] = pick();
      if (stream_.backend_of_flow != nullptr) {
        __builtin_prefetch(stream_.backend_of_flow + ahead_[i]);
      }
      if (stream_.seen_of_flow != nullptr) {
        __builtin_prefetch(stream_.seen_of_flow + ahead_[i]);
      }
    }
  }
  void make(unsigned n) noexcept {
    for (unsigned i = 0; i < n; ++i) {
      const std::uint32_t flow = ahead_[i];
      std::uint8_t* const frame = buffers_.take();
      const std::uint32_t far = stream_.backend_of_flow != nullptr ? stream_.backend_of_flow[flow]
                                                                   : service_of(number_of(flow), stream_.services);
      const Near near = stream_.seen_of_flow != nullptr ? stream_.seen_of_flow[flow].near()
                                                        : near_of(number_of(flow), stream_.frame.first_port);
      write_frame(stream_.frame, near, far, frame);
      fifo_.push(frame);
      if (learn_ != nullptr) {
        flow_of_[buffers_.index_of(frame)] = flow;
      }
    }
    look_ahead();
  }

  Buffers buffers_;
  Fifo fifo_;
  Stream stream_;
  unsigned burst_ = path::burst_max;
  Random random_;
  std::array<path::Source, 1> sources_{};
  std::array<std::uint32_t, path::burst_max> ahead_{};
  std::array<std::uint32_t, Buffers::count> flow_of_{};
  std::uint32_t* learn_ = nullptr;
  Seen* learn_seen_ = nullptr;
  path::Packet last_;
};

}  // namespace limpet::perf
