// What sessions are told apart by in what a client says: from the first bytes of its connection to a record's key, or
// to the backend that they name.
#pragma once

#include "plan/session_key.hpp"

namespace limpet::plan {

/// What this profile, one of the service's that read content, finds. The key is a keyed fingerprint of the value, but
/// for addresses. A value that only responses make records of is none where there is no such record.
[[nodiscard]] Found find_in(const Plan& plan, const Service& service, const Persist& persist, const Tuple& tuple,
                            const Payload& payload) noexcept;

/// The part of what was found that counts for this profile.
[[nodiscard]] extract::Value shaped(const Persist& persist, extract::Value value) noexcept;
/// The record's key of a value that a profile of the service has found.
[[nodiscard]] record::Key content_key(const Persist& persist, std::string_view value, const hash::Key& seed) noexcept;

/// The backend of this name, or null.
[[nodiscard]] const Backend* backend_named(const Pool& pool, std::string_view name) noexcept;

}  // namespace limpet::plan
