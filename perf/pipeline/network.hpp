// Who is who in the benchmark's network: clients behind a gateway on `front`, backends on `back`, 16 services and a
// pool of 8. The low bits of client, VIP and backend addresses are zero here and filled in by flow.
#pragma once

#include <string>

#include "net/address.hpp"
#include "traffic.hpp"

namespace limpet::perf {

inline constexpr std::uint16_t vip_port = 80;
inline constexpr std::uint16_t backend_port = 8080;
inline constexpr net::Mac client_gateway_mac{{0x02, 0, 0, 0, 0, 0xc1}};
inline constexpr net::Mac front_mac{{0x02, 0, 0, 0, 0, 0x01}};
inline constexpr net::Mac back_mac{{0x02, 0, 0, 0, 0, 0x02}};

constexpr net::Mac backend_mac(std::uint8_t backend) noexcept {
  return {{0x02, 0, 0, 0, 1, backend}};
}

struct Addresses {
  net::IpAddress client;  // low bits zero, as in vip and backend
  net::IpAddress vip;
  net::IpAddress backend;
};
Addresses addresses(net::Family family);

/// `low` put into the last byte.
net::IpAddress with_low_bits(const net::IpAddress& base, std::uint8_t low);
/// Address of a flow's client.
net::IpAddress client_address(net::Family family, std::uint32_t flow);

/// The configuration, as a file would have it. `forwarding`: "nat" or "dr".
std::string configuration(net::Family family, const std::string& forwarding);

}  // namespace limpet::perf
