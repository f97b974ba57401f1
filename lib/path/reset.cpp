#include "path/reset.hpp"

#include "l3/reset.hpp"
#include "net/tcp_edit.hpp"
#include "path/leave.hpp"
#include "plan/gateways.hpp"

namespace limpet::path {

namespace {

/// `size` bytes of a reply lie where the packet was; 0: there is none.
bool turn_back(Packet& packet, Item& item, std::size_t size, Counter otherwise) noexcept {
  if (size == 0) {
    item.drop(otherwise);
    return false;
  }
  packet.size = static_cast<std::uint32_t>(size);
  packet.contiguous = static_cast<std::uint16_t>(size);
  item.verdict = Verdict::reply;
  return true;
}

}  // namespace

void reset_sender(State& state, const plan::Plan& plan, Packet& packet, const net::Parsed& parsed, Item& item,
                  Counter otherwise) noexcept {
  const plan::Interface& in = plan.interfaces[item.interface.value()];
  const l3::Buffer buffer{packet.data, packet.size, packet.capacity};
  if (turn_back(packet, item, l3::reset_in_place(buffer, parsed, in.mac), otherwise)) {
    state.counters.add(Counter::resets);
  }
}

void answer_sender(const plan::Plan& plan, Packet& packet, const net::Parsed& parsed, Item& item,
                   const l3::Segment& segment, Counter otherwise) noexcept {
  const l3::Buffer buffer{packet.data, packet.size, packet.capacity};
  const plan::Interface& in = plan.interfaces[item.interface.value()];
  turn_back(packet, item, l3::answer_segment(buffer, parsed, in.mac, segment), otherwise);
}

void reset_receiver(State& state, const plan::Plan& plan, const Packet& packet, const net::Parsed& parsed,
                    const net::Endpoint& source, const net::Endpoint& destination) noexcept {
  auto hop = plan.routes.find(destination.address);
  if (hop) {
    hop = hop_of_flow(state, plan, *hop, plan::flow_of(destination.address, destination.l4_port));
  }
  if (!hop || packet.contiguous < std::size_t{parsed.l4_offset} + net::tcp::size) {
    return;
  }
  const l3::Adjacency next = state.node.adjacencies.find(hop->interface, hop->next_hop);
  if (next.state != l3::AdjacencyState::reachable) {
    return;
  }
  const plan::Interface& out = plan.interfaces[hop->interface.value()];
  l3::Frame frame;
  frame.interface = hop->interface;
  const l3::Segment reset{.sequence = net::tcp_sequence(packet.data, parsed),
                          .acknowledgment = net::tcp_acknowledgment(packet.data, parsed),
                          .flags = net::tcp_flag::rst | net::tcp_flag::ack};
  frame.size = static_cast<std::uint16_t>(
      l3::make_segment(frame.bytes, {out.mac, next.mac, out.vlan}, source, destination, reset));
  if (frame.size != 0 && state.to_control.resets.push(frame)) {
    state.counters.add(Counter::resets);
  }
}

}  // namespace limpet::path
