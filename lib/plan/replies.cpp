#include "plan/replies.hpp"

#include <algorithm>

#include "extract/http_request.hpp"
#include "extract/http_response.hpp"
#include "plan/content.hpp"

namespace limpet::plan {

const Persist* own_token_profile(const std::vector<Persist>& profiles) noexcept {
  const auto found =
      std::find_if(profiles.begin(), profiles.end(), [](const Persist& persist) { return persist.own != nullptr; });
  return found == profiles.end() ? nullptr : &*found;
}

bool owes_cookie(const Plan& plan, const Service& service, const Tuple& tuple, const Payload& payload,
                 const Backend& backend) noexcept {
  const Persist* const persist = own_token_profile(profiles_of(service, &payload));
  if (persist == nullptr || persist->by != model::By::insert) {
    return false;
  }
  const std::string_view bytes(reinterpret_cast<const char*>(payload.bytes.data()), payload.bytes.size());
  const extract::Found request = extract::read_request(bytes).found;
  return (request == extract::Found::value || request == extract::Found::incomplete) &&
         find_in(plan, service, *persist, tuple, payload).backend != &backend;
}

std::optional<record::Key> learnt_key(const Plan& plan, const Persist& persist,
                                      const extract::Head& response) noexcept {
  if (persist.only_learns()) {
    return std::nullopt;
  }
  const extract::Value value =
      shaped(persist, persist.type == model::ProfileType::cookie ? extract::set_cookie(response, persist.name)
                                                                 : extract::header(response, persist.name));
  if (value.found != extract::Found::value || value.bytes.empty()) {
    return std::nullopt;
  }
  return content_key(persist, value.bytes, plan.fingerprint_seed);
}

std::optional<record::Key> learnt_key(const Plan& plan, const Persist& persist,
                                      const extract::Value& session_id) noexcept {
  if (!persist.only_learns() || session_id.found != extract::Found::value) {
    return std::nullopt;
  }
  return content_key(persist, session_id.bytes, plan.fingerprint_seed);
}

const Backend* named_again(const Plan& plan, const Service& service, const Tuple& tuple,
                           const Payload& payload) noexcept {
  for (const Persist& persist : profiles_of(service, &payload)) {
    if (persist.closes_on_conflict) {
      if (const Backend* const backend = find_in(plan, service, persist, tuple, payload).backend) {
        return backend;
      }
    }
  }
  return nullptr;
}

}  // namespace limpet::plan
