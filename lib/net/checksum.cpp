#include "net/checksum.hpp"

namespace limpet::net {
namespace {

/// Sum of the bytes as 16-bit words in memory order; an odd last byte is followed by a zero (RFC 1071).
std::uint64_t sum_of(const void* bytes, std::size_t size) noexcept {
  const auto* at = static_cast<const std::uint8_t*>(bytes);
  std::uint64_t sum = 0;
  for (; size >= 4; size -= 4, at += 4) {
    sum += detail::load_raw<std::uint32_t>(at);
  }
  if (size >= 2) {
    sum += detail::load_raw<std::uint16_t>(at);
    at += 2;
    size -= 2;
  }
  if (size == 1) {
    const std::uint8_t last[2] = {*at, 0};
    sum += detail::load_raw<std::uint16_t>(last);
  }
  return sum;
}

std::uint16_t finish(std::uint64_t sum) noexcept {
  return be16::from_raw(static_cast<std::uint16_t>(~detail::fold(sum))).host();
}

}  // namespace

std::uint16_t checksum(const void* bytes, std::size_t size) noexcept {
  return finish(sum_of(bytes, size));
}

std::uint16_t l4_checksum(const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
                          const void* message, std::size_t size) noexcept {
  std::uint64_t sum = sum_of(source.wire_bytes(), source.wire_size());
  sum += sum_of(destination.wire_bytes(), destination.wire_size());
  sum += be32(static_cast<std::uint32_t>(size)).raw();
  sum += be16(protocol).raw();
  return finish(sum + sum_of(message, size));
}

}  // namespace limpet::net
