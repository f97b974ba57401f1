// Packet buffers as far apart as a NIC's, and the list of the free ones.
#pragma once

#include <array>
#include <cstdint>

#include "memory.hpp"
#include "path/packet.hpp"

namespace limpet::perf {

inline constexpr unsigned fifo_size = 1024;  // packets between being written and being handed out

class Buffers {
 public:
  static constexpr unsigned count = 2 * fifo_size;

  Buffers() : memory_(std::size_t{count} * stride) {
    for (unsigned i = 0; i < count; ++i) {
      free_[i] = reinterpret_cast<std::uint8_t*>(memory_.bytes().data()) + std::size_t{i} * stride + headroom;
    }
  }
  [[nodiscard]] std::uint8_t* take() noexcept { return free_[--free_count_]; }
  void give(void* frame) noexcept { free_[free_count_++] = static_cast<std::uint8_t*>(frame); }

  static void describe(std::uint8_t* frame, std::uint16_t size, PortIndex port, path::Packet& packet) noexcept {
    packet.data = frame;
    packet.buffer = frame;
    packet.size = size;
    packet.contiguous = size;
    packet.headroom = headroom;
    packet.capacity = stride - headroom;
    packet.port = port;
  }
  /// 0 .. count - 1.
  [[nodiscard]] unsigned index_of(const void* frame) const noexcept {
    return static_cast<unsigned>((static_cast<const std::byte*>(frame) - memory_.bytes().data()) / stride);
  }

 private:
  static constexpr std::uint16_t headroom = 128;
  static constexpr std::uint16_t stride = 2048 + 2 * headroom;

  HugeMemory memory_;
  std::array<std::uint8_t*, count> free_{};
  unsigned free_count_ = count;
};

/// Frames in the order they were made.
class Fifo {
 public:
  void push(std::uint8_t* frame) noexcept { frames_[end_++ % frames_.size()] = frame; }
  [[nodiscard]] std::uint8_t* pop() noexcept { return frames_[begin_++ % frames_.size()]; }
  [[nodiscard]] unsigned size() const noexcept { return end_ - begin_; }

 private:
  std::array<std::uint8_t*, Buffers::count> frames_{};
  unsigned begin_ = 0;
  unsigned end_ = 0;
};

/// Numbers without order, the same in every run.
class Random {
 public:
  [[nodiscard]] std::uint32_t bits() noexcept {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<std::uint32_t>(state_ >> 32);
  }
  [[nodiscard]] std::uint32_t below(std::uint32_t limit) noexcept {
    return static_cast<std::uint32_t>(std::uint64_t{bits()} * limit >> 32);
  }

 private:
  std::uint64_t state_ = 0x9e3779b97f4a7c15ULL;
};

}  // namespace limpet::perf
