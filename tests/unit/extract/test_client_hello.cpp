#include "extract/client_hello.hpp"

#include <gtest/gtest.h>

#include "hellos.hpp"
#include "support.hpp"
#include "support/tls_words.hpp"

namespace limpet::extract {
namespace {

using test::absent;
using test::expect_answer;
using test::incomplete;
using test::malformed;
using test::unhex;
using test::value;
using namespace limpet::test::tls;

using Read = Value (*)(std::string_view, HelloScratch&);

/// Asks of all beginnings; what lies in the scratch bytes is kept for the comparison.
void expect_hello(std::string_view whole, const Value& expected, Read read, std::size_t last = ~std::size_t{0}) {
  HelloScratch scratch{};
  expect_answer(
      whole, expected, [&](std::string_view bytes) { return read(bytes, scratch); }, last);
}

std::string server_name(const std::string& name) {
  return extension(0, vector_of(2, '\0' + vector_of(2, name)));
}
std::string pre_shared_key(const std::string& identity) {
  return extension(41,
                   vector_of(2, vector_of(2, identity) + "age.") + vector_of(2, vector_of(1, std::string(32, 'b'))));
}
TEST(ClientHello, of_real_clients) {
  const std::string key_name = unhex(test::seen_key_name), id = unhex(test::seen_session_id);
  for (const auto& [digits, resumed] : {std::pair{test::first_tls12, false}, std::pair{test::first_tls13, false},
                                        std::pair{test::resumed_tls12, true}, std::pair{test::resumed_tls13, true}}) {
    const std::string bytes = unhex(digits);
    expect_hello(bytes, value("web.example"), sni);
    expect_hello(bytes, value("h2"), alpn);
    expect_hello(bytes, resumed ? value(key_name) : absent, ticket_key_name);
  }
  expect_hello(unhex(test::by_id_tls12), value(id), session_id);
  expect_hello(unhex(test::by_id_tls12), absent, ticket_key_name);
  expect_hello(unhex(test::first_tls12), absent, session_id);
  expect_hello(unhex(test::gnutls), value("localhost"), sni);
  expect_hello(unhex(test::gnutls), absent, ticket_key_name);
}

TEST(ClientHello, may_be_cut_into_records_anywhere) {
  const std::string key_name = unhex(test::seen_key_name);
  for (const auto& [digits, read, expected] :
       {std::tuple{test::resumed_tls12, &ticket_key_name, value(key_name)},
        std::tuple{test::resumed_tls13, &ticket_key_name, value(key_name)},
        std::tuple{test::first_tls12, &sni, value("web.example")}, std::tuple{test::first_tls13, &alpn, value("h2")},
        std::tuple{test::first_tls12, &session_id, absent}}) {
    const std::string bytes = unhex(digits);
    for (std::size_t first = 1; first + 7 < bytes.size() - 5; ++first) {
      expect_hello(in_records(bytes, {first}), expected, *read, 1);
      expect_hello(in_records(bytes, {first, 1, 5}), expected, *read, 1);
    }
    expect_hello(in_records(bytes, {1, 2, 3, 30, 40, 5, 6, 7}), expected, *read);
  }
}

TEST(ClientHello, gives_views_where_it_can) {
  const std::string bytes = unhex(test::first_tls12);
  HelloScratch scratch{};
  const Value whole = sni(bytes, scratch);
  EXPECT_TRUE(whole.bytes.data() > bytes.data() && whole.bytes.data() < bytes.data() + bytes.size());
  const std::size_t middle = static_cast<std::size_t>(whole.bytes.data() - bytes.data()) - 5 + 3;
  const Value cut = sni(in_records(bytes, {middle}), scratch);
  EXPECT_EQ(cut, value("web.example"));
  EXPECT_EQ(static_cast<const void*>(cut.bytes.data()), scratch.data());
}

TEST(ClientHello, has_no_more_records_than_allowed) {
  const std::string one = client_hello(extension(5, std::string(100, 'x')) + server_name("a"));
  const auto cut = [&](unsigned records) {
    std::string bytes;
    for (unsigned i = 0; i + 1 < records; ++i) {
      bytes += record(one.substr(5 + i, 1));
    }
    return bytes + record(one.substr(5 + records - 1));
  };
  expect_hello(cut(hello_records_max), value("a"), sni);
  expect_hello(cut(hello_records_max + 1), malformed, sni);
}

TEST(ClientHello, is_no_longer_than_allowed) {
  const auto cut = [](std::size_t size) {
    const std::string rest = vector_of(2, server_name("a"));
    const std::string plain = client_message(vector_of(2, server_name("a") + extension(5, "")));
    const std::string message =
        client_message(vector_of(2, server_name("a") + extension(5, std::string(size - (plain.size() - 4), 'x'))));
    return record(message.substr(0, 16384)) + record(message.substr(16384, 16384)) + record(message.substr(32768));
  };
  expect_hello(cut(hello_bytes_max), value("a"), sni, 10);
  expect_hello(cut(hello_bytes_max), absent, alpn, 10);
  expect_hello(cut(hello_bytes_max + 1), malformed, sni, 10);
}

TEST(ServerName, rows) {
  const auto list = [](const std::string& names) { return extension(0, vector_of(2, names)); };
  expect_hello(client_hello(server_name("a.example")), value("a.example"), sni);
  expect_hello(client_hello(extension(10, "xx") + server_name("A.Example")), value("A.Example"), sni);
  expect_hello(client_hello(server_name(std::string(255, 'a'))), value(std::string(255, 'a')), sni);
  expect_hello(client_hello(list('\1' + vector_of(2, "other") + '\0' + vector_of(2, "b"))), value("b"), sni);
  expect_hello(client_hello(list('\1' + vector_of(2, "other"))), absent, sni);
  expect_hello(client_hello(extension(0, "")), absent, sni);
  expect_hello(client_hello(server_name("")), absent, sni);
  expect_hello(client_hello(""), absent, sni);
  expect_hello(record(client_message("")), absent, sni);
  expect_hello(client_hello(server_name(std::string(256, 'a'))), malformed, sni);
  expect_hello(client_hello(server_name("a\nb")), malformed, sni);
  expect_hello(client_hello(server_name("a b")), malformed, sni);
  expect_hello(client_hello(server_name("\xc3\xa9")), malformed, sni);
  expect_hello(client_hello(list(std::string("\0\0\5abcd", 7))), malformed, sni);
  expect_hello(client_hello(extension(0, std::string("\0\4\0\0\3abc", 8))), malformed, sni);
}

TEST(SessionId, rows) {
  expect_hello(client_hello("", std::string(32, 'i')), value(std::string(32, 'i')), session_id);
  expect_hello(client_hello("", "i"), value("i"), session_id);
  expect_hello(client_hello(""), absent, session_id);
  expect_hello(client_hello("", std::string(33, 'i')), malformed, session_id);
}

TEST(TicketKeyName, rows) {
  const std::string name = "0123456789abcdef";
  expect_hello(client_hello(extension(35, name + "more")), value(name), ticket_key_name);
  expect_hello(client_hello(extension(35, name)), value(name), ticket_key_name);
  expect_hello(client_hello(extension(35, name.substr(1))), absent, ticket_key_name);
  expect_hello(client_hello(extension(35, "") + pre_shared_key(name + "more")), value(name), ticket_key_name);
  expect_hello(client_hello(pre_shared_key(name)), value(name), ticket_key_name);
  expect_hello(client_hello(pre_shared_key("client")), absent, ticket_key_name);
  expect_hello(client_hello(extension(41, vector_of(2, ""))), malformed, ticket_key_name);
  expect_hello(client_hello(extension(41, vector_of(2, number(20, 2) + name))), malformed, ticket_key_name);
}

TEST(Alpn, rows) {
  const auto list = [](const std::string& names) { return extension(16, vector_of(2, names)); };
  expect_hello(client_hello(list(vector_of(1, "h2") + vector_of(1, "http/1.1"))), value("h2"), alpn);
  expect_hello(client_hello(""), absent, alpn);
  expect_hello(client_hello(list("")), malformed, alpn);
  expect_hello(client_hello(list(vector_of(1, ""))), malformed, alpn);
  expect_hello(client_hello(list("\5ab")), malformed, alpn);
}

TEST(ClientHello, that_is_none) {
  const std::string good = client_hello(server_name("a"));
  const auto with = [&](std::size_t at, char byte) {
    std::string bytes = good;
    bytes[at] = byte;
    return bytes;
  };
  const auto cut = [&](std::size_t size) { return good.substr(0, size); };
  for (const std::string& bytes : {
           with(0, 23),
           with(1, 2),
           with(5, 2),                                             // not a handshake record, SSL 2, a ServerHello
           with(9, 2),                                             // version 2 of the protocol
           with(8, static_cast<char>(good[8] - 1)),                // a message shorter than what is in it
           with(43, 127),                                          // a session id longer than the message
           cut(3) + number(0, 2),                                  // an empty record
           cut(3) + number(16385, 2) + good.substr(5),             // a record too long
           cut(40).replace(3, 2, number(35, 2)) + "\x15\x03\x03",  // an alert before the message is whole
           "\x80\x2e\x01\x03\x01" + std::string(46, 'x'),          // an SSL 2 hello
           std::string("GET / HTTP/1.1\r\n\r\n"),
       }) {
    expect_hello(bytes, malformed, sni);
  }
  HelloScratch scratch{};
  EXPECT_EQ(sni("", scratch), incomplete);
  EXPECT_EQ(sni("\x16", scratch), incomplete);
}

}  // namespace
}  // namespace limpet::extract
