#include "extract/route.hpp"

#include <gtest/gtest.h>

#include "support.hpp"

namespace limpet::extract {
namespace {

using test::absent;
using test::incomplete;
using test::malformed;
using test::value;
using enum Route::Where;

TEST(Route, is_the_part_its_rule_names) {
  struct Row {
    const char* value;
    Route rule;
    Value expected;
  };
  for (const Row& row : {Row{"b2", {whole}, value("b2")},
                         {"9F3C.b2", {behind_first}, value("b2")},
                         {"9F3C.b2", {behind_last}, value("b2")},
                         {"9F3C.b2.web", {behind_first}, value("b2.web")},
                         {"9F3C.b2.web", {behind_last}, value("web")},
                         {"b2~9F3C~x", {before_first, '~'}, value("b2")},
                         {"9F3C!b2", {behind_first, '!'}, value("b2")},
                         {"9F3C", {behind_first}, absent},
                         {"9F3C", {behind_last}, absent},
                         {"b2", {before_first}, absent},
                         {"9F3C.", {behind_first}, absent},
                         {"9F3C.b2.", {behind_last}, absent},
                         {".9F3C", {before_first}, absent}}) {
    EXPECT_EQ(route(value(row.value), row.rule), row.expected) << row.value;
  }
  for (const Value& other : {absent, incomplete, malformed}) {
    for (const auto where : {whole, behind_first, behind_last, before_first}) {
      EXPECT_EQ(route(other, {where}), other);
    }
  }
}

}  // namespace
}  // namespace limpet::extract
