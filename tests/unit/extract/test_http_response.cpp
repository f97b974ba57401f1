#include "extract/http_response.hpp"

#include <gtest/gtest.h>

#include "support.hpp"

namespace limpet::extract {
namespace {

using test::absent;
using test::expect_answer;
using test::malformed;
using test::value;

struct Row {
  const char* what;
  std::string fields;
  Value expected;
};

class SetCookie : public testing::TestWithParam<Row> {};

TEST_P(SetCookie, is_found_by_its_whole_name) {
  expect_answer("HTTP/1.1 200 OK\r\n" + GetParam().fields + "\r\nbody", GetParam().expected,
                [](std::string_view bytes) { return set_cookie(read_response(bytes), "SID"); });
}

INSTANTIATE_TEST_SUITE_P(
    Rows, SetCookie,
    testing::Values(Row{"alone", "Set-Cookie: SID=a1\r\n", value("a1")},
                    Row{"with_attributes", "set-cookie: SID=a1; Path=/; HttpOnly\r\n", value("a1")},
                    Row{"with_spaces", "Set-Cookie:  SID = a1 ;Path=/\r\n", value("a1")},
                    Row{"quoted", "Set-Cookie: SID=\"a1\"; Secure\r\n", value("a1")},
                    Row{"equals_and_comma", "Set-Cookie: SID=a=1,b; Secure\r\n", value("a=1,b")},
                    Row{"second", "Set-Cookie: a=b\r\nServer: s\r\nSet-Cookie: SID=a1\r\n", value("a1")},
                    Row{"first_of_two", "Set-Cookie: SID=a1\r\nSet-Cookie: SID=a2\r\n", value("a1")},
                    Row{"as_an_attribute", "Set-Cookie: a=b; SID=a1\r\n", absent},
                    Row{"in_a_value", "Set-Cookie: a=SID=a1\r\n", absent},
                    Row{"other_names", "Set-Cookie: XSID=a1\r\nSet-Cookie: SIDX=a2\r\nSet-Cookie: sid=a3\r\n", absent},
                    Row{"empty", "Set-Cookie: SID=; Max-Age=0\r\n", absent},
                    Row{"no_value", "Set-Cookie: SID; Path=/\r\n", absent},
                    Row{"in_a_cookie_field", "Cookie: SID=a1\r\n", absent},
                    Row{"folded", "Set-Cookie: SID=a1;\r\n Path=/\r\n", malformed}),
    [](const auto& row) { return row.param.what; });

TEST(SetCookie, may_be_overwritten_where_it_lies) {
  std::string response = "HTTP/1.1 200 OK\r\nSet-Cookie: SID=__________; Path=/\r\n\r\nSID=__________";
  const Head head = read_response(response);
  const Value found = set_cookie(head, "SID");
  ASSERT_EQ(found, value("__________"));
  const auto offset = static_cast<std::size_t>(found.bytes.data() - head.bytes.data());
  response.replace(offset, found.bytes.size(), "0123456789");
  EXPECT_EQ(response, "HTTP/1.1 200 OK\r\nSet-Cookie: SID=0123456789; Path=/\r\n\r\nSID=__________");
}

TEST(SetCookie, may_be_put_in_where_the_fields_begin) {
  std::string response = "HTTP/1.1 204\r\nServer: s\r\n\r\n";
  response.insert(read_response(response).fields_at, "Set-Cookie: SID=a1\r\n");
  EXPECT_EQ(response, "HTTP/1.1 204\r\nSet-Cookie: SID=a1\r\nServer: s\r\n\r\n");
  EXPECT_EQ(set_cookie(read_response(response), "SID"), value("a1"));
}

}  // namespace
}  // namespace limpet::extract
