// What Tab offers.
#include "api/complete.hpp"

#include <gtest/gtest.h>

namespace limpet::api {
namespace {

std::vector<std::string> names(Completion kind) {
  switch (kind) {
    case Completion::service:
      return {"web", "dns"};
    case Completion::backend:
      return {"web/b1", "web/b2", "dns/d1"};
    case Completion::worker:
      return {"0", "1"};
    default:
      return {};
  }
}

TEST(Complete, offers_words_options_and_live_names) {
  using Words = std::vector<std::string>;
  const struct {
    std::string_view line;
    Words offered;
  } rows[] = {
      {"", {"apply", "backend", "config", "records", "show", "version", "why"}},
      {"s", {"show"}},
      {"show", {"show"}},
      {"show p", {"pools", "ports", "profiles"}},
      {"show zzz", {}},
      {"zzz ", {}},
      {"config ", {"check", "schema", "show"}},
      {"backend enable ", {"--json", "dns/d1", "web/b1", "web/b2"}},
      {"backend drain web", {"web/b1", "web/b2"}},
      {"backend drain web/b1 ", {"--for", "--json"}},
      {"backend drain --j", {"--json"}},
      {"records ", {"clear", "dump", "list", "load", "set", "show"}},
      {"records set 203.0.113.1 ", {"--json", "--profile", "--service", "dns/d1", "web/b1", "web/b2"}},
      {"records clear --backend w", {"web/b1", "web/b2"}},
      {"why --service ", {"dns", "web"}},
      {"why --service w", {"web"}},
      {"why --service web --cl", {"--client"}},
      {"why --client ", {}},
      {"why --service \"web\" --l", {"--listen"}},
      {"show flows --worker ", {"0", "1"}},
      {"show flows --w", {"--worker"}},
      {"apply --dry-run --", {"--dry-run", "--json"}},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(complete(row.line, &names), row.offered) << row.line;
  }
}

TEST(SplitWords, keeps_what_quotes_hold) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(split_words(""), Words{});
  EXPECT_EQ(split_words("  show\tflows  "), (Words{"show", "flows"}));
  EXPECT_EQ(split_words("--filter \"a b\" 'c \"d'"), (Words{"--filter", "a b", "c \"d"}));
  EXPECT_EQ(split_words("a'b'c \"\""), (Words{"abc", ""}));
  EXPECT_EQ(split_words("\"open end"), (Words{"open end"}));
}

}  // namespace
}  // namespace limpet::api
