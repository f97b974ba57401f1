#include "extract/proxy_header.hpp"

#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

#include "extract/cursor.hpp"
#include "net/proxy_protocol.hpp"

namespace limpet::extract {
namespace {

namespace proxy = net::proxy_protocol;

constexpr std::string_view v1_signature = "PROXY ";

std::string_view v2_signature() noexcept {
  return {reinterpret_cast<const char*>(proxy::signature), sizeof proxy::signature};
}

/// Takes a word and the one space behind it off the front; the last word has none.
std::string_view take_word(std::string_view& text) noexcept {
  const std::size_t size = text.find(' ');
  const std::string_view word = text.substr(0, size);
  text = size == std::string_view::npos ? std::string_view{} : text.substr(size + 1);
  return word;
}

/// Decimal, without leading zeros (section 2.1).
std::optional<std::uint16_t> read_port(std::string_view text) noexcept {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  return whole && (text.size() == 1 || text.front() != '0') ? std::optional(port) : std::nullopt;
}

/// "TCP4 192.0.2.1 192.0.2.2 51000 443", or "UNKNOWN" and anything.
ProxyHeader read_v1_line(std::string_view line, std::size_t size_bytes) noexcept {
  const std::string_view protocol = take_word(line);
  if (protocol == "UNKNOWN") {
    return {Found::value, size_bytes};
  }
  const auto source = net::IpAddress::parse(take_word(line)), destination = net::IpAddress::parse(take_word(line));
  const auto source_port = read_port(take_word(line)), destination_port = read_port(line);
  const net::Family family = protocol == "TCP4" ? net::Family::v4 : net::Family::v6;
  if ((protocol != "TCP4" && protocol != "TCP6") || !source || !destination || !source_port || !destination_port ||
      source->family() != family || destination->family() != family) {
    return {Found::malformed};
  }
  return {Found::value, size_bytes, true, {*source, *source_port}, {*destination, *destination_port}};
}

ProxyHeader read_v1(std::string_view bytes) noexcept {
  const std::string_view most = bytes.substr(0, proxy_header_v1_bytes_max);
  const std::size_t end = most.find('\r');
  if (end == std::string_view::npos || end + 1 == most.size()) {
    return {most.size() < proxy_header_v1_bytes_max ? Found::incomplete : Found::malformed};
  }
  if (most[end + 1] != '\n') {
    return {Found::malformed};
  }
  return read_v1_line(most.substr(v1_signature.size(), end - v1_signature.size()), end + 2);
}

net::Endpoint endpoint(const char* address, bool v4, std::uint16_t l4_port) noexcept {
  return {v4 ? net::IpAddress::v4(address) : net::IpAddress::v6(address), l4_port};
}

ProxyHeader read_v2(std::string_view bytes) noexcept {
  Cursor cursor(bytes);
  cursor.skip(proxy::command);
  const auto command = cursor.number<std::uint8_t>();
  cursor.expect(command == proxy::version_2_local || command == proxy::version_2_proxy);
  const auto family = cursor.number<std::uint8_t>();
  const bool is_known = (family >> 4) <= 3 && (family & 0x0f) <= 2;
  cursor.expect(command == proxy::version_2_local || is_known);
  const auto size = cursor.number<std::uint16_t>();
  cursor.expect(size + proxy::fixed_bytes <= proxy_header_v2_bytes_max);
  const bool v4 = (family & 0xf0) == proxy::over_v4, v6 = (family & 0xf0) == proxy::over_v6;
  const bool tells = command == proxy::version_2_proxy && (v4 || v6) && (family & 0x0f) != 0;
  const std::size_t ends_bytes = v4 ? proxy::ends_bytes_v4 : proxy::ends_bytes_v6;
  cursor.expect(!tells || size >= ends_bytes);
  const std::string_view ends = cursor.view(size);
  if (!cursor.good()) {
    return {cursor.state()};
  }
  if (!tells) {
    return {Found::value, cursor.position()};
  }
  const std::size_t address_bytes = (ends_bytes - 4) / 2;
  const char* const ports = ends.data() + 2 * address_bytes;
  return {Found::value, cursor.position(), true, endpoint(ends.data(), v4, load_be<std::uint16_t>(ports)),
          endpoint(ends.data() + address_bytes, v4, load_be<std::uint16_t>(ports + 2))};
}

}  // namespace

ProxyHeader read_proxy_header(std::string_view bytes) noexcept {
  for (const auto& [signature, read] : {std::pair{v1_signature, &read_v1}, std::pair{v2_signature(), &read_v2}}) {
    const std::string_view begin = bytes.substr(0, signature.size());
    if (begin == signature) {
      return read(bytes);
    }
    if (signature.starts_with(begin)) {
      return {Found::incomplete};
    }
  }
  return {};
}

}  // namespace limpet::extract
