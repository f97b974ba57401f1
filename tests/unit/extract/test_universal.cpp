#include "extract/universal.hpp"

#include <gtest/gtest.h>

#include "support.hpp"

namespace limpet::extract {
namespace {

using test::absent;
using test::expect_answer;
using test::incomplete;
using test::value;

class UniversalKey : public testing::Test {
 protected:
  static match::Database compiled() {
    const match::Pattern patterns[] = {{1, "sid=", true, false, true}, {2, "^LOGIN +user:", false, true, true}};
    return std::move(*match::Database::compile(patterns));
  }
  match::Scratch made() {
    const match::Database* all[] = {&database};
    return std::move(*match::Scratch::create(all));
  }
  Value read(std::string_view bytes, Rest rest = Rest::may_come) {
    return universal(rule, database, scratch, bytes, rest);
  }
  void expect(std::string_view bytes, const Value& expected) {
    expect_answer(bytes, expected, [&](auto some) { return read(some); });
  }

  match::Database database = compiled();
  match::Scratch scratch = made();
  Universal rule{1, ByteSet("; \r\n\xff"), 8};
};

TEST_F(UniversalKey, lies_between_match_and_delimiter) {
  expect("a=b;sid=k1;c", value("k1"));
  expect("sid=k1 sid=k2 ", value("k1"));
  expect("sid=k\xffz", value("k"));
  expect("sid=;sid=k2;", absent);
  expect("sid=12345678", value("12345678"));
  expect("sid=123456789;", value("12345678"));
  rule.after = 2;
  expect("login   USER:me\r\n", value("me"));
}

TEST_F(UniversalKey, may_come_later) {
  for (const char* bytes : {"", "a=b;", "sid", "sid=", "sid=k1"}) {
    EXPECT_EQ(read(bytes), incomplete) << bytes;
  }
}

TEST_F(UniversalKey, of_a_datagram_may_end_with_it) {
  EXPECT_EQ(read("sid=k1", Rest::none), value("k1"));
  EXPECT_EQ(read("sid=k1;", Rest::none), value("k1"));
  EXPECT_EQ(read("sid=", Rest::none), absent);
  EXPECT_EQ(read("si", Rest::none), absent);
  EXPECT_EQ(read("", Rest::none), absent);
}

TEST_F(UniversalKey, is_not_looked_for_forever) {
  const std::string filling(universal_search_bytes_max - 4, 'x');
  expect_answer(
      filling + "sid=k1;", value("k1"), [&](auto some) { return read(some); }, 20);
  expect_answer(
      filling + "xsid=k1;", absent, [&](auto some) { return read(some); }, 20);
}

TEST(ByteSet, has_what_was_put_in) {
  for (unsigned one = 0; one < 256; ++one) {
    ByteSet set;
    set.add(static_cast<std::uint8_t>(one));
    for (unsigned c = 0; c < 256; ++c) {
      EXPECT_EQ(set.has(static_cast<char>(c)), c == one);
    }
  }
}

}  // namespace
}  // namespace limpet::extract
