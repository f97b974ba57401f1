// ARP and Neighbour Discovery. ICMP is in icmp.cpp.
#include "l3/messages.hpp"

#include "l3/wire.hpp"

namespace limpet::l3 {
namespace {

using namespace net;

constexpr std::size_t nd_size = nd::options + nd::link_option_size;

void write_arp(std::uint8_t* at, const ArpMessage& message) noexcept {
  store_be<std::uint16_t>(at + arp::hardware_type, 1);
  store_be<std::uint16_t>(at + arp::protocol_type, ether_type::ipv4);
  at[arp::hardware_size] = 6;
  at[arp::protocol_size] = 4;
  store_be<std::uint16_t>(at + arp::operation, message.reply ? arp::reply : arp::request);
  wire::put(at + arp::sender_mac, message.sender_mac);
  wire::put(at + arp::sender_ip, message.sender);
  wire::put(at + arp::target_mac, message.target_mac);
  wire::put(at + arp::target_ip, message.target);
}

/// The solicited-node group of an address: RFC 4291, section 2.7.1.
IpAddress solicited_node(const IpAddress& target) noexcept {
  std::uint8_t group[16] = {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0xff};
  std::memcpy(group + 13, target.bytes() + 13, 3);
  return IpAddress::v6(group);
}

IpAddress all_nodes() noexcept {
  constexpr std::uint8_t group[16] = {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01};
  return IpAddress::v6(group);
}

struct NdHead {
  std::uint8_t type, flags, option;
};

/// The IPv6 packet of a solicitation or advertisement with its one option.
void write_nd(std::uint8_t* at, const IpAddress& source, const IpAddress& destination, const IpAddress& target,
              const NdHead& head, const Mac& mac) noexcept {
  std::uint8_t* const message = at + wire::write_ip(at, {.source = source,
                                                         .destination = destination,
                                                         .protocol = ip_protocol::icmpv6,
                                                         .ttl = wire::hop_limit_nd,
                                                         .traffic_class = 0,
                                                         .payload_size = nd_size});
  std::memset(message, 0, nd_size);
  message[icmp::type] = head.type;
  message[nd::flags] = head.flags;
  wire::put(message + nd::target, target);
  message[nd::options] = head.option;
  message[nd::options + 1] = 1;  // length in units of 8 bytes
  wire::put(message + nd::options + 2, mac);
  wire::write_icmp_checksum(message, nd_size, source, destination);
}

/// Walks the options for a link-layer address of `type`; false when one has length 0 or runs over the end.
bool read_options(std::span<const std::uint8_t> options, std::uint8_t type, std::optional<Mac>& out) noexcept {
  while (!options.empty()) {
    const std::size_t size = options.size() >= 2 ? std::size_t{options[1]} * 8 : 0;
    if (size == 0 || size > options.size()) {
      return false;
    }
    if (options[0] == type && size == nd::link_option_size) {
      out = wire::mac_at(options.data() + 2);
    }
    options = options.subspan(size);
  }
  return true;
}

bool is_nd_type(std::uint8_t type) noexcept {
  return type == icmpv6::neighbour_solicitation || type == icmpv6::neighbour_advertisement;
}

}  // namespace

bool is_neighbour_message(const Parsed& parsed) noexcept {
  if (parsed.error != ParseError::none) {
    return false;
  }
  return parsed.kind == Kind::arp || (parsed.kind == Kind::ip && parsed.protocol == ip_protocol::icmpv6 &&
                                      !parsed.fragment && is_nd_type(parsed.icmp_type));
}

std::optional<ArpMessage> read_arp(std::span<const std::uint8_t> frame, const Parsed& parsed) noexcept {
  if (parsed.kind != Kind::arp || parsed.error != ParseError::none || frame.size() < parsed.l3_offset + arp::size) {
    return std::nullopt;
  }
  const std::uint8_t* const at = frame.data() + parsed.l3_offset;
  const auto operation = load_be<std::uint16_t>(at + arp::operation);
  if (load_be<std::uint16_t>(at + arp::hardware_type) != 1 ||
      load_be<std::uint16_t>(at + arp::protocol_type) != ether_type::ipv4 || at[arp::hardware_size] != 6 ||
      at[arp::protocol_size] != 4 || (operation != arp::request && operation != arp::reply)) {
    return std::nullopt;
  }
  return ArpMessage{.reply = operation == arp::reply,
                    .sender_mac = wire::mac_at(at + arp::sender_mac),
                    .sender = IpAddress::v4(at + arp::sender_ip),
                    .target_mac = wire::mac_at(at + arp::target_mac),
                    .target = IpAddress::v4(at + arp::target_ip)};
}

std::optional<NdMessage> read_nd(std::span<const std::uint8_t> frame, const Parsed& parsed) noexcept {
  const std::size_t end = std::size_t{parsed.l3_offset} + parsed.l3_size;
  if (parsed.kind != Kind::ip || !is_neighbour_message(parsed) || parsed.ttl != wire::hop_limit_nd ||
      end > frame.size() || wire::l4_size(parsed) < nd::options) {
    return std::nullopt;
  }
  const auto message = frame.subspan(parsed.l4_offset, wire::l4_size(parsed));
  NdMessage nd;
  nd.advertisement = parsed.icmp_type == icmpv6::neighbour_advertisement;
  nd.source = parsed.source;
  nd.target = IpAddress::v6(message.data() + nd::target);
  nd.solicited = nd.advertisement && (message[nd::flags] & nd::solicited_flag) != 0;
  nd.override_entry = nd.advertisement && (message[nd::flags] & nd::override_flag) != 0;
  const std::uint8_t option = nd.advertisement ? nd::target_link_address : nd::source_link_address;
  if (message[icmp::code] != 0 || nd.target.is_multicast() || nd.target.is_v4() || nd.target.is_none() ||
      !read_options(message.subspan(nd::options), option, nd.link_address)) {
    return std::nullopt;
  }
  const bool nobody = parsed.source.is_none();
  if (nd.advertisement ? parsed.destination.is_multicast() && nd.solicited
                       : nobody && (nd.link_address || parsed.destination != solicited_node(nd.target))) {
    return std::nullopt;
  }
  if (l4_checksum(parsed.source, parsed.destination, ip_protocol::icmpv6, message.data(), message.size()) != 0) {
    return std::nullopt;
  }
  return nd;
}

std::size_t make_arp_request(std::span<std::uint8_t> out, const Link& link, const IpAddress& sender,
                             const IpAddress& target, const Mac* known) noexcept {
  const std::size_t at =
      wire::write_ethernet(out, link, known != nullptr ? *known : wire::broadcast, ether_type::arp, arp::size);
  if (at == 0) {
    return 0;
  }
  write_arp(out.data() + at,
            {.reply = false, .sender_mac = link.mac, .sender = sender, .target_mac = {}, .target = target});
  return at + arp::size;
}

std::size_t make_gratuitous_arp(std::span<std::uint8_t> out, const Link& link, const IpAddress& address) noexcept {
  return make_arp_request(out, link, address, address);
}

std::size_t make_solicitation(std::span<std::uint8_t> out, const Link& link, const IpAddress& source,
                              const IpAddress& target, const Mac* known) noexcept {
  const IpAddress destination = known != nullptr ? target : solicited_node(target);
  const Mac mac = known != nullptr ? *known : wire::group_mac(destination);
  const std::size_t at = wire::write_ethernet(out, link, mac, ether_type::ipv6, ipv6::size + nd_size);
  if (at == 0) {
    return 0;
  }
  write_nd(out.data() + at, source, destination, target,
           {.type = icmpv6::neighbour_solicitation, .flags = 0, .option = nd::source_link_address}, link.mac);
  return at + ipv6::size + nd_size;
}

std::size_t make_unsolicited_advertisement(std::span<std::uint8_t> out, const Link& link,
                                           const IpAddress& address) noexcept {
  const std::size_t at =
      wire::write_ethernet(out, link, wire::group_mac(all_nodes()), ether_type::ipv6, ipv6::size + nd_size);
  if (at == 0) {
    return 0;
  }
  write_nd(out.data() + at, address, all_nodes(), address,
           {.type = icmpv6::neighbour_advertisement,
            .flags = nd::router_flag | nd::override_flag,
            .option = nd::target_link_address},
           link.mac);
  return at + ipv6::size + nd_size;
}

IpAddress link_local_of(const Mac& mac) noexcept {
  const auto& m = mac.bytes;
  const std::uint8_t bytes[16] = {0xfe, 0x80, 0,    0,    0,    0,    0,   0, static_cast<std::uint8_t>(m[0] ^ 0x02),
                                  m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]};
  return IpAddress::v6(bytes);
}

std::size_t arp_reply_in_place(const Buffer& buffer, const Parsed& parsed, const Mac& own) noexcept {
  const auto request = read_arp({buffer.data, buffer.size}, parsed);
  if (!request || request->reply || wire::mac_at(buffer.data + ethernet::source).is_multicast()) {
    return 0;
  }
  wire::turn_ethernet(buffer.data, own);
  write_arp(buffer.data + parsed.l3_offset, {.reply = true,
                                             .sender_mac = own,
                                             .sender = request->target,
                                             .target_mac = request->sender_mac,
                                             .target = request->sender});
  return parsed.l3_offset + arp::size;
}

std::size_t advertisement_in_place(const Buffer& buffer, const Parsed& parsed, const Mac& own) noexcept {
  const auto asked = read_nd({buffer.data, buffer.size}, parsed);
  const std::size_t size = parsed.l3_offset + ipv6::size + nd_size;
  if (!asked || asked->advertisement || buffer.capacity < size || asked->source.is_multicast() ||
      wire::mac_at(buffer.data + ethernet::source).is_multicast()) {
    return 0;
  }
  const bool nobody = asked->source.is_none();  // duplicate address detection: the answer goes to all
  wire::turn_ethernet(buffer.data, own);
  if (nobody) {
    wire::put(buffer.data + ethernet::destination, wire::group_mac(all_nodes()));
  }
  const auto flags = static_cast<std::uint8_t>(nd::router_flag | nd::override_flag | (nobody ? 0 : nd::solicited_flag));
  write_nd(buffer.data + parsed.l3_offset, asked->target, nobody ? all_nodes() : asked->source, asked->target,
           {.type = icmpv6::neighbour_advertisement, .flags = flags, .option = nd::target_link_address}, own);
  return size;
}

}  // namespace limpet::l3
