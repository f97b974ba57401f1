// The packets of N flows without a table of flows: everything about flow number i is computed from i. A frame is a
// copy of a template with the client's address and port, the low bits of the other end, and both checksums put in.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "net/address.hpp"
#include "net/headers.hpp"

namespace limpet::perf {

inline constexpr unsigned client_bits = 24;
inline constexpr std::uint32_t clients_max = 1u << client_bits;
inline constexpr unsigned vips = 16;
inline constexpr unsigned backends = 8;

/// The low 24 bits of the address (IPv4) or of the /64 prefix (IPv6) of flow i's client: each flow has its own.
constexpr std::uint32_t client_of(std::uint32_t flow) noexcept {
  return (flow * 0x9e3779b1u) & (clients_max - 1);
}
constexpr std::uint16_t client_port_of(std::uint32_t flow) noexcept {
  return static_cast<std::uint16_t>(1024 + ((flow * 0x85ebca6bu) >> 17));
}
constexpr std::uint8_t vip_of(std::uint32_t flow) noexcept {
  return static_cast<std::uint8_t>(flow % vips);
}

enum class Direction : std::uint8_t { in, back };

/// A frame whose varying fields are zero, and where they are. Fields only ever grow, so that a checksum is the
/// template's sum plus the fields.
struct Template {
  std::array<std::uint8_t, 128> bytes{};
  std::uint16_t size = 0;
  std::uint16_t client_at = 0;  // 3 bytes
  std::uint16_t port_at = 0;    // 2 bytes, zero in the template
  std::uint16_t far_at = 0;     // 1 byte whose low 4 bits are zero: of the VIP or the backend's address
  std::uint16_t ip_sum_at = 0;  // 0: none
  std::uint16_t l4_sum_at = 0;
  std::uint32_t ip_sum = 0;
  std::uint32_t l4_sum = 0;
};

/// A SYN, SYN-ACK, ACK or any other TCP segment of the family without payload.
Template make_template(net::Family family, Direction direction, std::uint8_t tcp_flags);

inline void put_sum(std::uint8_t* at, std::uint32_t sum) noexcept {
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  store_be<std::uint16_t>(at, static_cast<std::uint16_t>(~sum));
}

/// Writes the frame of `flow`; there is room for 128 bytes. `far`: number of the VIP (in) or backend (back).
inline void write_frame(const Template& from, std::uint32_t flow, std::uint8_t far, std::uint8_t* frame) noexcept {
  std::memcpy(frame, from.bytes.data(), 64);
  if (from.size > 64) {
    std::memcpy(frame + 64, from.bytes.data() + 64, 64);
  }
  const std::uint32_t client = client_of(flow);
  const std::uint16_t port = client_port_of(flow);
  frame[from.client_at] = static_cast<std::uint8_t>(client >> 16);
  store_be<std::uint16_t>(frame + from.client_at + 1, static_cast<std::uint16_t>(client));
  store_be<std::uint16_t>(frame + from.port_at, port);
  frame[from.far_at] = static_cast<std::uint8_t>(frame[from.far_at] | far);
  const std::uint32_t added = (client >> 16) + (client & 0xffff) + far;
  if (from.ip_sum_at != 0) {
    put_sum(frame + from.ip_sum_at, from.ip_sum + added);
  }
  put_sum(frame + from.l4_sum_at, from.l4_sum + added + port);
}

}  // namespace limpet::perf
