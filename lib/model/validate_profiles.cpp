// What persistence profiles must obey.
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
    add(path + ".by", profile.by == By::route ? quote("route") : quote("hash"), "a type that reads what clients say");
  }
  if (!profile.delimiter.empty() && (profile.by != By::route || profile.delimiter.size() != 1)) {
    add(path + ".delimiter", quote(profile.delimiter),
        profile.by != By::route ? "by = \"route\" beside it" : "one character");
  }
}

}  // namespace limpet::model
