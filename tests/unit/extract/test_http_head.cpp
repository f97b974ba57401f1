#include "extract/http_head.hpp"

#include <gtest/gtest.h>

#include "support.hpp"

namespace limpet::extract {
namespace {

using namespace std::string_view_literals;
using test::absent;
using test::expect_answer;
using test::incomplete;
using test::malformed;
using test::value;

Value key_of_request(std::string_view bytes) {
  return header(read_request(bytes), "X-Key");
}
Value key_of_response(std::string_view bytes) {
  return header(read_response(bytes), "x-key");
}

struct Row {
  const char* what;
  std::string_view bytes;
  Value expected;
};

class RequestHead : public testing::TestWithParam<Row> {};

TEST_P(RequestHead, answers) {
  expect_answer(GetParam().bytes, GetParam().expected, key_of_request);
}

INSTANTIATE_TEST_SUITE_P(
    Lines, RequestHead,
    testing::Values(
        Row{"plain", "GET / HTTP/1.1\r\nX-Key: k\r\n\r\n", value("k")},
        Row{"version_1_0", "GET / HTTP/1.0\r\nX-Key: k\r\n\r\n", value("k")},
        Row{"odd_method", "M-SEARCH * HTTP/1.1\r\nX-Key: k\r\n\r\n", value("k")},
        Row{"longest_method", "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345 / HTTP/1.1\r\nX-Key: k\r\n\r\n", value("k")},
        Row{"too_long_method", "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456 / HTTP/1.1\r\nX-Key: k\r\n\r\n", malformed},
        Row{"absolute_form", "GET http://a/ HTTP/1.1\r\nX-Key: k\r\n\r\n", value("k")},
        Row{"connect", "CONNECT a:443 HTTP/1.1\r\nX-Key: k\r\n\r\n", value("k")},
        Row{"websocket", "GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-Key: k\r\n\r\n", value("k")},
        Row{"high_bytes_in_target", "GET /\xc3\xa9 HTTP/1.1\r\nX-Key: k\r\n\r\n", value("k")},
        Row{"empty_line_before", "\r\nGET / HTTP/1.1\r\nX-Key: k\r\n\r\n", value("k")},
        Row{"two_empty_lines_before", "\r\n\r\nGET / HTTP/1.1\r\nX-Key: k\r\n\r\n", malformed},
        Row{"no_fields", "GET / HTTP/1.1\r\n\r\n", absent},
        Row{"other_fields", "GET / HTTP/1.1\r\nHost: a\r\nX-Keys: k\r\nX-Ke: k\r\n\r\n", absent},
        Row{"in_the_body", "POST / HTTP/1.1\r\nHost: a\r\n\r\nX-Key: k\r\n\r\n", absent},
        Row{"http_2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", absent},
        Row{"http_2_by_get", "GET / HTTP/2.0\r\nX-Key: k\r\n\r\n", malformed}, Row{"http_0_9", "GET /\r\n", malformed},
        Row{"lower_case_version", "GET / http/1.1\r\nX-Key: k\r\n\r\n", malformed},
        Row{"no_minor_version", "GET / HTTP/1.\r\nX-Key: k\r\n\r\n", malformed},
        Row{"two_spaces_before_target", "GET  / HTTP/1.1\r\nX-Key: k\r\n\r\n", malformed},
        Row{"two_spaces_behind_target", "GET /  HTTP/1.1\r\nX-Key: k\r\n\r\n", malformed},
        Row{"space_at_the_end", "GET / HTTP/1.1 \r\nX-Key: k\r\n\r\n", malformed},
        Row{"tab_for_space", "GET\t/ HTTP/1.1\r\nX-Key: k\r\n\r\n", malformed},
        Row{"tab_in_target", "GET /\ta HTTP/1.1\r\nX-Key: k\r\n\r\n", malformed},
        Row{"space_first", " GET / HTTP/1.1\r\nX-Key: k\r\n\r\n", malformed},
        Row{"nul_in_target", "GET /\0 HTTP/1.1\r\nX-Key: k\r\n\r\n"sv, malformed},
        Row{"bare_lf_behind_the_line", "GET / HTTP/1.1\nX-Key: k\r\n\r\n", malformed},
        Row{"bare_cr_behind_the_line", "GET / HTTP/1.1\rX-Key: k\r\n\r\n", malformed},
        Row{"tls", "\x16\x03\x01\x02\x00\x01"sv, malformed}, Row{"ssh", "SSH-2.0-OpenSSH_9.2\r\n", malformed}),
    [](const auto& row) { return row.param.what; });

INSTANTIATE_TEST_SUITE_P(
    Fields, RequestHead,
    testing::Values(Row{"first_of_two", "GET / HTTP/1.1\r\nX-Key: k\r\nX-Key: l\r\n\r\n", value("k")},
                    Row{"an_empty_first_counts", "GET / HTTP/1.1\r\nX-Key: \t\r\nX-Key: l\r\n\r\n", absent},
                    Row{"any_case", "GET / HTTP/1.1\r\nx-kEY: K\r\n\r\n", value("K")},
                    Row{"no_space", "GET / HTTP/1.1\r\nX-Key:k\r\n\r\n", value("k")},
                    Row{"spaces_around", "GET / HTTP/1.1\r\nX-Key: \t k l\t \r\n\r\n", value("k l")},
                    Row{"tab_within", "GET / HTTP/1.1\r\nX-Key: k\tl\r\n\r\n", value("k\tl")},
                    Row{"high_bytes", "GET / HTTP/1.1\r\nX-Key: \xff\x80\r\n\r\n", value("\xff\x80")},
                    Row{"name_in_another_value", "GET / HTTP/1.1\r\nHost: X-Key: k\r\n\r\n", absent},
                    Row{"empty_value", "GET / HTTP/1.1\r\nX-Key:\r\n\r\n", absent},
                    Row{"what_comes_behind_is_not_judged", "GET / HTTP/1.1\r\nX-Key: k\r\nodd\r\n\r\n", value("k")},
                    Row{"what_comes_before_is", "GET / HTTP/1.1\r\nodd\r\nX-Key: k\r\n\r\n", malformed},
                    Row{"space_before_colon", "GET / HTTP/1.1\r\nX-Key : k\r\n\r\n", malformed},
                    Row{"no_name", "GET / HTTP/1.1\r\n: k\r\n\r\n", malformed},
                    Row{"odd_name", "GET / HTTP/1.1\r\nX(Key: k\r\n\r\n", malformed},
                    Row{"no_colon", "GET / HTTP/1.1\r\nX-Key\r\n\r\n", malformed},
                    Row{"space_before_the_first", "GET / HTTP/1.1\r\n X-Key: k\r\n\r\n", malformed},
                    Row{"folded", "GET / HTTP/1.1\r\nX-Key: k\r\n l\r\n\r\n", malformed},
                    Row{"folded_into_nothing", "GET / HTTP/1.1\r\nX-Key: k\r\n\t\r\n\r\n", malformed},
                    Row{"another_folded", "GET / HTTP/1.1\r\nHost: a\r\n X-Key: j\r\n\tb\r\nX-Key: k\r\n\r\n",
                        value("k")},
                    Row{"control_in_the_value", "GET / HTTP/1.1\r\nX-Key: k\x01\r\n\r\n", malformed},
                    Row{"nul_in_the_value", "GET / HTTP/1.1\r\nX-Key: k\0\r\n\r\n"sv, malformed},
                    Row{"delete_in_the_value", "GET / HTTP/1.1\r\nX-Key: k\x7f\r\n\r\n", malformed},
                    Row{"control_in_another", "GET / HTTP/1.1\r\nHost: a\x1f\r\nX-Key: k\r\n\r\n", malformed},
                    Row{"bare_cr", "GET / HTTP/1.1\r\nHost: a\rX-Key: k\r\n\r\n", malformed},
                    Row{"bare_lf", "GET / HTTP/1.1\r\nHost: a\nX-Key: k\r\n\r\n", malformed},
                    Row{"cr_for_the_end", "GET / HTTP/1.1\r\nHost: a\r\n\rX", malformed},
                    Row{"no_end", "GET / HTTP/1.1\r\nHost: a\r\n", incomplete},
                    Row{"value_without_end", "GET / HTTP/1.1\r\nX-Key: k\r\n", incomplete}),
    [](const auto& row) { return row.param.what; });

class ResponseHead : public testing::TestWithParam<Row> {};

TEST_P(ResponseHead, answers) {
  expect_answer(GetParam().bytes, GetParam().expected, key_of_response);
}

INSTANTIATE_TEST_SUITE_P(Lines, ResponseHead,
                         testing::Values(Row{"plain", "HTTP/1.1 200 OK\r\nX-Key: k\r\n\r\n", value("k")},
                                         Row{"no_reason", "HTTP/1.1 200 \r\nX-Key: k\r\n\r\n", value("k")},
                                         Row{"no_reason_no_space", "HTTP/1.1 200\r\nX-Key: k\r\n\r\n", value("k")},
                                         Row{"long_reason", "HTTP/1.0 404 Not Found, \xe9\tfoo\r\nX-Key: k\r\n\r\n",
                                             value("k")},
                                         Row{"highest_status", "HTTP/1.1 999 No\r\nX-Key: k\r\n\r\n", value("k")},
                                         Row{"low_status", "HTTP/1.1 099 No\r\nX-Key: k\r\n\r\n", malformed},
                                         Row{"short_status", "HTTP/1.1 20 OK\r\nX-Key: k\r\n\r\n", malformed},
                                         Row{"long_status", "HTTP/1.1 2000 OK\r\nX-Key: k\r\n\r\n", malformed},
                                         Row{"no_status", "HTTP/1.1 OK\r\nX-Key: k\r\n\r\n", malformed},
                                         Row{"two_spaces", "HTTP/1.1  200 OK\r\nX-Key: k\r\n\r\n", malformed},
                                         Row{"version_2", "HTTP/2 200\r\nX-Key: k\r\n\r\n", malformed},
                                         Row{"no_version", "220 mail.example ESMTP\r\n", malformed},
                                         Row{"empty_line_before", "\r\nHTTP/1.1 200 OK\r\nX-Key: k\r\n\r\n", malformed},
                                         Row{"bare_lf", "HTTP/1.1 200 OK\nX-Key: k\r\n\r\n", malformed}),
                         [](const auto& row) { return row.param.what; });

TEST(HttpHead, the_first_line_in_parts) {
  constexpr auto bytes = "\r\nGET /a?b HTTP/1.1\r\nHost: h\r\n\r\nrest"sv;
  const Head request = read_request(bytes);
  EXPECT_EQ(request.found, Found::value);
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.target, "/a?b");
  EXPECT_EQ(bytes.substr(request.fields_at, 4), "Host");
  EXPECT_EQ(whole_head(request), value(bytes.substr(0, bytes.size() - 4)));
  for (const auto& [line, status, final] :
       {std::tuple{"HTTP/1.1 100 Continue\r\n", 100, false}, std::tuple{"HTTP/1.1 101 Switching\r\n", 101, false},
        std::tuple{"HTTP/1.1 200 OK\r\n", 200, true}, std::tuple{"HTTP/1.1 503 No\r\n", 503, true}}) {
    const Head response = read_response(line);
    EXPECT_EQ(response.found, Found::value);
    EXPECT_EQ(response.status, status);
    EXPECT_EQ(is_final(response), final);
    EXPECT_EQ(response.fields_at, std::string_view(line).size());
    EXPECT_EQ(whole_head(response), incomplete);
  }
}

TEST(HttpHead, ends_where_its_empty_line_ends) {
  constexpr auto head = "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n"sv;
  expect_answer(head, value(head), [](auto bytes) { return whole_head(read_request(bytes)); });
  expect_answer("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", absent, [](auto bytes) { return whole_head(read_request(bytes)); });
  expect_answer("GET / HTTP/1.1\r\nHost: a\r\nb\r\n\r\n", malformed,
                [](auto bytes) { return whole_head(read_request(bytes)); });
}

TEST(HttpHead, has_no_more_fields_than_allowed) {
  std::string head = "GET / HTTP/1.1\r\n";
  for (unsigned i = 1; i < head_fields_max; ++i) {
    head += "A: b\r\n";
  }
  expect_answer(head + "X-Key: k\r\n\r\n", value("k"), key_of_request, 20);
  expect_answer(head + "B: c\r\n\r\n", absent, key_of_request, 20);
  expect_answer(head + "B: c\r\nX-Key: k\r\n\r\n", malformed, key_of_request, 30);
}

TEST(HttpHead, is_no_longer_than_allowed) {
  const std::string line = "GET / HTTP/1.1\r\nA: ", end = "\r\nX-Key: k\r\n\r\n";
  const std::string most(head_bytes_max - line.size() - end.size(), 'a');
  expect_answer(line + most + end, value("k"), key_of_request, 20);
  expect_answer(line + most + "a" + end, value("k"), key_of_request, 20);  // the field and a byte fit
  expect_answer(line + most + "aa" + end, malformed, key_of_request, 20);
  expect_answer(std::string(head_bytes_max, 'A'), malformed, key_of_request, 20);
  expect_answer("GET /" + std::string(head_bytes_max, 'a'), malformed, key_of_request, 20);
  expect_answer("HTTP/1.1 200 " + std::string(head_bytes_max, 'a'), malformed, key_of_response, 20);
}

TEST(HttpHead, controls_are_seen_wherever_they_lie) {
  for (unsigned c = 0; c < 256; ++c) {
    const bool allowed = c == '\t' || (c >= 0x20 && c != 0x7f);
    for (std::size_t at = 0; at < 40; ++at) {
      std::string filling(40, 'a');
      filling[at] = static_cast<char>(c);
      const test::Block block("GET / HTTP/1.1\r\nA:" + filling + "\r\nX-Key: k\r\n\r\n");
      ASSERT_EQ(key_of_request(block.view()), allowed ? value("k") : malformed) << c << " at " << at;
    }
  }
}

TEST(Part, of_a_value) {
  EXPECT_EQ(part(value("Bearer abc"), ' ', 1), value("abc"));
  EXPECT_EQ(part(value("a;b ; c"), ';', 0), value("a"));
  EXPECT_EQ(part(value("a;b ; c"), ';', 1), value("b"));
  EXPECT_EQ(part(value("a;b ; c"), ';', 2), value("c"));
  EXPECT_EQ(part(value("a;b ; c"), ';', 3), absent);
  EXPECT_EQ(part(value("a;;c"), ';', 1), absent);
  EXPECT_EQ(part(value("a"), ';', 0), value("a"));
  for (const Value& other : {absent, incomplete, malformed}) {
    EXPECT_EQ(part(other, ';', 0), other);
  }
}

}  // namespace
}  // namespace limpet::extract
