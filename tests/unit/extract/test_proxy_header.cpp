#include "extract/proxy_header.hpp"

#include <gtest/gtest.h>

#include "net/client_address.hpp"
#include "support.hpp"

namespace limpet::extract {

inline void PrintTo(const ProxyHeader& header, std::ostream* out) {
  *out << header.found << ' ' << header.size_bytes << ' ' << (header.tells ? header.client.text() : "nobody") << " > "
       << header.destination.text();
}

namespace {

using test::expect_answer;

net::Endpoint endpoint(const char* text) {
  return *net::Endpoint::parse(text);
}
void expect_header(std::string_view bytes, const ProxyHeader& expected, std::size_t last = ~std::size_t{0}) {
  expect_answer(bytes, expected, read_proxy_header, last);
}
ProxyHeader told(std::size_t size, const net::Endpoint& client, const net::Endpoint& destination) {
  return {Found::value, size, true, client, destination};
}
ProxyHeader untold(std::size_t size) {
  return {Found::value, size};
}
const ProxyHeader none{Found::absent}, broken{Found::malformed};

struct Ends {
  net::Endpoint client, destination;
};
const Ends ends_v4{endpoint("203.0.113.7:51000"), endpoint("192.0.2.10:443")};
const Ends ends_v6{endpoint("[2001:db8:c::7]:51000"), endpoint("[2001:db8:1::10]:443")};

/// As Limpet writes it to backends.
std::string written(const Ends& ends) {
  std::uint8_t bytes[64];
  const std::size_t size = net::write_proxy_header(bytes, ends.client, ends.destination);
  return {reinterpret_cast<const char*>(bytes), size};
}
std::string with(std::string bytes, std::size_t at, char byte) {
  bytes[at] = byte;
  return bytes;
}
/// With so many bytes more in its length and behind the addresses.
std::string with_more(const std::string& header, std::size_t size) {
  const std::size_t all = header.size() - 16 + size;
  return with(with(header, 14, static_cast<char>(all >> 8)), 15, static_cast<char>(all)) + std::string(size, 't');
}

TEST(ProxyHeader, of_version_1) {
  const std::string v4 = "PROXY TCP4 203.0.113.7 192.0.2.10 51000 443\r\n";
  const std::string v6 = "PROXY TCP6 2001:db8:c::7 2001:db8:1::10 51000 443\r\n";
  expect_header(v4, told(v4.size(), ends_v4.client, ends_v4.destination));
  expect_header(v6 + "GET /", told(v6.size(), ends_v6.client, ends_v6.destination));
  expect_header("PROXY UNKNOWN\r\n", untold(15));
  expect_header("PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n\r\n", untold(43));
  const std::string longest =
      "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
  ASSERT_EQ(longest.size(), proxy_header_v1_bytes_max);
  expect_header(longest + "GET /", untold(longest.size()));
  expect_header("PROXY UNKNOWN " + longest.substr(13), broken);
}

TEST(ProxyHeader, of_version_1_that_is_broken) {
  for (const char* line :
       {"", "TCP4", "TCP5 192.0.2.1 192.0.2.2 1 2", "tcp4 192.0.2.1 192.0.2.2 1 2", "TCP4 192.0.2.1 192.0.2.2 1",
        "TCP4 192.0.2.1 192.0.2.2 1 2 3", "TCP4  192.0.2.1 192.0.2.2 1 2", "TCP4 192.0.2.1 192.0.2.2 1 2 ",
        "TCP4 192.0.2.1 2001:db8::1 1 2", "TCP4 2001:db8::1 2001:db8::2 1 2", "TCP6 192.0.2.1 192.0.2.2 1 2",
        "TCP4 192.0.2.256 192.0.2.2 1 2", "TCP4 192.0.2.1 192.0.2.2 65536 2", "TCP4 192.0.2.1 192.0.2.2 01 2",
        "TCP4 192.0.2.1 192.0.2.2 -1 2", "TCP4 192.0.2.1 192.0.2.2 1 2x", "UNKNOWNS"}) {
    expect_header("PROXY " + std::string(line) + "\r\nrest", broken);
  }
  expect_header("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\rrest", broken);
  expect_header("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n" + std::string(100, ' '), broken);
}

TEST(ProxyHeader, of_version_2) {
  for (const Ends& ends : {ends_v4, ends_v6}) {
    const std::string header = written(ends);
    const ProxyHeader expected = told(header.size(), ends.client, ends.destination);
    expect_header(header, expected);
    expect_header(header + "GET /", expected);
    expect_header(with(header, 13, static_cast<char>(header[13] + 1)), expected);  // a datagram's
    expect_header(with_more(header, 300) + "GET /", told(header.size() + 300, ends.client, ends.destination));
    expect_header(with(header, 12, 0x20), untold(header.size()));  // LOCAL
    expect_header(with(header, 13, 0x00), untold(header.size()));  // UNSPEC
    expect_header(with(header, 13, 0x31), untold(header.size()));  // UNIX
    expect_header(with(with(header, 12, 0x20), 13, 0x44), untold(header.size()));
  }
  const std::string local = with(with(written(ends_v4).substr(0, 16), 12, 0x20), 15, 0);
  expect_header(local + "GET /", untold(16));
}

TEST(ProxyHeader, of_version_2_that_is_broken) {
  const std::string v4 = written(ends_v4), v6 = written(ends_v6);
  for (const std::string& bytes : {with(v4, 12, 0x11), with(v4, 12, 0x31), with(v4, 12, 0x22), with(v4, 13, 0x41),
                                   with(v4, 13, 0x13), with(v4, 15, 11), with(v6, 15, 35), with(v4, 15, 0)}) {
    expect_header(bytes, broken);
  }
  expect_header(with_more(v4, proxy_header_v2_bytes_max - v4.size()),
                told(proxy_header_v2_bytes_max, ends_v4.client, ends_v4.destination), 40);
  expect_header(with_more(v4, proxy_header_v2_bytes_max - v4.size() + 1), broken);
}

TEST(ProxyHeader, that_is_not_there) {
  for (const std::string& bytes : {std::string("GET / HTTP/1.1\r\n"), std::string("PROXY"), std::string("PROX "),
                                   std::string("PROPFIND / HTTP/1.1"), std::string("\r\n\r\n\0\r\nQUIX\n", 12),
                                   std::string("\r\nGET"), std::string("\x16\x03\x01")}) {
    expect_header(bytes, bytes == "PROXY" ? ProxyHeader{Found::incomplete} : none);
  }
  EXPECT_EQ(read_proxy_header("").found, Found::incomplete);
}

}  // namespace
}  // namespace limpet::extract
