// Cookies that Limpet itself gives values: tokens that name a backend to every node with the secret.
// Compiled by control, read and written by workers.
#pragma once

#include <span>
#include <string>

#include "base/time.hpp"
#include "extract/cookie_token.hpp"
#include "hash/secret.hpp"
#include "plan/plan.hpp"

namespace limpet::plan {

/// Keys change so often. A token is known for one to two of these times, whatever its profile's max_life.
inline constexpr std::int64_t cookie_epoch_s = 90LL * 24 * 3600;
static_assert(model::own_token_bytes == extract::cookie_token_bytes);

[[nodiscard]] constexpr std::uint32_t cookie_epoch_at(std::int64_t wall_s) noexcept {
  return static_cast<std::uint32_t>(wall_s / cookie_epoch_s);
}
/// Seconds since 1970 at this second of the data path's clock.
[[nodiscard]] inline std::int64_t wall_s(const Plan& plan, std::uint32_t now_s) noexcept {
  return plan.unix_at_zero_s + now_s;
}
/// The same in milliseconds, as SYN cookies have it.
[[nodiscard]] inline Millis wall_ms(const Plan& plan, Millis now_ms) noexcept {
  return static_cast<Millis>(plan.unix_at_zero_s * 1000) + now_ms;
}
/// What a token has of a backend: the same on every node, as it comes of the secret and names. Of two backends of one
/// pool that have the same (one pool of 10,000 in a hundred has such), the first is meant.
[[nodiscard]] inline std::uint32_t token_of(const Backend& backend) noexcept {
  return static_cast<std::uint32_t>(backend.name_hash);
}

/// `scope`: who knows each other's tokens. Control thread.
[[nodiscard]] std::shared_ptr<const OwnToken> own_token(const model::Profile& profile, const hash::Secret& secret,
                                                        const std::string& scope, std::uint32_t epoch);

/// The backend that a token names; null: none of this pool, or the token is not valid, or older than max_life.
[[nodiscard]] const Backend* backend_of_token(const Plan& plan, const Pool& pool, const Persist& persist,
                                              std::string_view token, std::uint32_t now_s) noexcept;
/// See write_cookie_token() for `nonce`.
void write_own_token(const Plan& plan, const Persist& persist, const Backend& backend, std::uint32_t now_s,
                     std::uint32_t nonce, std::span<char, extract::cookie_token_bytes> to) noexcept;

}  // namespace limpet::plan
