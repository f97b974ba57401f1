// ARP (RFC 826), Neighbour Discovery (RFC 4861) and ICMP (RFC 792, RFC 4443) messages: recognised and built.
// Pure functions over bytes; any thread. Builders of new frames write into a span and return the frame's size,
// builders in place turn a received frame into its answer; both return 0 where that is impossible or forbidden.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "net/address.hpp"
#include "net/parsed.hpp"

namespace limpet::l3 {

using net::IpAddress;
using net::Mac;
using net::Parsed;

/// A frame that may grow in place: `size` bytes at `data`, `capacity` writable.
struct Buffer {
  std::uint8_t* data = nullptr;
  std::size_t size = 0;
  std::size_t capacity = 0;
};

/// Who sends a frame: the interface's MAC and VLAN id (0: untagged).
struct Link {
  Mac mac;
  std::uint16_t vlan = 0;
};

struct ArpMessage {
  bool reply = false;  // or request
  Mac sender_mac;
  IpAddress sender;
  Mac target_mac;
  IpAddress target;
};

struct NdMessage {
  bool advertisement = false;  // or solicitation
  IpAddress source;
  IpAddress target;
  std::optional<Mac> link_address;  // source's (solicitation) or target's (advertisement), where the option is there
  bool solicited = false;
  bool override_entry = false;
};

/// True for ARP and for neighbour solicitations and advertisements: what control learns from.
[[nodiscard]] bool is_neighbour_message(const Parsed& parsed) noexcept;

/// An ARP request or reply for Ethernet and IPv4; nothing when it is not one.
[[nodiscard]] std::optional<ArpMessage> read_arp(std::span<const std::uint8_t> frame, const Parsed& parsed) noexcept;

/// A neighbour solicitation or advertisement that passes RFC 4861, sections 7.1.1 and 7.1.2.
[[nodiscard]] std::optional<NdMessage> read_nd(std::span<const std::uint8_t> frame, const Parsed& parsed) noexcept;

/// Asks for `target`'s MAC: by broadcast, or to `known` only (a probe). `sender` may be 0.0.0.0.
std::size_t make_arp_request(std::span<std::uint8_t> out, const Link& link, const IpAddress& sender,
                             const IpAddress& target, const Mac* known = nullptr) noexcept;
/// Tells everyone `address`'s MAC (RFC 5227, section 3: a request for one's own address).
std::size_t make_gratuitous_arp(std::span<std::uint8_t> out, const Link& link, const IpAddress& address) noexcept;
/// Asks for `target`'s MAC: by its solicited-node group, or to `known` only (a probe).
std::size_t make_solicitation(std::span<std::uint8_t> out, const Link& link, const IpAddress& source,
                              const IpAddress& target, const Mac* known = nullptr) noexcept;
/// Tells all nodes `address`'s MAC (RFC 4861, section 7.2.6).
std::size_t make_unsolicited_advertisement(std::span<std::uint8_t> out, const Link& link,
                                           const IpAddress& address) noexcept;
/// The link-local address made of a MAC (RFC 4291, appendix A).
[[nodiscard]] IpAddress link_local_of(const Mac& mac) noexcept;

/// An ARP request becomes the reply that names `own` as the target's MAC. Tags stay.
[[nodiscard]] std::size_t arp_reply_in_place(const Buffer& buffer, const Parsed& parsed, const Mac& own) noexcept;
/// A neighbour solicitation becomes the advertisement of its target at `own` (RFC 4861, section 7.2.4). Tags stay.
[[nodiscard]] std::size_t advertisement_in_place(const Buffer& buffer, const Parsed& parsed, const Mac& own) noexcept;
/// An echo request becomes its reply (RFC 1122, section 3.2.2.6; RFC 4443, section 4.2); IP options and extension
/// headers are left out. Not for fragments. A damaged checksum stays damaged.
[[nodiscard]] std::size_t echo_reply_in_place(const Buffer& buffer, const Parsed& parsed, const Mac& own) noexcept;

enum class IcmpError : std::uint8_t {
  ttl_exceeded,
  no_route,      // network unreachable; no route to destination
  no_neighbour,  // host unreachable; address unreachable
  port_unreachable,
  prohibited,  // administratively prohibited
  too_big,     // fragmentation needed (RFC 1191); packet too big (RFC 4443, section 3.2)
};

/// An ICMP or ICMPv6 error, redirects among them.
[[nodiscard]] bool is_icmp_error(const Parsed& parsed) noexcept;

/// Whether RFC 1812, section 4.3.2.7, and RFC 4443, section 2.4(e), allow an error about this packet: not about
/// ICMP errors, later fragments, or what was sent to or from a group, broadcast, or no address.
[[nodiscard]] bool may_send_error(const Buffer& buffer, const Parsed& parsed) noexcept;

/// The packet becomes the ICMP error about itself, quoted as it stands now (so: before NAT and TTL), sent from
/// `own_address` of `own` back to the MAC it came from. Quotes what room_for_quote() allows. `mtu` is for too_big. The
/// caller limits the rate (RFC 1812, section 4.3.2.8).
[[nodiscard]] std::size_t error_in_place(const Buffer& buffer, const Parsed& parsed, IcmpError error, const Mac& own,
                                         const IpAddress& own_address, std::uint16_t mtu = 0) noexcept;

/// Writes the ICMP error from `from` to `to` at `ip`, about a packet of their family whose first `size` bytes lie at
/// `quoted`, at most room_for_quote() of them and not before `ip` and the error's own headers. Its size.
std::size_t write_error(std::uint8_t* ip, const std::uint8_t* quoted, std::size_t size, IcmpError error,
                        const IpAddress& from, const IpAddress& to, std::uint16_t mtu) noexcept;
/// What an error may quote: 576 bytes in all (RFC 1812, section 4.3.2.3) or 1280 (RFC 4443, section 2.4(c)).
[[nodiscard]] std::size_t room_for_quote(net::Family family) noexcept;

}  // namespace limpet::l3
