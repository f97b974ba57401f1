#include "extract/rdp.hpp"

#include <gtest/gtest.h>

#include "support.hpp"

namespace limpet::extract {

inline void PrintTo(const Routed& routed, std::ostream* out) {
  *out << routed.found << ' ' << routed.backend.text();
}

namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;
using test::absent;
using test::expect_answer;
using test::malformed;
using test::value;

/// What FreeRDP and mstsc send behind the line: a negotiation request (MS-RDPBCGR, section 2.2.1.1.1).
constexpr auto negotiation = "\x01\x00\x08\x00\x0b\x00\x00\x00"sv;

std::string packet(std::string_view behind) {
  const std::string body = "\xe0" + std::string(5, '\0') + std::string(behind);
  const auto size = static_cast<char>(body.size());
  return "\x03"s + '\0' + '\0' + static_cast<char>(body.size() + 5) + size + body;
}

void expect_user(std::string_view bytes, const Value& expected) {
  expect_answer(bytes, expected, rdp_mstshash);
}
void expect_backend(std::string_view bytes, const Routed& expected) {
  expect_answer(bytes, expected, rdp_msts);
}

// The client's first packet of MS-RDPBCGR, section 4.1.1.
TEST(Rdp, the_example_of_the_specification) {
  constexpr auto bytes =
      "\x03\x00\x00\x2c\x27\xe0\x00\x00\x00\x00\x00"
      "Cookie: mstshash=eltons\r\n"
      "\x01\x00\x08\x00\x00\x00\x00\x00"sv;
  ASSERT_EQ(bytes.size(), 0x2cu);
  expect_user(bytes, value("eltons"));
  expect_backend(bytes, {Found::absent});
}

TEST(Rdp, user) {
  expect_user(packet("Cookie: mstshash=DOM\\user\r\n"), value("DOM\\user"));
  expect_user(packet("Cookie: mstshash=user\r\n" + std::string(negotiation)), value("user"));
  expect_user(packet("Cookie: mstshash=user\r\n") + "more", value("user"));
  expect_user(packet("Cookie: mstshash=\r\n"), absent);
  expect_user(packet(negotiation), absent);
  expect_user(packet(""), absent);
  expect_user(packet("cookie: mstshash=user\r\n"), absent);
  expect_user(packet("Cookie: msts=3640205228.15629.0000\r\n"), absent);
  expect_user(packet("Cookie: mstshash=user"), malformed);
  expect_user(packet("Cookie: mstshash=user\n"), malformed);
}

// The token's example of MS-RDPBCGR, section 2.2.1.1: 172.31.249.216, port 3389.
TEST(Rdp, backend) {
  const Routed example{Found::value, *net::Endpoint::parse("172.31.249.216:3389")};
  expect_backend(packet("Cookie: msts=3640205228.15629.0000\r\n"), example);
  expect_backend(packet("Cookie: msts=3640205228.15629.0000\r\n" + std::string(negotiation)), example);
  expect_backend(packet("Cookie: msts=16908736.47873.0\r\n"), {Found::value, *net::Endpoint::parse("192.1.2.1:443")});
  expect_backend(packet("Cookie: msts=\r\n"), {Found::absent});
  expect_backend(packet(""), {Found::absent});
  for (const char* bad : {"3640205228", "3640205228.15629", "3640205228.15629.", "4294967296.15629.0000",
                          "3640205228.65536.0000", "3640205228.0.0000", ".15629.0000", "3640205228..0000",
                          "-1.15629.0000", "+1.15629.0000", " 1.15629.0000", "0x1.15629.0000", "backend1"}) {
    expect_backend(packet("Cookie: msts=" + std::string(bad) + "\r\n"), {Found::malformed});
  }
}

TEST(Rdp, packets_that_are_none) {
  const std::string good = packet("Cookie: mstshash=user\r\n");
  const auto with = [&](std::size_t at, char byte) {
    std::string bytes = good;
    bytes[at] = byte;
    return bytes;
  };
  for (const std::string& bytes : {
           with(0, 2),
           with(1, 1),  // another TPKT
           with(3, 3),
           with(3, 20),                                  // too short for itself, for what is in it
           with(4, static_cast<char>(good.size() - 4)),  // longer than the packet
           with(5, '\xd0'),
           with(6, 1),  // a connection confirm, a reference
           with(4, 3),  // no room for the references
           std::string("GET / HTTP/1.1\r\n\r\n"),
       }) {
    expect_user(bytes, malformed);
  }
}

}  // namespace
}  // namespace limpet::extract
