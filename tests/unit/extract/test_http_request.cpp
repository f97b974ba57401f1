#include "extract/http_request.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "extract/text.hpp"
#include "support.hpp"
#include "support/packet_builder.hpp"

namespace limpet::extract {

inline void PrintTo(const Address& address, std::ostream* out) {
  *out << address.found << ' ' << address.address.text();
}

namespace {

using test::absent;
using test::expect_answer;
using test::incomplete;
using test::malformed;
using test::value;

struct Row {
  const char* what;
  std::string fields;
  Value expected;
};

std::string request(const std::string& target, const std::string& fields = "") {
  return "GET " + target + " HTTP/1.1\r\n" + fields + "\r\n";
}

class Cookie : public testing::TestWithParam<Row> {};

TEST_P(Cookie, is_found_by_its_whole_name) {
  const auto read = [](std::string_view bytes) { return cookie(read_request(bytes), "SID"); };
  expect_answer(request("/", GetParam().fields), GetParam().expected, read);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, Cookie,
    testing::Values(
        Row{"alone", "Cookie: SID=a1\r\n", value("a1")}, Row{"first", "Cookie: SID=a1; b=c\r\n", value("a1")},
        Row{"last", "Cookie: b=c; SID=a1\r\n", value("a1")},
        Row{"between_without_spaces", "cookie:b=c;SID=a1;d=e\r\n", value("a1")},
        Row{"spaces_around", "Cookie: b=c ;\t SID = a1 ; d=e\r\n", value("a1")},
        Row{"equals_in_the_value", "Cookie: SID=a=b==\r\n", value("a=b==")},
        Row{"quoted", "Cookie: SID=\"a1\"\r\n", value("a1")}, Row{"one_quote", "Cookie: SID=\"\r\n", value("\"")},
        Row{"half_quoted", "Cookie: SID=\"a1\r\n", value("\"a1")},
        Row{"semicolon_in_quotes_ends_it", "Cookie: SID=\"a;b\"\r\n", value("\"a")},
        Row{"first_of_two", "Cookie: SID=a1; SID=a2\r\n", value("a1")},
        Row{"in_a_second_field", "Cookie: b=c\r\nHost: h\r\nCookie: SID=a1\r\n", value("a1")},
        Row{"other_case", "Cookie: sid=a1; Sid=a2\r\n", absent},
        Row{"end_of_another_name", "Cookie: XSID=a1; X-SID=a2; X.SID=a3\r\n", absent},
        Row{"beginning_of_another_name", "Cookie: SIDX=a1; SID2=a2; SID.=a3\r\n", absent},
        Row{"inside_another_value", "Cookie: a=SID=a1; b=c SID=a2; d=\"SID=a3\"\r\n", absent},
        Row{"behind_a_comma", "Cookie: a=b,SID=a1\r\n", absent}, Row{"without_value", "Cookie: SID; b=c\r\n", absent},
        Row{"empty", "Cookie: SID=; b=c\r\n", absent}, Row{"empty_quotes", "Cookie: SID=\"\"\r\n", absent},
        Row{"no_pairs", "Cookie: ;; ; \r\n", absent}, Row{"empty_field", "Cookie:\r\n", absent},
        Row{"in_another_field", "X-Cookie: SID=a1\r\nCookie2: SID=a2\r\nSet-Cookie: SID=a3\r\n", absent},
        Row{"field_name_in_a_value", "Referer: Cookie: SID=a1\r\n", absent},
        Row{"folded", "Cookie: b=c;\r\n SID=a1\r\n", malformed},
        Row{"folded_into_another", "X: y\r\n Cookie: SID=a1\r\n", absent},
        Row{"with_a_control", "Cookie: SID=a\x02\r\n", malformed}),
    [](const auto& row) { return row.param.what; });

TEST(Cookie, in_target_or_body_is_none) {
  expect_answer("POST /?Cookie:%20SID=a1 HTTP/1.1\r\nHost: h\r\n\r\nCookie: SID=a1\r\n\r\n", absent,
                [](auto bytes) { return cookie(read_request(bytes), "SID"); });
}

struct TargetRow {
  const char* what;
  std::string target;
  Value param, path, prefix, segment;  // "sid", all, 3 bytes, the second
};

class Target : public testing::TestWithParam<TargetRow> {};

TEST_P(Target, falls_into_its_parts) {
  const auto& row = GetParam();
  const std::string bytes = request(row.target);
  expect_answer(bytes, row.param, [](auto some) { return url_param(read_request(some), "sid"); });
  expect_answer(bytes, row.path, [](auto some) { return path(read_request(some)); });
  expect_answer(bytes, row.prefix, [](auto some) { return path_prefix(read_request(some), 3); });
  expect_answer(bytes, row.segment, [](auto some) { return path_segment(read_request(some), 1); });
}

INSTANTIATE_TEST_SUITE_P(
    Rows, Target,
    testing::Values(TargetRow{"root", "/", absent, value("/"), value("/"), absent},
                    TargetRow{"segments", "/ab/cd/e", absent, value("/ab/cd/e"), value("/ab"), value("cd")},
                    TargetRow{"empty_segment", "/ab//e", absent, value("/ab//e"), value("/ab"), absent},
                    TargetRow{"slash_at_the_end", "/a/", absent, value("/a/"), value("/a/"), absent},
                    TargetRow{"param", "/a/b?sid=1", value("1"), value("/a/b"), value("/a/"), value("b")},
                    TargetRow{"param_second", "/?a=b&sid=1&c", value("1"), value("/"), value("/"), absent},
                    TargetRow{"param_twice", "/?sid=1&sid=2", value("1"), value("/"), value("/"), absent},
                    TargetRow{"param_with_semicolon", "/?sid=1;a=2", value("1;a=2"), value("/"), value("/"), absent},
                    TargetRow{"param_behind_semicolon", "/?a=2;sid=1", absent, value("/"), value("/"), absent},
                    TargetRow{"param_as_it_stands", "/?sid=%41+?/&b", value("%41+?/"), value("/"), value("/"), absent},
                    TargetRow{"param_empty", "/?sid=&a", absent, value("/"), value("/"), absent},
                    TargetRow{"param_without_value", "/?sid&a", absent, value("/"), value("/"), absent},
                    TargetRow{"param_other_names", "/?xsid=1&sidx=2&a=sid=3", absent, value("/"), value("/"), absent},
                    TargetRow{"param_in_the_path", "/sid=1/b", absent, value("/sid=1/b"), value("/si"), value("b")},
                    TargetRow{"param_in_the_fragment", "/a?b#&sid=1", absent, value("/a"), value("/a"), absent},
                    TargetRow{"param_before_the_fragment", "/a?sid=1#b", value("1"), value("/a"), value("/a"), absent},
                    TargetRow{"query_in_the_fragment", "/a#b?sid=1", absent, value("/a"), value("/a"), absent},
                    TargetRow{"absolute", "http://h:1/a/b?sid=1", value("1"), value("/a/b"), value("/a/"), value("b")},
                    TargetRow{"absolute_no_path", "http://h?sid=1", value("1"), absent, absent, absent},
                    TargetRow{"absolute_nothing", "http://h", absent, absent, absent, absent},
                    TargetRow{"url_in_the_query", "/?a=http://h/b&sid=1", value("1"), value("/"), value("/"), absent},
                    TargetRow{"asterisk", "*", absent, absent, absent, absent},
                    TargetRow{"rootless", "a/b?x=http://h/", absent, absent, absent, absent}),
    [](const auto& row) { return row.param.what; });

TEST(Host, comes_from_target_or_field) {
  const auto read = [](std::string_view bytes) { return host(read_request(bytes)); };
  for (const auto& [field, expected] :
       {std::pair{"a.example", value("a.example")}, std::pair{"A.Example:8080", value("A.Example")},
        std::pair{"192.0.2.1:80", value("192.0.2.1")}, std::pair{"[2001:db8::1]:80", value("[2001:db8::1]")},
        std::pair{"[2001:db8::1]", value("[2001:db8::1]")}, std::pair{"[2001:db8::1", absent}, std::pair{"", absent},
        std::pair{":80", absent}}) {
    expect_answer(request("/", "Host: " + std::string(field) + "\r\n"), expected, read);
  }
  expect_answer(request("http://b.example:81/", "Host: a.example\r\n"), value("b.example"), read);
  expect_answer(request("http://user:x@b.example/", "Host: a.example\r\n"), value("b.example"), read);
  expect_answer(request("http://b.example", "Host: a.example\r\n"), value("b.example"), read);
  expect_answer(request("/http://b.example/", "Host: a.example\r\n"), value("a.example"), read);
  expect_answer(request("*", "Host: a.example\r\n"), value("a.example"), read);
  expect_answer("CONNECT c.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n", value("c.example"), read);
  expect_answer(request("/", "Host: a\r\nHost: b\r\n"), value("a"), read);
  expect_answer(request("/", "Host: a\r\n b\r\n"), malformed, read);
  expect_answer(request("/"), absent, read);
}

TEST(Host, is_lowered_into_room_that_suffices) {
  std::array<char, 9> room{};
  EXPECT_EQ(lowered("A.ExamPle", room), "a.example");
  EXPECT_EQ(lowered("A.Example.", room), "");
  EXPECT_EQ(lowered("", room), "");
}

bool inner(const net::IpAddress& address) {
  return net::Prefix::parse("10.0.0.0/8")->contains(address) || address == *net::IpAddress::parse("2001:db8::1");
}

TEST(ForwardedFor, finds_the_first_from_the_right_that_is_not_trusted) {
  const auto read = [](std::string_view bytes) { return x_forwarded_for(read_request(bytes), inner); };
  const auto is = [](const char* text) { return Address{Found::value, *net::IpAddress::parse(text)}; };
  const Address broken{Found::malformed}, none{Found::absent};
  const auto field = [](const std::string& text) { return "X-Forwarded-For: " + text + "\r\n"; };
  for (const auto& [fields, expected] : std::vector<std::pair<std::string, Address>>{
           {"", none},
           {field(""), none},
           {field(" , ,"), none},
           {field("192.0.2.1"), is("192.0.2.1")},
           {field("192.0.2.1, 10.0.0.1"), is("192.0.2.1")},
           {field("192.0.2.1,10.0.0.1 ,\t10.0.0.2"), is("192.0.2.1")},
           {field("192.0.2.66, 192.0.2.1, 10.0.0.1"), is("192.0.2.1")},
           {field("10.0.0.3, 10.0.0.1"), is("10.0.0.3")},
           {field("192.0.2.1,, 10.0.0.1,"), is("192.0.2.1")},
           {field("192.0.2.1") + field("10.0.0.1"), is("192.0.2.1")},
           {field("192.0.2.1, 10.0.0.2") + "Host: a\r\n" + field(" ") + "x-forwarded-FOR: 10.0.0.1\r\n",
            is("192.0.2.1")},
           {field("192.0.2.1") + field("192.0.2.2"), is("192.0.2.2")},
           {field("192.0.2.1:4711, 10.0.0.1:80"), is("192.0.2.1")},
           {field("2001:db8::7, 2001:db8::1"), is("2001:db8::7")},
           {field("[2001:db8::7]:80, [2001:db8::1]"), is("2001:db8::7")},
           {field("::ffff:192.0.2.1"), is("192.0.2.1")},
           {field("unknown, 10.0.0.1"), broken},
           {field("192.0.2.1, unknown"), broken},
           {field("bad, 192.0.2.1, 10.0.0.1"), is("192.0.2.1")},
           {field("[192.0.2.1]"), broken},
           {field("[2001:db8::7"), broken},
           {field("[2001:db8::7]80"), broken},
           {field("[]"), broken},
           {field("192.0.2.1\r\n , 10.0.0.1"), broken},
           {field("192.0.2.1\r\n ,192.0.2.2"), broken},
           {"odd\r\n" + field("192.0.2.1"), broken},
           {field("192.0.2.1") + "odd\r\n", broken}}) {
    expect_answer(request("/", fields), expected, read);
  }
}

TEST(ForwardedFor, needs_the_whole_head_and_bounded_fields) {
  const auto read = [](std::string_view bytes) { return x_forwarded_for(read_request(bytes), inner); };
  EXPECT_EQ(read("GET / HTTP/1.1\r\nX-Forwarded-For: 192.0.2.1\r\n").found, Found::incomplete);
  std::string fields = "X-Forwarded-For: 192.0.2.1\r\n";
  for (unsigned i = 1; i < forwarded_fields_max; ++i) {
    fields += "X-Forwarded-For: 10.0.0.1\r\n";
  }
  EXPECT_EQ(read(request("/", fields)).found, Found::value);
  EXPECT_EQ(read(request("/", fields + "X-Forwarded-For: 10.0.0.1\r\n")).found, Found::malformed);
  EXPECT_EQ(read("PRI * HTTP/2.0\r\n\r\n").found, Found::absent);
}

TEST(Requests, that_are_none_have_no_keys) {
  for (const auto& [bytes, expected] : {std::pair{"PRI * HTTP/2.0\r\n\r\n", absent}, std::pair{"GE", incomplete},
                                        std::pair{"GET /", incomplete}, std::pair{"GET\r\n", malformed}}) {
    const Head head = read_request(bytes);
    for (const Value& found : {cookie(head, "a"), header(head, "a"), url_param(head, "a"), path(head),
                               path_prefix(head, 3), path_segment(head, 0), host(head), whole_head(head)}) {
      EXPECT_EQ(found, expected) << bytes;
    }
  }
}

}  // namespace
}  // namespace limpet::extract
