// A client's connection or UDP exchange, and what happens next in it: opening, data both ways, retransmissions, an
// end, a port used again.
#pragma once

#include <optional>

#include "net/parse.hpp"
#include "scene.hpp"
#include "support/packet_builder.hpp"

namespace limpet::sim {

using test::Bytes;

/// What the backend saw as the connection's two ends.
struct Seen {
  net::Endpoint client;
  net::Endpoint server;
  auto operator<=>(const Seen&) const = default;
};

class Talk {
 public:
  Talk(Stream stream, bool tcp, bool answers, unsigned length)
      : stream_(std::move(stream)), tcp_(tcp), answers_(answers), left_(length) {}

  /// The next packet that client or backend would send; nothing: it waits.
  std::optional<Packet> next(Random& random);
  /// A connection's packet reached a backend, which saw these ends of it.
  void reached(const Seen& seen) { seen_ = seen; }
  /// Begins anew from the same port.
  void reopen(unsigned length);

  [[nodiscard]] const Stream& stream() const { return stream_; }
  [[nodiscard]] bool over() const { return over_; }
  /// The frame; `id` comes first in its payload.
  [[nodiscard]] Bytes frame(const Packet& packet, std::uint64_t id) const;

 private:
  Packet from_client(std::uint8_t tcp_flags) { return {stream_, Side::client, tcp_ ? tcp_flags : std::uint8_t{0}}; }
  Packet from_backend(std::uint8_t tcp_flags) { return {stream_, Side::backend, tcp_ ? tcp_flags : std::uint8_t{0}}; }
  std::optional<Packet> opening(Random& random);
  Packet ending(Random& random);

  Stream stream_;
  bool tcp_;
  bool answers_;  // the backend's answers pass Limpet
  unsigned left_;
  bool sent_ = false;
  bool answered_ = false;
  bool open_ = false;
  bool over_ = false;
  unsigned fins_ = 0;
  std::optional<Seen> seen_;  // since it was opened
};

/// The number that frame() put into the payload, if there is one.
std::optional<std::uint64_t> id_of(const std::vector<std::uint8_t>& frame, const net::Parsed& parsed);

}  // namespace limpet::sim
