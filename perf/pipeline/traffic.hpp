// The packets of N flows without a table of flows: everything about flow number i is computed from i. A frame is a
// copy of a template with the client's address and port, the low bits of the other end, and both checksums put in.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "net/address.hpp"
#include "net/parsed.hpp"
#include "support/packet_builder.hpp"

namespace limpet::perf {

inline constexpr unsigned client_bits = 24;
inline constexpr std::uint32_t clients_max = 1u << client_bits;
inline constexpr std::uint32_t far_mask = 0xfffff;  // the bits of a VIP's or backend's address that tell which
inline constexpr std::uint16_t ports_a_generation = 1u << 14;
inline constexpr unsigned generations = 3;

/// The low 24 bits of the address (IPv4) or of the /64 prefix (IPv6) of flow i's client: each flow has its own.
constexpr std::uint32_t client_of(std::uint32_t flow) noexcept {
  return (flow * 0x9e3779b1u) & (clients_max - 1);
}
/// The first port of a generation: a client's flows of several generations differ by their ports.
constexpr std::uint16_t first_port(unsigned generation) noexcept {
  return static_cast<std::uint16_t>(1024 + generation * ports_a_generation);
}
constexpr std::uint16_t client_port_of(std::uint32_t flow, std::uint16_t first) noexcept {
  return static_cast<std::uint16_t>(first + ((flow * 0x85ebca6bu) >> 18));
}

/// What a frame shows of a client.
struct Near {
  std::uint32_t client = 0;  // the low 24 bits of the address (IPv4) or of the /64 prefix (IPv6)
  std::uint16_t port = 0;
};
constexpr Near near_of(std::uint32_t flow, std::uint16_t first) noexcept {
  return {client_of(flow), client_port_of(flow, first)};
}

/// What a backend sees in place of a flow's client, in few bytes: there is one for each flow.
class Seen {
 public:
  Seen() = default;
  explicit Seen(const Near& near) noexcept
      : client_{static_cast<std::uint16_t>(near.client >> 16), static_cast<std::uint16_t>(near.client)},
        port_(near.port) {}
  [[nodiscard]] Near near() const noexcept { return {std::uint32_t{client_[0]} << 16 | client_[1], port_}; }

 private:
  std::array<std::uint16_t, 2> client_{};
  std::uint16_t port_ = 0;
};
static_assert(sizeof(Seen) == 6);

/// The service that a flow is of.
constexpr std::uint32_t service_of(std::uint32_t flow, std::uint32_t services) noexcept {
  return static_cast<std::uint32_t>(std::uint64_t{client_of(flow)} * services >> client_bits);
}

enum class Direction : std::uint8_t { in, back };

/// A frame whose varying fields are zero, and where they are. Fields only ever grow, so that a checksum is the
/// template's sum plus the fields.
struct Template {
  std::array<std::uint8_t, 128> bytes{};
  std::uint16_t size = 0;
  std::uint16_t client_at = 0;  // 3 bytes
  std::uint16_t port_at = 0;    // 2 bytes, zero in the template
  std::uint16_t far_at = 0;     // 3 bytes, the bits of far_mask zero: of the VIP or the backend's address
  std::uint16_t ip_sum_at = 0;  // 0: none
  std::uint16_t l4_sum_at = 0;
  std::uint16_t first_port = 0;
  std::uint32_t ip_sum = 0;
  std::uint32_t l4_sum = 0;
};

/// What a segment with these flags carries: data, to the end of the smallest IPv4 frame, after a handshake.
inline test::Bytes data_of(std::uint8_t tcp_flags) {
  return test::Bytes(tcp_flags == net::tcp_flag::ack ? 6 : 0);
}

/// Timestamps behind two bytes of padding, as hosts have them (RFC 7323, appendix A), in segments that carry data.
test::Bytes stamps_of(std::uint8_t tcp_flags, std::uint32_t value, std::uint32_t echo);
inline constexpr std::uint32_t own_stamp = 0x10000, echoed_stamp = 0x20000;

/// What frames of a generation of flows are like.
struct Shape {
  std::uint8_t tcp_flags = 0;  // a SYN, SYN-ACK, ACK or any other segment
  unsigned generation = 0;
  bool stamped = false;  // with timestamps
};

/// `client`: what a backend sees, its low bits zero.
Template make_template(net::Family family, Direction direction, const net::IpAddress& client, const Shape& shape);

inline void put_sum(std::uint8_t* at, std::uint32_t sum) noexcept {
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  store_be<std::uint16_t>(at, static_cast<std::uint16_t>(~sum));
}

/// Writes the frame of a flow; there is room for 128 bytes. `far`: number of the service (in) or backend (back).
inline void write_frame(const Template& from, const Near& near, std::uint32_t far, std::uint8_t* frame) noexcept {
  std::memcpy(frame, from.bytes.data(), 64);
  if (from.size > 64) {
    std::memcpy(frame + 64, from.bytes.data() + 64, 64);
  }
  const auto [client, port] = near;
  frame[from.client_at] = static_cast<std::uint8_t>(client >> 16);
  store_be<std::uint16_t>(frame + from.client_at + 1, static_cast<std::uint16_t>(client));
  store_be<std::uint16_t>(frame + from.port_at, port);
  frame[from.far_at] = static_cast<std::uint8_t>(from.bytes[from.far_at] | far >> 16);
  store_be<std::uint16_t>(frame + from.far_at + 1, static_cast<std::uint16_t>(far));
  const std::uint32_t added = (client >> 16) + (client & 0xffff) + (far >> 16) + (far & 0xffff);
  if (from.ip_sum_at != 0) {
    put_sum(frame + from.ip_sum_at, from.ip_sum + added);
  }
  put_sum(frame + from.l4_sum_at, from.l4_sum + added + port);
}

/// What write_frame() put into a frame of this template, or the path put in its place.
inline Near near_in(const Template& from, const std::uint8_t* frame) noexcept {
  const std::uint8_t* const client = frame + from.client_at;
  return {std::uint32_t{client[0]} << 16 | load_be<std::uint16_t>(client + 1),
          load_be<std::uint16_t>(frame + from.port_at)};
}
inline std::uint32_t far_of(const Template& from, const std::uint8_t* frame) noexcept {
  return (std::uint32_t{frame[from.far_at]} << 16 | load_be<std::uint16_t>(frame + from.far_at + 1)) & far_mask;
}

}  // namespace limpet::perf
