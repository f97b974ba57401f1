// An Io whose flows come and go: of ten packets one is a SYN, one the backend's SYN-ACK, one the client's ACK to that,
// one ends a flow (RST), and six are segments of live flows. The N flows of a rig go round: the flow opened next is the
// one that ended `rest` flows ago, so that nearly N are live all the time.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "buffers.hpp"
#include "rig.hpp"

namespace limpet::perf {

class Churn {
 public:
  static constexpr std::uint32_t rest = 1 << 15;  // flows that have ended and not come back yet
  static constexpr unsigned a_step = 10;          // packets, of which one opens a flow

  explicit Churn(const Rig& rig)
      : flows_(rig.setup().flows),
        services_(rig.setup().estate.services),
        backend_of_flow_(rig.backend_of_flow()),
        syn_(rig.stream(Direction::in, net::tcp_flag::syn).frame),
        answer_(rig.stream(Direction::back, net::tcp_flag::syn | net::tcp_flag::ack).frame),
        ack_(rig.stream(Direction::in, net::tcp_flag::ack).frame),
        reset_(rig.stream(Direction::in, net::tcp_flag::rst).frame) {
    sources_[0].index = back_port.value();
    sources_[1].index = front_port.value();
  }

  [[nodiscard]] std::span<const path::Source> sources() const noexcept { return sources_; }

  unsigned receive(path::Source from, path::Packet* packets, unsigned max) noexcept {
    if (from.index == front_port.value()) {
      while (front_.size() < fifo_size) {
        step();
      }
      return hand_out(front_, ack_.size, front_port, packets, max);
    }
    return back_.size() < max ? 0 : hand_out(back_, answer_.size, back_port, packets, max);
  }
  unsigned transmit(path::Destination, const path::Packet* packets, unsigned n) noexcept {
    for (unsigned i = 0; i < n; ++i) {
      buffers_.give(packets[i].buffer);
    }
    return n;
  }

  /// What ends a rig's first flows: `rest` packets of it go before the first of ours.
  [[nodiscard]] static Stream first_ends(const Rig& rig) {
    Stream stream = rig.stream(Direction::in, net::tcp_flag::rst);
    stream.pick = Pick::in_turn;
    return stream;
  }

 private:
  static constexpr PortIndex back_port{0}, front_port{1};
  // Steps until a packet of the same flow may follow: longer than the FIFOs hold one.
  static constexpr std::uint32_t answer_after = 500, ack_after = 1500;

  static unsigned hand_out(Fifo& fifo, std::uint16_t size, PortIndex port, path::Packet* packets, unsigned n) noexcept {
    for (unsigned i = 0; i < n; ++i) {
      Buffers::describe(fifo.pop(), size, port, packets[i]);
    }
    return n;
  }
  void put(Fifo& fifo, const Template& frame, std::uint32_t flow, std::uint32_t far) noexcept {
    std::uint8_t* const at = buffers_.take();
    write_frame(frame, near_of(flow, frame.first_port), far, at);
    fifo.push(at);
  }
  void put_in(const Template& frame, std::uint32_t flow) noexcept {
    put(front_, frame, flow, service_of(flow, services_));
  }
  [[nodiscard]] std::uint32_t flow_at(std::uint32_t distance) const noexcept {
    const std::uint32_t flow = head_ + distance;
    return flow < flows_ ? flow : flow - flows_;
  }
  void step() noexcept {
    put_in(syn_, head_);
    put_in(reset_, flow_at(rest));
    for (unsigned i = 0; i < 6; ++i) {
      put_in(ack_, flow_at(rest + 1 + random_.below(flows_ - rest - 2 * ack_after)));
    }
    if (steps_ >= answer_after) {
      const std::uint32_t flow = flow_at(flows_ - answer_after);
      put(back_, answer_, flow, backend_of_flow_[flow]);
    }
    if (steps_ >= ack_after) {
      put_in(ack_, flow_at(flows_ - ack_after));
    }
    ++steps_;
    head_ = flow_at(1);
  }

  std::uint32_t flows_, services_;
  const std::uint32_t* backend_of_flow_;
  Template syn_, answer_, ack_, reset_;
  Buffers buffers_;
  Fifo front_, back_;
  Random random_;
  std::array<path::Source, 2> sources_{};
  std::uint32_t head_ = 0;
  std::uint64_t steps_ = 0;
};

}  // namespace limpet::perf
