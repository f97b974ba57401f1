// What sessions are told apart by in what a client says: from the first bytes of its connection to a record's key, or
// to the backend that they name.
#pragma once

#include "plan/session_key.hpp"

namespace limpet::plan {

/// What this profile, one of the service's that read content, finds. The key is a keyed fingerprint of the value, but
/// for addresses.
[[nodiscard]] Found find_in(const Plan& plan, const Service& service, const Persist& persist, const Tuple& tuple,
                            const Payload& payload) noexcept;

/// The backend of this name, or null.
[[nodiscard]] const Backend* backend_named(const Pool& pool, std::string_view name) noexcept;

}  // namespace limpet::plan
