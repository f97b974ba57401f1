// An Io without a device: frames made from a template pass a FIFO of 1024 buffers, so that a packet handed out was
// written a thousand packets ago, and come back when the path transmits or releases them.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "memory.hpp"
#include "path/packet.hpp"
#include "traffic.hpp"

namespace limpet::perf {

/// Which flow the next frame belongs to.
enum class Pick : std::uint8_t {
  uniform,  // any of the N flows
  skewed,   // 80 % of the packets on 1 % of the flows
  in_turn,  // from `next` on, round the end of the client space back to `first`
};

struct Stream {
  Template frame;
  Pick pick = Pick::uniform;
  std::uint32_t flows = 1;  // uniform, skewed: flows 0 .. flows - 1
  std::uint32_t first = 0;  // in_turn
  std::uint32_t next = 0;
  const std::uint8_t* backend_of_flow = nullptr;  // direction back
  PortIndex port;                                 // received on
};

class Source {
 public:
  static constexpr unsigned fifo_size = 1024;

  Source() : memory_(std::size_t{buffers} * buffer_stride) {
    for (unsigned i = 0; i < buffers; ++i) {
      free_[i] = reinterpret_cast<std::uint8_t*>(memory_.bytes().data()) + std::size_t{i} * buffer_stride + headroom;
    }
  }

  /// Starts another stream; what is left of the last one is thrown away. `depth`: packets in the FIFO, at most
  /// fifo_size; `burst`: packets a call of receive.
  void start(const Stream& stream, unsigned depth, unsigned burst) noexcept {
    while (fifo_begin_ != fifo_end_) {
      free_[free_count_++] = fifo_[fifo_begin_++ % fifo_.size()];
    }
    stream_ = stream;
    burst_ = burst;
    sources_[0].index = stream.port.value();
    look_ahead();
    while (fifo_end_ - fifo_begin_ < depth) {
      make(burst_);
    }
  }
  [[nodiscard]] const Stream& stream() const noexcept { return stream_; }

  [[nodiscard]] std::span<const path::Source> sources() const noexcept { return sources_; }

  unsigned receive(path::Source, path::Packet* packets, unsigned) noexcept {
    make(burst_);
    for (unsigned i = 0; i < burst_; ++i) {
      std::uint8_t* const frame = fifo_[fifo_begin_++ % fifo_.size()];
      packets[i].data = frame;
      packets[i].buffer = frame;
      packets[i].size = stream_.frame.size;
      packets[i].contiguous = stream_.frame.size;
      packets[i].headroom = headroom;
      packets[i].capacity = buffer_stride - headroom;
      packets[i].port = stream_.port;
    }
    return burst_;
  }

  unsigned transmit(path::Destination to, const path::Packet* packets, unsigned n) noexcept {
    if (learn_ != nullptr && to.outlet == path::Outlet::port) {
      for (unsigned i = 0; i < n; ++i) {
        *learn_++ = packets[i].data[stream_.frame.far_at] & 0xf;
      }
    }
    for (unsigned i = 0; i < n; ++i) {
      free_[free_count_++] = static_cast<std::uint8_t*>(packets[i].buffer);
    }
    last_ = packets[n - 1];
    return n;
  }

  /// Writes down the backend of every packet transmitted from now on; null: no more.
  void learn_backends(std::uint8_t* at) noexcept { learn_ = at; }
  /// The packet that left last; its bytes are good until the next receive.
  [[nodiscard]] const path::Packet& last() const noexcept { return last_; }

 private:
  static constexpr unsigned buffers = fifo_size + 2 * path::burst_max;
  static constexpr std::uint16_t headroom = 128;
  static constexpr std::uint16_t buffer_stride = 2048 + 2 * headroom;  // as far apart as a NIC's buffers

  std::uint32_t random(std::uint32_t below) noexcept {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    return static_cast<std::uint32_t>(((random_ >> 32) * below) >> 32);
  }
  std::uint32_t pick() noexcept {
    switch (stream_.pick) {
      case Pick::uniform:
        return random(stream_.flows);
      case Pick::skewed:
        return random(stream_.flows >= 100 && random(10) < 8 ? stream_.flows / 100 : stream_.flows);
      case Pick::in_turn:
        break;
    }
    const std::uint32_t flow = stream_.next++;
    if (stream_.next == clients_max) {
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
    }
  }
  void make(unsigned n) noexcept {
    for (unsigned i = 0; i < n; ++i) {
      const std::uint32_t flow = ahead_[i];
      std::uint8_t* const frame = free_[--free_count_];
      const std::uint8_t far = stream_.backend_of_flow != nullptr ? stream_.backend_of_flow[flow] : vip_of(flow);
      write_frame(stream_.frame, flow, far, frame);
      fifo_[fifo_end_++ % fifo_.size()] = frame;
    }
    look_ahead();
  }

  HugeMemory memory_;
  Stream stream_;
  unsigned burst_ = path::burst_max;
  std::uint64_t random_ = 0x9e3779b97f4a7c15ULL;
  std::array<path::Source, 1> sources_{};
  std::array<std::uint32_t, path::burst_max> ahead_{};
  std::array<std::uint8_t*, buffers> free_{};
  unsigned free_count_ = buffers;
  std::array<std::uint8_t*, 2048> fifo_{};
  unsigned fifo_begin_ = 0;
  unsigned fifo_end_ = 0;
  std::uint8_t* learn_ = nullptr;
  path::Packet last_;
};

}  // namespace limpet::perf
