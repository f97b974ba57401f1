#include "extract/server_hello.hpp"

#include <gtest/gtest.h>

#include "hellos.hpp"
#include "support.hpp"
#include "support/tls_words.hpp"

namespace limpet::extract {
namespace {

using test::absent;
using test::incomplete;
using test::malformed;
using test::unhex;
using test::value;
using namespace limpet::test::tls;

/// Asks of all beginnings.
void expect_id(std::string_view whole, const Value& expected) {
  HelloScratch scratch{};
  test::expect_answer(whole, expected, [&](std::string_view bytes) { return given_session_id(bytes, scratch); });
}

TEST(ServerHello, of_a_real_server) {
  const std::string id = unhex(test::seen_given_id);
  expect_id(unhex(test::given_tls12), value(id));
  expect_id(unhex(test::given_again_tls12), value(id));
  expect_id(unhex(test::given_none_tls12), absent);
  expect_id(unhex(test::given_tls13), absent);
}

TEST(ServerHello, is_known_with_its_last_byte) {
  const std::string whole = unhex(test::given_tls12);
  HelloScratch scratch{};
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const test::Block block(std::string_view(whole).substr(0, size));
    EXPECT_EQ(given_session_id(block.view(), scratch), incomplete) << size;
  }
}

TEST(ServerHello, may_be_cut_into_records_anywhere) {
  const std::string whole = unhex(test::given_tls12), id = unhex(test::seen_given_id);
  for (std::size_t first = 1; first + 7 < whole.size() - 5; ++first) {
    expect_id(in_records(whole, {first}), value(id));
    expect_id(in_records(whole, {first, 1, 5}), value(id));
  }
}

TEST(ServerHello, needs_nothing_of_what_follows) {
  const std::string message = server_message("", "id"), certificate = "\x0b" + vector_of(3, std::string(900, 'c'));
  expect_id(record(message) + record(certificate), value("id"));
  expect_id(record(message) + "\x15\x03\x03 an alert", value("id"));
  expect_id(record(message + certificate), value("id"));
}

TEST(ServerHello, rows) {
  const std::string longest(32, 'i');
  expect_id(server_hello("", longest), value(longest));
  expect_id(server_hello("", "i"), value("i"));
  expect_id(server_hello(extension(0, ""), "i"), value("i"));
  expect_id(record(server_message("", "i")), value("i"));
  expect_id(server_hello("", ""), absent);
  expect_id(server_hello(selects_tls13, longest), absent);
  expect_id(server_hello(extension(51, "key") + selects_tls13 + extension(41, "xx"), longest), absent);
  expect_id(server_hello("", std::string(33, 'i')), malformed);
  expect_id(record(server_message(vector_of(2, extension(0, "")) + "x", "i")), malformed);
  expect_id(record(server_message(number(3, 2) + extension(0, ""), "i")), malformed);
  expect_id(record(server_message(number(4, 2) + number(43, 2) + number(9, 2), "i")), malformed);
}

TEST(ServerHello, that_is_none) {
  const std::string good = server_hello(extension(0, ""), "id");
  const auto with = [&](std::size_t at, int byte) {
    std::string bytes = good;
    bytes[at] = static_cast<char>(byte);
    return bytes;
  };
  for (const std::string& bytes : {
           with(0, 21), with(0, 23), with(1, 2),                  // an alert, application data, SSL 2
           with(5, 0), with(5, 1), with(5, 4),                    // a HelloRequest, ClientHello, NewSessionTicket
           with(9, 2),                                            // version 2 of the protocol
           with(8, good[8] - 1), with(43, 127),                   // lengths that do not fit
           good.substr(0, 3) + number(0, 2),                      // an empty record
           good.substr(0, 3) + number(16385, 2) + good.substr(5)  // a record too long
       }) {
    expect_id(bytes, malformed);
  }
  HelloScratch scratch{};
  EXPECT_EQ(given_session_id("HTTP/1.1 200 OK", scratch), malformed);
}

}  // namespace
}  // namespace limpet::extract
