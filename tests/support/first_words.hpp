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

}  // namespace limpet::test
