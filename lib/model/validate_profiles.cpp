// What persistence profiles must obey.
#include "model/byte_class.hpp"
#include "model/set_cookie.hpp"
#include "model/validator.hpp"

namespace limpet::model {
namespace {

constexpr std::uint32_t imbalance_min = 1010;  // thousandths

}  // namespace

void Validator::check_profile(const std::string& path, const std::string& name, const Profile& profile) {
  if (profile.max_imbalance != 0 && profile.max_imbalance < imbalance_min) {
    add(path + ".max_imbalance", ratio_text(profile.max_imbalance), "0 for no cap, or 1.01 and up");
  }
  if (profile.heavy_key == HeavyKey::split && profile.max_imbalance == 0) {
    add(path + ".heavy_key", quote("split"), "max_imbalance beside it", "it says which keys are heavy");
  }
  check_content(path, profile);
  if (profile.backup.empty()) {
    return;
  }
  if (!model_.profiles.contains(profile.backup)) {
    return add(path + ".backup", quote(profile.backup), "the name of a profile",
               nearest_hint(profile.backup, names_of(model_.profiles)));
  }
  std::set<std::string_view> seen{name};
  for (std::string_view next = profile.backup; !next.empty();) {
    if (!seen.insert(next).second) {
      return add(path + ".backup", quote(profile.backup), "profiles that do not lead back to one another");
    }
    const auto found = model_.profiles.find(std::string(next));
    next = found == model_.profiles.end() ? std::string_view{} : std::string_view(found->second.backup);
  }
}

void Validator::check_content(const std::string& path, const Profile& profile) {
  const bool named = profile.type == ProfileType::cookie || profile.type == ProfileType::header ||
                     profile.type == ProfileType::url_param;
  if (named == profile.name.empty()) {
    add(path + ".name", named ? "missing" : quote(profile.name),
        named ? "the name of the cookie, header or parameter" : "none with a type that needs none");
  }
  if (!is_content(profile.type) && profile.by != By::record) {
    add(path + ".by", quote(by_name(profile.by)), "a type that reads what clients say");
  }
  if (by_own_token(profile.by) && profile.type != ProfileType::cookie) {
    add(path + ".by", quote(by_name(profile.by)), "type = \"cookie\" beside it");
  }
  if (profile.close_on_conflict && profile.by != By::route && !by_own_token(profile.by)) {
    add(path + ".close_on_conflict", "true", "by = \"route\", \"rewrite\" or \"insert\" beside it");
  }
  check_set_cookie(path, profile);
  check_parts(path, profile);
  check_pattern(path, profile);
  if (profile.type == ProfileType::rdp_msts && profile.by != By::route) {
    add(path + ".by", "rdp_msts without it", "by = \"route\"", "it names a backend by address and port");
  }
  if (profile.type == ProfileType::x_forwarded_for && profile.by == By::route) {
    add(path + ".by", quote("route"), quote("record"), "an address names no backend");
  }
  if (profile.type == ProfileType::tls_session_id && profile.by != By::record && !by_own_token(profile.by)) {
    add(path + ".by", quote(by_name(profile.by)), quote("record"), "the id says nothing but which session it is");
  }
  if (profile.type == ProfileType::tls_session_id && !profile.learn) {
    add(path + ".learn", "false", "true", "ids are known from servers alone");
  }
  if ((profile.type == ProfileType::x_forwarded_for) == profile.trusted.empty()) {
    add(path + ".trusted", profile.trusted.empty() ? "missing" : "proxies of another type",
        profile.trusted.empty() ? "the proxies whose word counts" : "type = \"x_forwarded_for\"");
  }
  for (std::size_t i = 0; i < profile.trusted.size(); ++i) {
    if (network(profile.trusted[i]) != profile.trusted[i]) {
      add(item(path, "trusted", i), quote(profile.trusted[i].text()), quote(network(profile.trusted[i]).text()),
          "bits behind the length must be zero");
    }
  }
}

void Validator::check_parts(const std::string& path, const Profile& profile) {
  const bool parts_header = profile.type == ProfileType::header && profile.part != 0;
  if (!profile.delimiter.empty() && ((profile.by != By::route && !parts_header) || profile.delimiter.size() != 1)) {
    add(path + ".delimiter", quote(profile.delimiter),
        profile.by != By::route && !parts_header ? "by = \"route\" beside it" : "one character");
  }
  if (parts_header && profile.delimiter.empty()) {
    add(path + ".part", fmt::format("{}", profile.part), "delimiter beside it", "it says what stands between parts");
  }
  if (profile.part != 0 && profile.type != ProfileType::header && profile.type != ProfileType::path) {
    add(path + ".part", fmt::format("{}", profile.part), "type = \"header\" or \"path\"");
  }
  if (profile.prefix_bytes != 0 && (profile.type != ProfileType::path || profile.part != 0)) {
    add(path + ".prefix_bytes", fmt::format("{}", profile.prefix_bytes), "type = \"path\", and no part beside it");
  }
}

void Validator::check_pattern(const std::string& path, const Profile& profile) {
  const bool is_universal = profile.type == ProfileType::universal;
  if (is_universal == profile.after.empty()) {
    add(path + ".after", is_universal ? "missing" : quote(profile.after),
        is_universal ? "a regular expression" : "type = \"universal\"");
  }
  if (!is_universal && !profile.until.empty()) {
    add(path + ".until", quote(profile.until), "type = \"universal\"");
  } else if (!byte_class(profile.until)) {
    add(path + ".until", quote(profile.until), "characters, and \\s, \\r, \\n, \\t, \\xNN or \\\\");
  }
}

/// RFC 6265, section 4.1.1.
void Validator::check_set_cookie(const std::string& path, const Profile& profile) {
  if (by_own_token(profile.by) && !is_cookie_name(profile.name)) {
    add(path + ".name", quote(profile.name), "letters, digits and !#$%&'*+-.^_`|~");
  }
  if (profile.by != By::insert) {
    if (profile.set_cookie != SetCookie{}) {
      add(path + ".set_cookie", "attributes", "by = \"insert\" beside them");
    }
    return;
  }
  for (const auto& [key, text] : {std::pair{".set_cookie.path", &profile.set_cookie.path},
                                  std::pair{".set_cookie.domain", &profile.set_cookie.domain}}) {
    if (!is_cookie_attribute(*text)) {
      add(path + key, quote(*text), "printable ASCII characters without ';'");
    }
  }
  if (profile.set_cookie.same_site == SameSite::none && !profile.set_cookie.secure) {
    add(path + ".set_cookie.same_site", quote("none"), "secure = true beside it", "browsers drop the cookie otherwise");
  }
  if (const std::size_t size = cookie_line_size(profile); size > cookie_line_bytes_max) {
    add(path + ".set_cookie", fmt::format("a line of {} bytes", size), fmt::format("at most {}", cookie_line_bytes_max),
        "each segment of the backend leaves room for it");
  }
}

}  // namespace limpet::model
