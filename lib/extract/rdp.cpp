#include "extract/rdp.hpp"

#include <charconv>
#include <cstdint>

#include "extract/cursor.hpp"

namespace limpet::extract {
namespace {

constexpr std::string_view line_end = "\r\n";

/// What stands behind `name` in the packet's line; absent when it has another line or none.
Value read_line(std::string_view bytes, std::string_view name) noexcept {
  Cursor cursor(bytes);
  cursor.expect_bytes(std::string_view("\x03\x00", 2));  // TPKT, version 3
  const auto packet_size = cursor.number<std::uint16_t>();
  cursor.expect(packet_size >= 4);
  cursor.end_in(packet_size - 4u);
  cursor.end_in(cursor.number<std::uint8_t>());              // X.224's length
  cursor.expect_bytes(std::string_view("\xe0\x00\x00", 3));  // connection request, destination reference 0
  cursor.skip(3);                                            // source reference, class
  const std::string_view all = cursor.view(cursor.left());
  if (!cursor.good()) {
    return {cursor.state()};
  }
  if (!all.starts_with(name)) {
    return {};
  }
  const std::size_t end = all.find(line_end);
  return end == std::string_view::npos ? Value{Found::malformed} : value_of(all.substr(name.size(), end - name.size()));
}

/// Takes a decimal number and the '.' behind it off the front.
template <class T>
bool take_number(std::string_view& text, T& number) noexcept {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto size = static_cast<std::size_t>(end - text.data());
  if (error != std::errc{} || size == text.size() || *end != '.') {
    return false;
  }
  text.remove_prefix(size + 1);
  return true;
}

}  // namespace

Value rdp_mstshash(std::string_view bytes) noexcept {
  return read_line(bytes, "Cookie: mstshash=");
}

Routed rdp_msts(std::string_view bytes) noexcept {
  const Value line = read_line(bytes, "Cookie: msts=");
  if (line.found != Found::value) {
    return {line.found};
  }
  std::string_view rest = line.bytes;
  std::uint32_t address = 0;
  std::uint16_t port = 0;
  if (!take_number(rest, address) || !take_number(rest, port) || rest.empty() || port == 0) {
    return {Found::malformed};
  }
  return {Found::value, {net::IpAddress::v4(byte_swap(address)), byte_swap(port)}};
}

}  // namespace limpet::extract
