#include "net/client_address.hpp"

#include <cstring>

#include "net/checksum.hpp"
#include "net/payload_edit.hpp"
#include "net/proxy_protocol.hpp"
#include "net/tcp_edit.hpp"

namespace limpet::net {
namespace {

constexpr std::uint8_t urgent_flag = 0x20;
constexpr std::uint8_t nothing[52]{};

std::uint8_t* put(std::uint8_t* to, const void* bytes, std::size_t size) noexcept {
  std::memcpy(to, bytes, size);
  return to + size;
}

void set16(std::uint8_t* field, std::uint16_t value, Delta& delta) noexcept {
  delta.change16(load_be<std::uint16_t>(field), value);
  store_be<std::uint16_t>(field, value);
}

}  // namespace

std::size_t write_proxy_header(std::uint8_t* to, const Endpoint& client, const Endpoint& vip) noexcept {
  const std::size_t size = proxy_header_size(client.address.family());
  namespace proxy = proxy_protocol;
  std::uint8_t* at = put(to, proxy::signature, sizeof proxy::signature);
  *at++ = proxy::version_2_proxy;
  *at++ = client.address.is_v4() ? proxy::tcp_over_v4 : proxy::tcp_over_v6;
  store_be<std::uint16_t>(at, static_cast<std::uint16_t>(size - proxy::fixed_bytes));
  at = put(at + 2, client.address.wire_bytes(), client.address.wire_size());
  at = put(at, vip.address.wire_bytes(), vip.address.wire_size());
  store_be<std::uint16_t>(at, client.l4_port);
  store_be<std::uint16_t>(at + 2, vip.l4_port);
  return size;
}

void put_proxy_header(std::uint8_t* frame, Parsed& parsed, const Endpoint& client, const Endpoint& vip) noexcept {
  const std::size_t size = proxy_header_size(client.address.family());
  const std::size_t headers = parsed.l4_offset + tcp_header_size(frame + size, parsed);
  Delta delta;
  std::uint8_t* const gap = open_gap(frame, parsed, headers, size, delta);
  write_proxy_header(gap, client, vip);
  delta.change(nothing, gap, size);
  std::uint8_t* const l4 = frame + parsed.l4_offset;
  const auto sequence = load_be<std::uint32_t>(l4 + tcp::sequence);
  store_be<std::uint32_t>(l4 + tcp::sequence, sequence - static_cast<std::uint32_t>(size));
  delta.change32(sequence, sequence - static_cast<std::uint32_t>(size));
  if ((l4[tcp::flags] & urgent_flag) != 0) {  // counted from the sequence number
    set16(l4 + tcp::urgent, static_cast<std::uint16_t>(load_be<std::uint16_t>(l4 + tcp::urgent) + size), delta);
  }
  const auto flags = static_cast<std::uint16_t>(load_be<std::uint16_t>(l4 + tcp::data_offset) | tcp_flag::psh);
  set16(l4 + tcp::data_offset, flags, delta);
  delta.apply(l4 + tcp::checksum);
}

void put_address_option(std::uint8_t* frame, Parsed& parsed, const Endpoint& client) noexcept {
  const std::size_t size = address_option_size(client.address.family());
  Delta delta;
  std::uint8_t* const gap = open_gap(frame, parsed, parsed.l4_offset + tcp::size, size, delta);
  gap[0] = tcp_option::address;
  gap[1] = static_cast<std::uint8_t>(size);
  store_be<std::uint16_t>(gap + 2, client.l4_port);
  std::memcpy(gap + 4, client.address.wire_bytes(), client.address.wire_size());
  delta.change(nothing, gap, size);
  std::uint8_t* const l4 = frame + parsed.l4_offset;
  const auto words = static_cast<std::uint16_t>(size / 4 << 12);  // of the header, in its topmost four bits
  set16(l4 + tcp::data_offset, static_cast<std::uint16_t>(load_be<std::uint16_t>(l4 + tcp::data_offset) + words),
        delta);
  delta.apply(l4 + tcp::checksum);
}

}  // namespace limpet::net
