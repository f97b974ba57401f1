#include "plan/own_token.hpp"

#include <algorithm>

namespace limpet::plan {

std::shared_ptr<const OwnToken> own_token(const model::Profile& profile, const hash::Secret& secret,
                                          const std::string& scope, std::uint32_t epoch) {
  const std::string purpose = "cookie/" + scope;
  const auto keys = [&](std::uint32_t number) { return extract::cookie_epoch(secret, purpose, number); };
  return std::make_shared<const OwnToken>(
      OwnToken{{keys(epoch), keys(epoch == 0 ? 0 : epoch - 1), keys(epoch + 1)}, model::cookie_line(profile)});
}

const Backend* backend_of_token(const Plan& plan, const Pool& pool, const Persist& persist, std::string_view token,
                                std::uint32_t now_s) noexcept {
  const auto content = extract::read_cookie_token(persist.own->epochs, token);
  if (!content) {
    return nullptr;
  }
  const std::int64_t age_s = std::max<std::int64_t>(wall_s(plan, now_s) - content->issued_s, 0);
  const std::uint32_t* const index = pool.by_token.find(content->backend);
  const bool over = persist.max_life_s != 0 && age_s > persist.max_life_s;
  return index == nullptr || over ? nullptr : &pool.backends[*index];
}

void write_own_token(const Plan& plan, const Persist& persist, const Backend& backend, std::uint32_t now_s,
                     std::uint32_t nonce, std::span<char, extract::cookie_token_bytes> to) noexcept {
  const extract::CookieContent content{token_of(backend), static_cast<std::uint32_t>(wall_s(plan, now_s))};
  extract::write_cookie_token(persist.own->epochs.current, content, nonce, to);
}

}  // namespace limpet::plan
