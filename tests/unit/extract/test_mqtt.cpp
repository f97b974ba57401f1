#include "extract/mqtt.hpp"

#include <gtest/gtest.h>

#include "hellos.hpp"
#include "support.hpp"

namespace limpet::extract {
namespace {

using test::absent;
using test::expect_answer;
using test::malformed;
using test::unhex;
using test::value;

std::string text(std::string_view bytes) {
  return std::string{static_cast<char>(bytes.size() >> 8), static_cast<char>(bytes.size())} + std::string(bytes);
}
std::string variable(std::size_t number) {
  std::string bytes;
  for (; number >= 128; number /= 128) {
    bytes += static_cast<char>(number % 128 | 128);
  }
  return bytes + static_cast<char>(number);
}
std::string packet(const std::string& body) {
  return '\x10' + variable(body.size()) + body;
}
std::string begin(char level, char flags = 2) {
  return text(level == 3 ? "MQIsdp" : "MQTT") + level + flags + std::string("\0\x3c", 2);
}
void expect_id(std::string_view bytes, const Value& expected, std::size_t last = ~std::size_t{0}) {
  expect_answer(bytes, expected, mqtt_client_id, last);
}

// As scapy's contrib.mqtt builds them.
TEST(MqttClientId, of_packets_built_elsewhere) {
  expect_id(unhex("101500044d5154540402003c000973656e736f722d3137"), value("sensor-17"));
  expect_id(unhex("101800064d51497364700382003c00076d657465722e39000175"), value("meter.9"));
}

TEST(MqttClientId, of_every_version) {
  for (const char level : {'\3', '\4', '\5'}) {
    const std::string properties = level == 5 ? variable(5) + '\x11' + std::string("\0\0\0\x0a", 4) : "";
    expect_id(packet(begin(level) + properties + text("id") + text("user")), value("id"));
    expect_id(packet(begin(level) + properties + text("")), absent);
    expect_id(packet(begin(level) + properties + text(std::string(300, 'x'))), value(std::string(300, 'x')));
    expect_id(packet(begin(level) + properties + text("id")) + "\xc0", value("id"));
  }
  expect_id(packet(begin(5) + variable(0) + text("id")), value("id"));
  expect_id(packet(begin(5) + variable(200) + std::string(200, 'p') + text("id")), value("id"));
  expect_id(packet(text("MQTT") + '\x84' + '\2' + std::string(2, '\0') + text("bridge")), value("bridge"));
  expect_id(packet(begin(4) + text("gr\xc3\xbc\xc3\x9f")), value("gr\xc3\xbc\xc3\x9f"));
}

TEST(MqttClientId, may_be_as_long_as_its_length_says) {
  const std::string most(65535, 'm');
  expect_id(packet(begin(4) + text(most)), value(most), 5);
}

TEST(MqttClientId, of_what_is_no_connect) {
  const std::string good = packet(begin(4) + text("id"));
  const auto with = [&](std::size_t at, char byte) {
    std::string bytes = good;
    bytes[at] = byte;
    return bytes;
  };
  for (const std::string& bytes : {
           with(0, '\x20'),
           with(0, '\x11'),                          // CONNACK, reserved flags
           with(1, static_cast<char>(good[1] - 1)),  // shorter than what is in it
           with(3, 5),
           with(3, 6),
           with(4, 'm'),  // another name
           with(8, 3),
           with(8, 5),
           with(8, 6),   // another level: 5 takes the id's length for its properties'
           with(9, 3),   // reserved flag
           with(13, 3),  // an id longer than the packet
           packet(begin(4) + text(std::string("i\0d", 3))),
           packet(begin(3) + text(std::string("\0", 1))),
           packet(text("MQIsdp") + '\4' + '\2' + std::string(2, '\0') + text("id")),
           '\x10' + std::string(4, '\xff'),
           packet(begin(5) + std::string(4, '\xff') + text("id")),
           packet(begin(5) + variable(100) + text("id")),
           std::string("GET / HTTP/1.1\r\n\r\n"),
       }) {
    expect_id(bytes, malformed);
  }
}

}  // namespace
}  // namespace limpet::extract
