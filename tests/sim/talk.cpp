#include "talk.hpp"

namespace limpet::sim {
namespace {

using net::tcp_flag::ack, net::tcp_flag::fin, net::tcp_flag::rst, net::tcp_flag::syn;

}  // namespace

std::optional<Packet> Talk::next(Random& random) {
  if (!open_) {
    return opening(random);
  }
  if (left_ == 0) {
    return ending(random);
  }
  --left_;
  if (once_in(random, 40)) {
    return from_client(syn);  // late, from a queue somewhere
  }
  const bool down = answers_ && seen_ && once_in(random, 2);
  return down ? from_backend(ack) : from_client(ack);
}

std::optional<Packet> Talk::opening(Random& random) {
  if (!sent_ || once_in(random, 5)) {  // also retransmissions
    sent_ = true;
    return from_client(syn);
  }
  if (!seen_) {
    over_ = once_in(random, 3);  // gives up
    return from_client(syn);
  }
  if (!answers_ || answered_) {
    open_ = true;
    return from_client(ack);
  }
  if (once_in(random, 20)) {  // the backend's listen queue is full, or nobody listens
    over_ = true;
    return from_backend(rst | ack);
  }
  if (once_in(random, 6)) {  // nothing comes back; a spoofed source never goes on
    over_ = once_in(random, 2);
    return std::nullopt;
  }
  answered_ = true;
  return from_backend(syn | ack);
}

Packet Talk::ending(Random& random) {
  if (!tcp_ || once_in(random, 6)) {
    over_ = true;
    return answers_ && once_in(random, 2) ? from_backend(rst | ack) : from_client(rst);
  }
  const unsigned missing = ~fins_ & (answers_ ? 3u : 1u);
  if (missing == 0) {
    over_ = true;
    return from_client(ack);
  }
  const bool client = (missing & 1) != 0 && (missing == 1 || once_in(random, 2));
  fins_ |= client ? 1u : 2u;
  return client ? from_client(fin | ack) : from_backend(fin | ack);
}

void Talk::reopen(unsigned length) {
  sent_ = answered_ = open_ = over_ = false;
  fins_ = 0;
  left_ = length;
  seen_.reset();
}

Bytes Talk::frame(const Packet& packet, std::uint64_t id) const {
  Bytes payload(8);
  store_be<std::uint64_t>(payload.data(), id);
  test::PacketBuilder builder;
  const bool up = packet.from == Side::client;
  const net::Endpoint& from = up ? stream_.client : seen_->server;
  const net::Endpoint& to = up ? stream_.vip : seen_->client;
  builder.ethernet(up ? gateway_mac : mac_of(from.address), up ? front_mac : back_mac).ip(from.address, to.address);
  builder.payload(std::move(payload));
  tcp_ ? builder.tcp(from.l4_port, to.l4_port, packet.tcp_flags) : builder.udp(from.l4_port, to.l4_port);
  return builder.padded_to(net::ethernet::minimum).build();
}

std::optional<std::uint64_t> id_of(const std::vector<std::uint8_t>& frame, const net::Parsed& parsed) {
  if (parsed.kind != net::Kind::ip || parsed.l4_offset == 0) {
    return std::nullopt;
  }
  const std::size_t at = parsed.l4_offset + (parsed.protocol == net::ip_protocol::tcp ? 20u : 8u);
  return frame.size() < at + 8 ? std::nullopt : std::optional(load_be<std::uint64_t>(&frame[at]));
}

}  // namespace limpet::sim
