// The line that puts a cookie into a response: each attribute as browsers read it (RFC 6265, section 4.1.1).
#include <gtest/gtest.h>

#include "model/set_cookie.hpp"

namespace limpet::model {
namespace {

struct Row {
  const char* name;
  SetCookie with;
  const char* behind;  // the token
};

SetCookie with(void (*change)(SetCookie&)) {
  SetCookie cookie;
  cookie.http_only = false;
  cookie.same_site = SameSite::unset;
  change(cookie);
  return cookie;
}

class CookieLines : public testing::TestWithParam<Row> {};

TEST_P(CookieLines, HaveTheirAttributes) {
  const Row& row = GetParam();
  Profile profile{.type = ProfileType::cookie, .name = "SRV"};
  profile.set_cookie = row.with;
  const CookieLine line = cookie_line(profile);
  EXPECT_EQ(line.before, "Set-Cookie: SRV=");
  std::string behind = line.behind;
  ASSERT_TRUE(behind.ends_with("\r\n"));
  behind.resize(behind.size() - 2);
  EXPECT_EQ(line.size() % 2, 0u) << "checksums of what follows it stay as they are";
  behind.resize(behind.find_last_not_of(' ') + 1);
  EXPECT_EQ(behind, row.behind);
}

INSTANTIATE_TEST_SUITE_P(
    Attributes, CookieLines,
    testing::Values(Row{"None", with([](SetCookie&) {}), "; Path=/"},
                    Row{"Default", {}, "; Path=/; HttpOnly; SameSite=Lax"},
                    Row{"Path", with([](SetCookie& c) { c.path = "/shop"; }), "; Path=/shop"},
                    Row{"Domain", with([](SetCookie& c) { c.domain = "example.com"; }), "; Path=/; Domain=example.com"},
                    Row{"MaxAge", with([](SetCookie& c) { c.max_age_ms = 90'000; }), "; Path=/; Max-Age=90"},
                    Row{"Secure", with([](SetCookie& c) { c.secure = true; }), "; Path=/; Secure"},
                    Row{"HttpOnly", with([](SetCookie& c) { c.http_only = true; }), "; Path=/; HttpOnly"},
                    Row{"Lax", with([](SetCookie& c) { c.same_site = SameSite::lax; }), "; Path=/; SameSite=Lax"},
                    Row{"Strict", with([](SetCookie& c) { c.same_site = SameSite::strict; }),
                        "; Path=/; SameSite=Strict"},
                    Row{"Cross", with([](SetCookie& c) {
                          c.secure = true;
                          c.same_site = SameSite::none;
                        }),
                        "; Path=/; Secure; SameSite=None"}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace limpet::model
