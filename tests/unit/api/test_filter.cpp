// Which items of a listing a filter lets through.
#include "api/filter.hpp"

#include <gtest/gtest.h>

namespace limpet::api {
namespace {

TEST(Filter, matches) {
  const Json item{{"service", "web"},
                  {"worker", 12},
                  {"client", "198.51.100.7:4711"},
                  {"address", {"198.51.100.12:80", "[2001:db8::12]:80"}},
                  {"backend", nullptr}};
  const struct {
    std::string_view filter;
    bool matches;
  } rows[] = {
      {"", true},
      {"  ", true},
      {"web", true},
      {"eb", true},
      {"we b", true},
      {"nothing", false},
      {"web nothing", false},
      {"worker=12", true},
      {"worker=1", false},
      {"service=web", true},
      {"service=we", false},
      {"  service=web   worker=12 ", true},
      {"client=198.51.100.7:4711", true},
      {"client=198.51.100.0/24", true},
      {"client=198.51.101.0/24", false},
      {"client=2001:db8::/32", false},
      {"12:80", true},
  };
  const Command& flows = *find_method("show.flows");
  for (const auto& row : rows) {
    const auto filter = Filter::parse(flows, row.filter);
    ASSERT_TRUE(filter) << row.filter;
    EXPECT_EQ(filter->matches(item), row.matches) << row.filter;
  }
  const Command& backends = *find_method("show.backends");
  EXPECT_TRUE(Filter::parse(backends, "address=2001:db8::/64")->matches(item));
  EXPECT_TRUE(Filter::parse(backends, "address=198.51.100.12:80")->matches(item));
  EXPECT_FALSE(Filter::parse(backends, "address=198.51.100.13")->matches(item));
  EXPECT_FALSE(Filter::parse(backends, "weight=1")->matches(item));
}

TEST(Filter, refuses_unknown_columns) {
  const auto filter = Filter::parse(*find_method("show.flows"), "clinet=1");
  ASSERT_FALSE(filter);
  EXPECT_EQ(filter.error().code, Code::invalid_params);
  EXPECT_EQ(filter.error().message, "filter: show flows has no column \"clinet\" (did you mean \"client\"?)");
}

}  // namespace
}  // namespace limpet::api
