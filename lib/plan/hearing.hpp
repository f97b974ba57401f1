// What a connection's first bytes come to before a profile is asked: the PROXY protocol header of a trusted front, and
// the pool that its routes lead to.
#pragma once

#include "plan/session_key.hpp"

namespace limpet::plan {

enum class Heard : std::uint8_t {
  ready,   // the payload begins with what the client itself says, and has its pool
  waits,   // for more
  broken,  // the header that must be there is not, or is none
};

/// Fills in what the payload has to say. `tuple`: of the connection.
[[nodiscard]] Heard hear(const Service& service, const Tuple& tuple, Payload& payload) noexcept;

}  // namespace limpet::plan
