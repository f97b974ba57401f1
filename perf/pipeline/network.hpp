// Who is who in the benchmark's network: clients behind a gateway on `front`; backends on `back`, neighbours there
// where they are few and behind a gateway where they are many. The low bits of client, VIP, backend and local addresses
// are zero here and filled in by flow, service and backend.
#pragma once

#include <string>

#include "model/model.hpp"
#include "net/address.hpp"
#include "traffic.hpp"

namespace limpet::perf {

inline constexpr std::uint16_t vip_port = 80;
inline constexpr std::uint16_t backend_port = 8080;
inline constexpr net::Mac client_gateway_mac{{0x02, 0, 0, 0, 0, 0xc1}};
inline constexpr net::Mac backend_gateway_mac{{0x02, 0, 0, 0, 0, 0xb1}};
inline constexpr net::Mac front_mac{{0x02, 0, 0, 0, 0, 0x01}};
inline constexpr net::Mac back_mac{{0x02, 0, 0, 0, 0, 0x02}};

/// How many there are of what is configured. Service s uses pool s modulo `pools`.
struct Estate {
  std::uint32_t services = 16;
  std::uint32_t pools = 1;
  std::uint32_t pool_backends = 8;
  [[nodiscard]] constexpr std::uint32_t backends() const { return pools * pool_backends; }
  [[nodiscard]] constexpr bool is_routed() const { return backends() > 256; }  // backends behind a gateway
};

constexpr net::Mac backend_mac(const Estate& estate, std::uint32_t backend) noexcept {
  return estate.is_routed() ? backend_gateway_mac : net::Mac{{0x02, 0, 0, 0, 1, static_cast<std::uint8_t>(backend)}};
}

struct Addresses {
  net::IpAddress client;  // low bits zero, as in vip and backend
  net::IpAddress vip;
  net::IpAddress backend;
  net::IpAddress local;  // full NAT
};

Addresses addresses(net::Family family);

/// `far` put into the last three bytes.
net::IpAddress with_far(const net::IpAddress& base, std::uint32_t far);
/// Address of a flow's client.
net::IpAddress client_address(net::Family family, std::uint32_t flow);

/// The configuration. `forwarding`: as in a configuration, or "spliced" and "stamped": nat; full_nat and ipip in IPv4,
/// gue in IPv6. `syn_proxy`: its connections are delayed.
model::Model configuration(net::Family family, const std::string& forwarding, const Estate& estate,
                           bool syn_proxy = false);
/// All services choose by the cookie SERVER, which names the backend.
void read_cookies(model::Model& model);

}  // namespace limpet::perf
