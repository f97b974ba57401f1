#include "extract/mqtt.hpp"

#include <cstdint>

#include "extract/cursor.hpp"

namespace limpet::extract {
namespace {

constexpr std::uint8_t connect = 0x10;
constexpr std::uint8_t bridge = 0x80;  // of the protocol's level, where Mosquitto's bridges set it

/// A variable byte integer of at most four bytes (MQTT 5.0, section 1.5.5; 3.1.1, section 2.2.3).
std::uint32_t variable(Cursor& cursor) noexcept {
  std::uint32_t value = 0;
  for (unsigned shift = 0; shift < 28; shift += 7) {
    const auto byte = cursor.number<std::uint8_t>();
    value |= (byte & 0x7fu) << shift;
    if ((byte & 0x80u) == 0) {
      return value;
    }
  }
  cursor.fail();
  return 0;
}

/// The protocol's level: 3, 4 or 5.
std::uint8_t read_level(Cursor& cursor) noexcept {
  const auto name_size = cursor.number<std::uint16_t>();
  const bool old = name_size == 6;
  cursor.expect(old || name_size == 4);
  cursor.expect_bytes(old ? "MQIsdp" : "MQTT");
  const auto level = static_cast<std::uint8_t>(cursor.number<std::uint8_t>() & ~bridge);
  cursor.expect(old ? level == 3 : level == 4 || level == 5);
  return level;
}

}  // namespace

Value mqtt_client_id(std::string_view bytes) noexcept {
  Cursor cursor(bytes);
  cursor.expect(cursor.number<std::uint8_t>() == connect);
  cursor.end_in(variable(cursor));
  const std::uint8_t level = read_level(cursor);
  const auto flags = cursor.number<std::uint8_t>();
  cursor.expect(level == 3 || (flags & 1) == 0);  // reserved (section 3.1.2.3)
  cursor.skip(2);                                 // keep alive
  if (level == 5) {
    cursor.skip(variable(cursor));  // properties
  }
  const std::string_view id = cursor.view(cursor.number<std::uint16_t>());
  cursor.expect(id.find('\0') == std::string_view::npos);
  return cursor.good() ? value_of(id) : Value{cursor.state()};
}

}  // namespace limpet::extract
