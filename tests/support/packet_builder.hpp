// Packets for tests, spelled out: PacketBuilder().ip("192.0.2.1", "192.0.2.10").tcp(1000, 80, syn).build().
// Lengths and checksums come out right; a test that wants them wrong changes the bytes afterwards. Checksums are
// computed here in the plainest way, independent of the code under test.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/address.hpp"
#include "net/headers.hpp"

namespace limpet::test {

using Bytes = std::vector<std::uint8_t>;

inline net::Mac mac(std::string_view text) {
  const auto parsed = net::Mac::parse(text);
  return parsed ? *parsed : throw std::invalid_argument("not a MAC address: " + std::string(text));
}
inline net::IpAddress ip(std::string_view text) {
  const auto parsed = net::IpAddress::parse(text);
  return parsed ? *parsed : throw std::invalid_argument("not an IP address: " + std::string(text));
}
inline net::Endpoint endpoint(std::string_view text) {
  const auto parsed = net::Endpoint::parse(text);
  return parsed ? *parsed : throw std::invalid_argument("not an endpoint: " + std::string(text));
}
inline const net::Mac client_mac{{0x02, 0, 0, 0, 0, 0xc1}};
inline const net::Mac limpet_mac{{0x02, 0, 0, 0, 0, 0x01}};

inline Bytes bytes_of(std::string_view text) {
  return {text.begin(), text.end()};
}
inline void append(Bytes& to, const Bytes& more) {
  to.insert(to.end(), more.begin(), more.end());
}
inline void append16(Bytes& to, std::size_t value) {
  to.push_back(static_cast<std::uint8_t>(value >> 8));
  to.push_back(static_cast<std::uint8_t>(value));
}
inline void append_address(Bytes& to, const net::IpAddress& address) {
  to.insert(to.end(), address.wire_bytes(), address.wire_bytes() + address.wire_size());
}

/// RFC 1071, word by word.
inline std::uint16_t plain_checksum(const Bytes& bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    sum += static_cast<std::uint32_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<std::uint16_t>(~sum);
}

/// The same over pseudo-header and message.
inline std::uint16_t plain_l4_checksum(const net::IpAddress& source, const net::IpAddress& destination,
                                       std::uint8_t protocol, const Bytes& message) {
  Bytes all;
  append_address(all, source);
  append_address(all, destination);
  append16(all, message.size() >> 16);
  append16(all, message.size());
  append16(all, protocol);
  append(all, message);
  return plain_checksum(all);
}

class PacketBuilder {
 public:
  PacketBuilder& ethernet(const net::Mac& source, const net::Mac& destination) {
    source_mac_ = source;
    destination_mac_ = destination;
    return *this;
  }
  /// A tag; the first call is the outer one.
  PacketBuilder& tag(std::uint16_t id, std::uint16_t type = net::ether_type::vlan) {
    tags_.emplace_back(type, id);
    return *this;
  }
  PacketBuilder& ip(std::string_view source, std::string_view destination) {
    return ip(test::ip(source), test::ip(destination));
  }
  PacketBuilder& ip(const net::IpAddress& source, const net::IpAddress& destination) {
    source_ = source;
    destination_ = destination;
    type_ = source.is_v4() ? net::ether_type::ipv4 : net::ether_type::ipv6;
    return *this;
  }
  PacketBuilder& ttl(std::uint8_t value) {
    ttl_ = value;
    return *this;
  }
  PacketBuilder& traffic_class(std::uint8_t value) {
    traffic_class_ = value;
    return *this;
  }
  /// IPv4 options, a multiple of 4 bytes.
  PacketBuilder& options(Bytes bytes) {
    options_ = std::move(bytes);
    return *this;
  }
  /// An IPv6 extension header as a whole; its next header field is filled in.
  PacketBuilder& extension(std::uint8_t type, Bytes header = Bytes(8)) {
    extensions_.emplace_back(type, std::move(header));
    return *this;
  }
  /// Makes it a fragment; `offset` in bytes, a multiple of 8. Of a later one, only `payload` is sent.
  PacketBuilder& fragment(std::uint16_t offset, bool more) {
    fragment_ = {offset, more};
    if (type_ == net::ether_type::ipv6) {
      const auto field = static_cast<std::uint16_t>(offset | (more ? 1 : 0));
      extension(net::ip_protocol::fragment,
                {0, 0, static_cast<std::uint8_t>(field >> 8), static_cast<std::uint8_t>(field), 0, 0, 0, 7});
    }
    return *this;
  }
  PacketBuilder& tcp(std::uint16_t source_port, std::uint16_t destination_port, std::uint8_t flags = 0x10,
                     Bytes tcp_options = {}) {
    protocol_ = net::ip_protocol::tcp;
    l4_.clear();
    append16(l4_, source_port);
    append16(l4_, destination_port);
    append(l4_, {0, 0, 0, 1, 0, 0, 0, 2});
    l4_.push_back(static_cast<std::uint8_t>((5 + tcp_options.size() / 4) << 4));
    append(l4_, {flags, 0xff, 0xff, 0, 0, 0, 0});
    append(l4_, tcp_options);
    checksum_at_ = net::tcp::checksum;
    return *this;
  }
  /// Of the TCP header that is there.
  PacketBuilder& numbers(std::uint32_t sequence, std::uint32_t acknowledgment, std::uint16_t window = 0xffff) {
    store_be<std::uint32_t>(&l4_[net::tcp::sequence], sequence);
    store_be<std::uint32_t>(&l4_[net::tcp::acknowledgment], acknowledgment);
    store_be<std::uint16_t>(&l4_[net::tcp::window], window);
    return *this;
  }
  PacketBuilder& udp(std::uint16_t source_port, std::uint16_t destination_port) {
    protocol_ = net::ip_protocol::udp;
    l4_.clear();
    append16(l4_, source_port);
    append16(l4_, destination_port);
    append(l4_, {0, 0, 0, 0});
    checksum_at_ = net::udp::checksum;
    return *this;
  }
  /// ICMP or ICMPv6 by the family of ip(); `rest` are the four bytes behind the checksum.
  PacketBuilder& icmp(std::uint8_t type, std::uint8_t code = 0, Bytes rest = {0x12, 0x34, 0, 1}) {
    protocol_ = type_ == net::ether_type::ipv4 ? net::ip_protocol::icmp : net::ip_protocol::icmpv6;
    l4_ = {type, code, 0, 0};
    append(l4_, rest);
    checksum_at_ = net::icmp::checksum;
    return *this;
  }
  PacketBuilder& solicitation(std::string_view target, std::optional<net::Mac> source_mac) {
    return neighbour(net::icmpv6::neighbour_solicitation, 0, target, net::nd::source_link_address, source_mac);
  }
  PacketBuilder& advertisement(std::string_view target, std::uint8_t flags, std::optional<net::Mac> target_mac) {
    return neighbour(net::icmpv6::neighbour_advertisement, flags, target, net::nd::target_link_address, target_mac);
  }
  /// Any other protocol, without a checksum.
  PacketBuilder& protocol(std::uint8_t number) {
    protocol_ = number;
    l4_.clear();
    checksum_at_.reset();
    return *this;
  }
  PacketBuilder& arp(std::uint16_t operation, const net::Mac& sender_mac, std::string_view sender,
                     const net::Mac& target_mac, std::string_view target) {
    type_ = net::ether_type::arp;
    l4_ = {0, 1, 8, 0, 6, 4};
    append16(l4_, operation);
    append(l4_, {sender_mac.bytes.begin(), sender_mac.bytes.end()});
    append_address(l4_, test::ip(sender));
    append(l4_, {target_mac.bytes.begin(), target_mac.bytes.end()});
    append_address(l4_, test::ip(target));
    return *this;
  }
  /// A frame of some other EtherType: its payload is all it has.
  PacketBuilder& ether_type(std::uint16_t type) {
    type_ = type;
    return *this;
  }
  PacketBuilder& payload(std::string_view text) { return payload(bytes_of(text)); }
  PacketBuilder& payload(Bytes bytes) {
    payload_ = std::move(bytes);
    return *this;
  }
  /// Ethernet padding behind the packet, up to a frame of `size` bytes.
  PacketBuilder& padded_to(std::size_t size) {
    frame_size_ = size;
    return *this;
  }

  [[nodiscard]] Bytes build() const {
    Bytes frame(destination_mac_.bytes.begin(), destination_mac_.bytes.end());
    append(frame, {source_mac_.bytes.begin(), source_mac_.bytes.end()});
    for (const auto& [type, id] : tags_) {
      append16(frame, type);
      append16(frame, id);
    }
    append16(frame, type_);
    if (type_ == net::ether_type::ipv4) {
      append(frame, ipv4_packet());
    } else if (type_ == net::ether_type::ipv6) {
      append(frame, ipv6_packet());
    } else {
      append(frame, l4_);
      append(frame, payload_);
    }
    if (frame.size() < frame_size_) {
      frame.resize(frame_size_, 0xee);
    }
    return frame;
  }

 private:
  struct Fragment {
    std::uint16_t offset;
    bool more;
  };

  PacketBuilder& neighbour(std::uint8_t type, std::uint8_t flags, std::string_view target, std::uint8_t option,
                           const std::optional<net::Mac>& address) {
    icmp(type, 0, {flags, 0, 0, 0});
    append_address(l4_, test::ip(target));
    if (address) {
      append(l4_, {option, 1});
      append(l4_, {address->bytes.begin(), address->bytes.end()});
    }
    return ttl(255);
  }

  [[nodiscard]] Bytes message() const {
    if (fragment_ && fragment_->offset != 0) {
      return payload_;
    }
    Bytes bytes = l4_;
    append(bytes, payload_);
    if (protocol_ == net::ip_protocol::udp) {
      store_be<std::uint16_t>(&bytes[net::udp::length], static_cast<std::uint16_t>(bytes.size()));
    }
    if (checksum_at_) {
      std::uint16_t sum = protocol_ == net::ip_protocol::icmp
                              ? plain_checksum(bytes)
                              : plain_l4_checksum(source_, destination_, protocol_, bytes);
      if (sum == 0 && protocol_ == net::ip_protocol::udp) {
        sum = 0xffff;
      }
      store_be<std::uint16_t>(&bytes[*checksum_at_], sum);
    }
    return bytes;
  }

  [[nodiscard]] Bytes ipv4_packet() const {
    const Bytes inner = message();
    Bytes packet{static_cast<std::uint8_t>(0x45 + options_.size() / 4), traffic_class_};
    append16(packet, 20 + options_.size() + inner.size());
    append16(packet, fragment_ ? 7 : 0);
    append16(packet, fragment_ ? fragment_->offset / 8u + (fragment_->more ? 0x2000u : 0u) : 0x4000u);
    append(packet, {ttl_, protocol_, 0, 0});
    append_address(packet, source_);
    append_address(packet, destination_);
    append(packet, options_);
    store_be<std::uint16_t>(&packet[net::ipv4::checksum], plain_checksum(packet));
    append(packet, inner);
    return packet;
  }

  [[nodiscard]] Bytes ipv6_packet() const {
    Bytes inner;
    for (std::size_t i = 0; i < extensions_.size(); ++i) {
      Bytes header = extensions_[i].second;
      header[0] = i + 1 < extensions_.size() ? extensions_[i + 1].first : protocol_;
      append(inner, header);
    }
    append(inner, message());
    Bytes packet{static_cast<std::uint8_t>(0x60 | (traffic_class_ >> 4)),
                 static_cast<std::uint8_t>(traffic_class_ << 4), 0, 0};
    append16(packet, inner.size());
    append(packet, {extensions_.empty() ? protocol_ : extensions_[0].first, ttl_});
    append_address(packet, source_);
    append_address(packet, destination_);
    append(packet, inner);
    return packet;
  }

  net::Mac source_mac_ = client_mac;
  net::Mac destination_mac_ = limpet_mac;
  std::vector<std::pair<std::uint16_t, std::uint16_t>> tags_;
  std::uint16_t type_ = net::ether_type::ipv4;
  net::IpAddress source_;
  net::IpAddress destination_;
  std::uint8_t ttl_ = 64;
  std::uint8_t traffic_class_ = 0;
  std::uint8_t protocol_ = net::ip_protocol::none;
  Bytes options_;
  std::vector<std::pair<std::uint8_t, Bytes>> extensions_;
  std::optional<Fragment> fragment_;
  Bytes l4_;
  std::optional<std::size_t> checksum_at_;
  Bytes payload_;
  std::size_t frame_size_ = 0;
};

}  // namespace limpet::test
