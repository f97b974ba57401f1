#include "network.hpp"

#include <fmt/format.h>

#include "support/packet_builder.hpp"

namespace limpet::perf {
namespace {

constexpr std::uint16_t source_at_v4 = 14 + 12;
constexpr std::uint16_t source_at_v6 = 14 + 8;

net::IpAddress address(const char* text) {
  return *net::IpAddress::parse(text);
}

std::string port(const char* name, const net::Mac& mac, const char* own, const std::string& more) {
  return fmt::format("[ports.{}]\ndevice = \"net_null_{}\"\nmac = \"{}\"\naddresses = [\"{}\"]\n{}", name, name,
                     mac.text(), own, more);
}

std::string neighbours(net::Family family) {
  std::string text;
  for (std::uint8_t i = 0; i < backends; ++i) {
    text += fmt::format("{}\"{}\" = \"{}\"", i == 0 ? "" : ", ", with_low_bits(addresses(family).backend, i).text(),
                        backend_mac(i).text());
  }
  return text;
}

}  // namespace

Addresses addresses(net::Family family) {
  return family == net::Family::v4
             ? Addresses{address("10.0.0.0"), address("192.0.2.16"), address("198.51.100.16")}
             : Addresses{address("2001:db8:100::1"), address("2001:db8:2::10"), address("2001:db8:3::10")};
}

net::IpAddress with_low_bits(const net::IpAddress& base, std::uint8_t low) {
  std::uint8_t bytes[16];
  std::memcpy(bytes, base.bytes(), 16);
  bytes[15] = static_cast<std::uint8_t>(bytes[15] | low);
  return net::IpAddress::v6(bytes);
}

net::IpAddress client_address(net::Family family, std::uint32_t flow) {
  std::uint8_t bytes[16];
  std::memcpy(bytes, addresses(family).client.bytes(), 16);
  std::uint8_t* const at = bytes + (family == net::Family::v4 ? 13 : 5);
  at[0] = static_cast<std::uint8_t>(client_of(flow) >> 16);
  store_be<std::uint16_t>(at + 1, static_cast<std::uint16_t>(client_of(flow)));
  return net::IpAddress::v6(bytes);
}

std::string configuration(net::Family family, const std::string& forwarding) {
  const bool v4 = family == net::Family::v4;
  const Addresses base = addresses(family);
  const std::string gateway = v4 ? "203.0.113.254" : "2001:db8:1::254";
  std::string text = port("back", back_mac, v4 ? "198.51.100.1/24" : "2001:db8:3::1/64",
                          fmt::format("neighbors = {{ {} }}\n", neighbours(family))) +
                     port("front", front_mac, v4 ? "203.0.113.1/24" : "2001:db8:1::1/64",
                          fmt::format("neighbors = {{ \"{}\" = \"{}\" }}\nroutes = [{{ to = \"{}\", via = \"{}\" }}]\n",
                                      gateway, client_gateway_mac.text(), v4 ? "0.0.0.0/0" : "::/0", gateway)) +
                     "[profiles.client]\ntype = \"source_ip\"\nprefix4 = 32\nprefix6 = 64\n[pools.web.backends]\n";
  for (std::uint8_t i = 0; i < backends; ++i) {
    const net::Endpoint endpoint{with_low_bits(base.backend, i), forwarding == "nat" ? backend_port : vip_port};
    text += fmt::format("b{} = {{ address = \"{}\" }}\n", i, endpoint.text());
  }
  for (std::uint8_t i = 0; i < vips; ++i) {
    text += fmt::format(
        "[services.s{}]\nlisten = \"{}/tcp\"\nforwarding = \"{}\"\npool = \"web\"\npersist = [\"client\"]\n", i,
        net::Endpoint{with_low_bits(base.vip, i), vip_port}.text(), forwarding);
  }
  return text;
}

Template make_template(net::Family family, Direction direction, std::uint8_t tcp_flags) {
  const bool v4 = family == net::Family::v4;
  const bool in = direction == Direction::in;
  const Addresses base = addresses(family);
  test::PacketBuilder builder;
  if (in) {
    builder.ethernet(client_gateway_mac, front_mac).ip(base.client, base.vip).tcp(0, vip_port, tcp_flags);
  } else {
    builder.ethernet(backend_mac(0), back_mac).ip(base.backend, base.client).tcp(backend_port, 0, tcp_flags);
  }
  const test::Bytes bytes = builder.padded_to(60).build();  // with its FCS the smallest Ethernet frame
  Template made;
  std::copy(bytes.begin(), bytes.end(), made.bytes.begin());
  made.size = static_cast<std::uint16_t>(bytes.size());
  const std::uint16_t address_size = v4 ? 4 : 16;
  const std::uint16_t source_at = v4 ? source_at_v4 : source_at_v6;
  const std::uint16_t destination_at = static_cast<std::uint16_t>(source_at + address_size);
  const std::uint16_t l4_at = static_cast<std::uint16_t>(destination_at + address_size);
  made.client_at = static_cast<std::uint16_t>((in ? source_at : destination_at) + (v4 ? 1 : 5));
  made.far_at = static_cast<std::uint16_t>((in ? destination_at : source_at) + address_size - 1);
  made.port_at = static_cast<std::uint16_t>(in ? l4_at : l4_at + 2);
  made.l4_sum_at = static_cast<std::uint16_t>(l4_at + net::tcp::checksum);
  made.l4_sum = static_cast<std::uint16_t>(~load_be<std::uint16_t>(&made.bytes[made.l4_sum_at]));
  if (v4) {
    made.ip_sum_at = 14 + net::ipv4::checksum;
    made.ip_sum = static_cast<std::uint16_t>(~load_be<std::uint16_t>(&made.bytes[made.ip_sum_at]));
  }
  return made;
}

}  // namespace limpet::perf
