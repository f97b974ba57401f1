// Packets of either family as the express way takes them: nothing between Ethernet, IP and L4 headers, and the keys of
// their flows.
#pragma once

#include "flow/key.hpp"
#include "net/readdress.hpp"
#include "plan/express.hpp"

namespace limpet::path::wire {

struct V4 : net::PlainV4 {
  static constexpr bool local = false;
  using Key = flow::NarrowKey;
  using Exact = plan::ExactV4;
  static constexpr net::Family family = net::Family::v4;
  static constexpr std::size_t protocol = net::ipv4::protocol;

  static std::uint32_t size(const std::uint8_t* ip) noexcept {
    return load_be<std::uint16_t>(ip + net::ipv4::total_length);
  }
  static bool is_plain(const std::uint8_t* ip) noexcept {
    const be16 fragment(net::ipv4::more_fragments | net::ipv4::offset_mask);
    return ip[net::ipv4::version_ihl] == 0x45 &&
           (net::detail::load_raw<std::uint16_t>(ip + net::ipv4::fragment) & fragment.raw()) == 0 &&
           ip[net::ipv4::ttl] > 1 && net::ipv4_header_sums_up(ip);
  }
  static net::IpAddress address(const std::uint8_t* bytes) noexcept { return net::IpAddress::v4(bytes); }
  /// `client`, `vip`: as in a packet.
  static Key forward(const std::uint8_t* client, const std::uint8_t* /*vip*/, std::uint16_t client_port,
                     std::uint32_t listener) noexcept {
    return {load_be<std::uint32_t>(client), client_port, listener, flow::Direction::forward};
  }
  static Key back(const std::uint8_t* client, std::uint16_t client_port, std::uint32_t endpoint) noexcept {
    return {load_be<std::uint32_t>(client), client_port, endpoint, flow::Direction::back};
  }
};

struct V6 : net::PlainV6 {
  static constexpr bool local = false;
  using Key = flow::WideKey;
  using Exact = plan::ExactV6;
  static constexpr net::Family family = net::Family::v6;
  static constexpr std::size_t protocol = net::ipv6::next_header;

  static std::uint32_t size(const std::uint8_t* ip) noexcept {
    return std::uint32_t{header} + load_be<std::uint16_t>(ip + net::ipv6::payload_length);
  }
  static bool is_plain(const std::uint8_t* ip) noexcept { return (ip[0] >> 4) == 6 && ip[net::ipv6::hop_limit] > 1; }
  static net::IpAddress address(const std::uint8_t* bytes) noexcept { return net::IpAddress::v6(bytes); }
  static Key forward(const std::uint8_t* client, const std::uint8_t* vip, std::uint16_t client_port,
                     std::uint32_t listener) noexcept {
    return {address(client), address(vip), client_port, 0, listener, flow::Direction::forward};
  }
  static Key back(const std::uint8_t* client, std::uint16_t client_port, std::uint32_t endpoint) noexcept {
    return {address(client), {}, client_port, 0, endpoint, flow::Direction::back};
  }
};

/// Of full NAT: entries are wide whatever the family, and say what the other side sees.
template <class Base>
struct Local : Base {
  static constexpr bool local = true;
  using Key = flow::WideKey;

  static Key forward(const std::uint8_t* client, const std::uint8_t* /*vip*/, std::uint16_t client_port,
                     std::uint32_t listener) noexcept {
    return {Base::address(client), {}, client_port, 0, listener, flow::Direction::forward};
  }
  /// `address`: what stands for the client.
  static Key back(const std::uint8_t* address, std::uint16_t local_port, std::uint32_t endpoint) noexcept {
    return {Base::address(address), {}, local_port, 0, endpoint, flow::Direction::back};
  }
};

}  // namespace limpet::path::wire
