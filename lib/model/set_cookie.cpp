#include "model/set_cookie.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace limpet::model {

CookieLine cookie_line(const Profile& profile) {
  const SetCookie& with = profile.set_cookie;
  CookieLine line{fmt::format("Set-Cookie: {}=", profile.name), ""};
  const auto add = [&](bool wanted, std::string_view name, std::string_view value = "") {
    if (wanted) {
      line.behind += fmt::format("; {}{}{}", name, value.empty() ? "" : "=", value);
    }
  };
  add(true, "Path", with.path);
  add(!with.domain.empty(), "Domain", with.domain);
  add(with.max_age_ms != 0, "Max-Age", fmt::format("{}", with.max_age_ms / 1000));
  add(with.secure, "Secure");
  add(with.http_only, "HttpOnly");
  add(with.same_site == SameSite::lax, "SameSite", "Lax");
  add(with.same_site == SameSite::strict, "SameSite", "Strict");
  add(with.same_site == SameSite::none, "SameSite", "None");
  if (line.size() % 2 != 0) {
    line.behind += ' ';  // which means nothing at the end of a field
  }
  line.behind += "\r\n";
  return line;
}

bool is_cookie_name(std::string_view name) noexcept {
  constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           others.find(c) != std::string_view::npos;
  });
}

bool is_cookie_attribute(std::string_view value) noexcept {
  return std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~' && c != ';'; });
}

}  // namespace limpet::model
