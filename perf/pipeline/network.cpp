#include "network.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "model/load.hpp"
#include "support/packet_builder.hpp"

namespace limpet::perf {
namespace {

constexpr std::uint16_t source_at_v4 = 14 + 12;
constexpr std::uint16_t source_at_v6 = 14 + 8;
/// Each has 64512 ports towards each backend: three times as many as 10M flows to 8 backends take.
constexpr const char* local_addresses = "192.0.2.0/26";

net::IpAddress address(const char* text) {
  return *net::IpAddress::parse(text);
}

std::string port(const char* name, const net::Mac& mac, const char* own, const std::string& neighbours,
                 const std::string& routes) {
  return fmt::format(
      "[ports.{}]\ndevice = \"net_null_{}\"\nmac = \"{}\"\naddresses = [\"{}\"]\nneighbors = {{ {} }}\n"
      "routes = [{}]\n",
      name, name, mac.text(), own, neighbours, routes);
}

std::string neighbour(const std::string& address, const net::Mac& mac) {
  return fmt::format("\"{}\" = \"{}\"", address, mac.text());
}

std::string route(const char* to, const char* via) {
  return fmt::format("{{ to = \"{}\", via = \"{}\" }}", to, via);
}

std::string ports(net::Family family, const Estate& estate) {
  const bool v4 = family == net::Family::v4;
  const char* const gateway = v4 ? "203.0.113.254" : "2001:db8:1::254";
  const char* const farther = v4 ? "198.51.100.254" : "2001:db8:4::254";
  std::string near;
  for (std::uint32_t i = 0; !estate.is_routed() && i < estate.backends(); ++i) {
    near += (i == 0 ? "" : ", ") + neighbour(with_far(addresses(family).backend, i).text(), backend_mac(estate, i));
  }
  const char* const front = v4 ? "203.0.113.1/24" : "2001:db8:1::1/64";
  const std::string out = port("front", front_mac, front, neighbour(gateway, client_gateway_mac),
                               route(v4 ? "0.0.0.0/0" : "::/0", gateway));
  if (estate.is_routed()) {
    return out + port("back", back_mac, v4 ? "198.51.100.1/24" : "2001:db8:4::1/64",
                      neighbour(farther, backend_gateway_mac),
                      route(v4 ? "172.16.0.0/12" : "2001:db8:3::/64", farther));
  }
  return out + port("back", back_mac, v4 ? "172.31.255.1/12" : "2001:db8:3:0:1::1/64", near, "");
}

}  // namespace

Addresses addresses(net::Family family) {
  return family == net::Family::v4
             ? Addresses{address("10.0.0.0"), address("198.18.0.0"), address("172.16.0.0"), address("192.0.0.0")}
             : Addresses{address("2001:db8:100::1"), address("2001:db8:2::"), address("2001:db8:3::"), {}};
}

net::IpAddress with_far(const net::IpAddress& base, std::uint32_t far) {
  std::uint8_t bytes[16];
  std::memcpy(bytes, base.bytes(), 16);
  bytes[13] = static_cast<std::uint8_t>(bytes[13] | far >> 16);
  store_be<std::uint16_t>(bytes + 14, static_cast<std::uint16_t>(far));
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

model::Model configuration(net::Family family, const std::string& forwarding, const Estate& estate, bool syn_proxy) {
  auto loaded = model::load_text(
      ports(family, estate) + "[profiles.client]\ntype = \"source_ip\"\nprefix4 = 32\nprefix6 = 64\n", "pipeline");
  if (!loaded.model) {
    throw std::runtime_error(loaded.problems.front().text());
  }
  model::Model& model = *loaded.model;
  const Addresses base = addresses(family);
  using enum model::Forwarding;
  const model::Forwarding mode = forwarding == "nat"        ? nat
                                 : forwarding == "spliced"  ? nat
                                 : forwarding == "stamped"  ? nat
                                 : forwarding == "full_nat" ? full_nat
                                 : forwarding == "dr"       ? dr
                                 : forwarding == "ipip"     ? ipip
                                 : forwarding == "gue"      ? gue
                                                            : throw std::runtime_error("no forwarding " + forwarding);
  for (std::uint32_t i = 0; i < estate.backends(); ++i) {
    const net::Endpoint endpoint{with_far(base.backend, i), mode == nat || mode == full_nat ? backend_port : vip_port};
    model.pools[fmt::format("pool{}", i / estate.pool_backends)]
        .backends[fmt::format("b{}", i % estate.pool_backends)] = {.addresses = {endpoint}};
  }
  const std::uint8_t length = family == net::Family::v4 ? 32 : 128;
  for (std::uint32_t i = 0; i < estate.services; ++i) {
    model::Service& service = model.services[fmt::format("service{}", i)];
    service.listen = {{{with_far(base.vip, i), length}, vip_port, net::Protocol::tcp}};
    service.forwarding = mode;
    service.syn_proxy = syn_proxy;
    if (mode == full_nat) {
      service.local_addresses = {*net::Prefix::parse(local_addresses)};
    }
    service.pool = fmt::format("pool{}", i % estate.pools);
    service.persist = {"client"};
  }
  return std::move(model);
}

void read_cookies(model::Model& model) {
  model.profiles["route"] = {.type = model::ProfileType::cookie, .name = "SERVER", .by = model::By::route};
  for (auto& [name, service] : model.services) {
    service.persist = {"route"};
  }
}

test::Bytes stamps_of(std::uint8_t tcp_flags, std::uint32_t value, std::uint32_t echo) {
  if (data_of(tcp_flags).empty()) {
    return {};
  }
  test::Bytes options{1, 1, 8, 10};
  for (const std::uint32_t stamp : {value, echo}) {
    test::append16(options, stamp >> 16);
    test::append16(options, stamp);
  }
  return options;
}

Template make_template(net::Family family, Direction direction, const net::IpAddress& client, const Shape& shape) {
  const std::uint8_t tcp_flags = shape.tcp_flags;
  const test::Bytes options = shape.stamped ? stamps_of(tcp_flags, own_stamp, echoed_stamp) : test::Bytes{};
  const bool v4 = family == net::Family::v4;
  const bool in = direction == Direction::in;
  const Addresses base = addresses(family);
  test::PacketBuilder builder;
  if (in) {
    builder.ethernet(client_gateway_mac, front_mac).ip(client, base.vip).tcp(0, vip_port, tcp_flags, options);
  } else {
    builder.ethernet(backend_gateway_mac, back_mac).ip(base.backend, client).tcp(backend_port, 0, tcp_flags, options);
  }
  const test::Bytes bytes =
      builder.payload(data_of(tcp_flags)).padded_to(60).build();  // with its FCS the smallest Ethernet frame
  Template made;
  std::copy(bytes.begin(), bytes.end(), made.bytes.begin());
  made.size = static_cast<std::uint16_t>(bytes.size());
  made.first_port = first_port(shape.generation);
  const std::uint16_t address_size = v4 ? 4 : 16;
  const std::uint16_t source_at = v4 ? source_at_v4 : source_at_v6;
  const std::uint16_t destination_at = static_cast<std::uint16_t>(source_at + address_size);
  const std::uint16_t l4_at = static_cast<std::uint16_t>(destination_at + address_size);
  made.client_at = static_cast<std::uint16_t>((in ? source_at : destination_at) + (v4 ? 1 : 5));
  made.far_at = static_cast<std::uint16_t>((in ? destination_at : source_at) + address_size - 3);
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
