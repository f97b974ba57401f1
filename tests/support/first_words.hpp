// What clients of binary protocols say first.
#pragma once

#include <string>
#include <string_view>

namespace limpet::test {

/// MS-RDPBCGR, section 2.2.1.1: an X.224 connection request with this line.
inline std::string rdp_request(std::string_view line) {
  const std::string body = "\xe0" + std::string(5, '\0') + std::string(line);
  const auto size = static_cast<char>(body.size());
  return std::string("\x03\x00\x00", 3) + static_cast<char>(body.size() + 5) + size + body;
}

/// MQTT 3.1.1, section 3.1.
inline std::string mqtt_connect(std::string_view id) {
  const auto text = [](std::string_view bytes) {
    return std::string{static_cast<char>(bytes.size() >> 8), static_cast<char>(bytes.size())} + std::string(bytes);
  };
  const std::string body = text("MQTT") + '\x04' + '\x02' + std::string("\0\x3c", 2) + text(id);
  return std::string("\x10") + static_cast<char>(body.size()) + body;
}

/// RFC 5246, section 7.4.1.2: TLS 1.2 with one extension.
inline std::string client_hello(char extension, std::string_view data) {
  const auto sized = [](std::string_view bytes) {
    return std::string{static_cast<char>(bytes.size() >> 8), static_cast<char>(bytes.size())} + std::string(bytes);
  };
  const std::string body = "\x03\x03" + std::string(32, 'r') + std::string("\0\0\x02\xc0\x2f\x01\0", 7) +
                           sized(std::string{'\0', extension} + sized(data));
  return "\x16\x03\x01" + sized(std::string("\x01\0", 2) + sized(body));
}
inline std::string server_name_hello(std::string_view name) {
  const auto size = static_cast<char>(name.size());
  return client_hello(0, std::string{'\0', static_cast<char>(size + 3), '\0', '\0', size} + std::string(name));
}
inline std::string ticket_hello(std::string_view key_name) {
  return client_hello(35, std::string(key_name) + std::string(96, 's'));
}

}  // namespace limpet::test
