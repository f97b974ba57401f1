#include "net/payload_edit.hpp"

#include <cstring>

namespace limpet::net {
namespace {

/// The IP packet is longer by `size`.
void lengthen(std::uint8_t* frame, Parsed& parsed, std::size_t size, Delta& delta) noexcept {
  const auto before = static_cast<std::uint16_t>(parsed.l3_size - (parsed.l4_offset - parsed.l3_offset));
  delta.change16(before, static_cast<std::uint16_t>(before + size));  // of the pseudo-header
  std::uint8_t* const ip = frame + parsed.l3_offset;
  std::uint8_t* const field = ip + (parsed.source.is_v4() ? ipv4::total_length : ipv6::payload_length);
  const auto length = load_be<std::uint16_t>(field);
  store_be<std::uint16_t>(field, static_cast<std::uint16_t>(length + size));
  if (parsed.source.is_v4()) {
    Delta header;
    header.change16(length, static_cast<std::uint16_t>(length + size));
    header.apply(ip + ipv4::checksum);
  }
  parsed.l3_size = static_cast<std::uint16_t>(parsed.l3_size + size);
}

/// One byte of what the checksum is over became another.
void change_byte(Delta& delta, std::size_t offset, std::uint8_t before, std::uint8_t after) noexcept {
  const unsigned shift = offset % 2 == 0 ? 8 : 0;  // of a 16-bit word in network order
  delta.change16(static_cast<std::uint16_t>(before << shift), static_cast<std::uint16_t>(after << shift));
}

}  // namespace

std::uint8_t* open_gap(std::uint8_t* frame, Parsed& parsed, std::size_t at, std::size_t size, Delta& delta) noexcept {
  std::memmove(frame, frame + size, at);
  lengthen(frame, parsed, size, delta);
  return frame + at;
}

std::uint8_t* open_gap_behind(std::uint8_t* frame, Parsed& parsed, std::size_t at, std::size_t size,
                              Delta& delta) noexcept {
  const std::size_t end = std::size_t{parsed.l3_offset} + parsed.l3_size;
  std::memmove(frame + at + size, frame + at, end - at);
  lengthen(frame, parsed, size, delta);
  return frame + at;
}

void fill_gap(std::uint8_t* frame, const Parsed& parsed, std::size_t at, std::string_view text, Delta delta) noexcept {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    change_byte(delta, at + i - parsed.l4_offset, 0, byte);
    frame[at + i] = byte;
  }
  delta.apply(frame + parsed.l4_offset + tcp::checksum);
}

void overwrite(std::uint8_t* frame, const Parsed& parsed, std::size_t at, std::string_view text) noexcept {
  Delta delta;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    change_byte(delta, at + i - parsed.l4_offset, frame[at + i], byte);
    frame[at + i] = byte;
  }
  delta.apply(frame + parsed.l4_offset + tcp::checksum);
}

}  // namespace limpet::net
