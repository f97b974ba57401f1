#include "net/address.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <charconv>

namespace limpet::net {
namespace {

template <class T>
std::optional<T> number(std::string_view text, T max) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value > max) {
    return std::nullopt;
  }
  return static_cast<T>(value);
}

}  // namespace

std::string Mac::text() const {
  return fmt::format("{:02x}", fmt::join(bytes, ":"));
}

std::optional<Mac> Mac::parse(std::string_view text) {
  if (text.size() != 17) {
    return std::nullopt;
  }
  Mac mac;
  for (std::size_t i = 0; i < 6; ++i) {
    const char* digits = text.data() + 3 * i;
    const auto [end, error] = std::from_chars(digits, digits + 2, mac.bytes[i], 16);
    if (error != std::errc{} || end != digits + 2 || (i < 5 && digits[2] != ':')) {
      return std::nullopt;
    }
  }
  return mac;
}

std::string IpAddress::text() const {
  char buffer[INET6_ADDRSTRLEN] = {};
  inet_ntop(is_v4() ? AF_INET : AF_INET6, wire_bytes(), buffer, sizeof buffer);
  return buffer;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  char copy[INET6_ADDRSTRLEN] = {};
  if (text.size() >= sizeof copy || text.find('\0') != std::string_view::npos) {
    return std::nullopt;
  }
  text.copy(copy, sizeof copy);
  std::uint8_t bytes[16];
  if (inet_pton(AF_INET, copy, bytes) == 1) {
    return v4(bytes);
  }
  if (inet_pton(AF_INET6, copy, bytes) == 1) {
    return v6(bytes);
  }
  return std::nullopt;
}

std::string Prefix::text() const {
  return fmt::format("{}/{}", address.text(), length);
}

std::optional<Prefix> Prefix::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) {
    return std::nullopt;
  }
  if (slash == std::string_view::npos) {
    return host(*address);
  }
  const auto length = number<std::uint8_t>(text.substr(slash + 1), address->is_v4() ? 32 : 128);
  if (!length) {
    return std::nullopt;
  }
  return Prefix{*address, *length};
}

std::string Endpoint::text() const {
  if (l4_port == 0) {
    return address.text();
  }
  return address.is_v4() ? fmt::format("{}:{}", address.text(), l4_port)
                         : fmt::format("[{}]:{}", address.text(), l4_port);
}

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
  if (const auto address = IpAddress::parse(text)) {
    return Endpoint{*address, 0};
  }
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) {
    return std::nullopt;
  }
  auto host = text.substr(0, colon);
  if (host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return std::nullopt;
  }
  const auto address = IpAddress::parse(host);
  const auto port = number<std::uint16_t>(text.substr(colon + 1), 65535);
  if (!address || !port || *port == 0) {
    return std::nullopt;
  }
  return Endpoint{*address, *port};
}

}  // namespace limpet::net
