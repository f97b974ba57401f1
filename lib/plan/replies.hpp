// What a service does with its backends' responses, and with what else a client says on a connection that has its
// backend. Any thread.
#pragma once

#include <optional>

#include "extract/http_head.hpp"
#include "plan/session_key.hpp"

namespace limpet::plan {

/// The first of these profiles by rewrite or insert, or null.
[[nodiscard]] const Persist* own_token_profile(const std::vector<Persist>& profiles) noexcept;

/// The service puts a cookie into the response to a client that has said this first, and was led to this backend: it is
/// HTTP, as far as it goes, and has no cookie that leads there.
[[nodiscard]] bool owes_cookie(const Plan& plan, const Service& service, const Tuple& tuple, const Payload& payload,
                               const Backend& backend) noexcept;

/// The record's key of what the response tells this profile, which learns; nothing where it tells nothing.
[[nodiscard]] std::optional<record::Key> learnt_key(const Plan& plan, const Persist& persist,
                                                    const extract::Head& response) noexcept;
/// The same of the session id in a ServerHello.
[[nodiscard]] std::optional<record::Key> learnt_key(const Plan& plan, const Persist& persist,
                                                    const extract::Value& session_id) noexcept;

/// The backend that one of the service's profiles that close on conflict finds in a request, or null.
[[nodiscard]] const Backend* named_again(const Plan& plan, const Service& service, const Tuple& tuple,
                                         const Payload& payload) noexcept;

}  // namespace limpet::plan
