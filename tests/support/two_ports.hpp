// A model with two ports for nodes in memory: `front` towards clients behind one gateway, `back` on the backends' link.
// Services' addresses are in 192.0.2.0/24 and 2001:db8:1::/64, backends' in 198.51.100.0/24 and 2001:db8:2::/64.
#pragma once

#include "base/id.hpp"
#include "model/model.hpp"
#include "support/packet_builder.hpp"

namespace limpet::test {

// Ports are numbered in order of their names.
inline const PortIndex back_port(0);
inline const PortIndex front_port(1);
inline const net::Mac front_mac{{2, 0, 0, 0, 0, 1}};
inline const net::Mac back_mac{{2, 0, 0, 0, 0, 2}};
inline const net::Mac gateway_mac{{2, 0, 0, 0, 0, 0xfe}};

inline net::Prefix prefix(std::string_view text) {
  const auto parsed = net::Prefix::parse(text);
  return parsed ? *parsed : throw std::invalid_argument("not a prefix: " + std::string(text));
}

/// Backends are neighbours that the caller adds to port `back`.
inline void declare_ports(model::Model& model) {
  model::Port& front = model.ports["front"];
  front.mac = front_mac;
  front.addresses = {prefix("192.0.2.1/24"), prefix("2001:db8:1::1/64")};
  front.neighbors = {{ip("192.0.2.254"), gateway_mac}, {ip("2001:db8:1::fe"), gateway_mac}};
  front.routes = {{prefix("0.0.0.0/0"), {ip("192.0.2.254")}}, {prefix("::/0"), {ip("2001:db8:1::fe")}}};
  model::Port& back = model.ports["back"];
  back.mac = back_mac;
  back.addresses = {prefix("198.51.100.1/24"), prefix("2001:db8:2::1/64")};
}

}  // namespace limpet::test
