// What a client of a service addresses, by what the operator said and where the service listens. Control thread.
#pragma once

#include "api/wire.hpp"
#include "plan/plan.hpp"

namespace limpet::control {

struct Front {
  const plan::Listener* listener = nullptr;
  net::Endpoint destination;
};

/// By the parameters service, destination and listen; without the last two the first listen address of the family.
[[nodiscard]] tl::expected<Front, api::RpcError> find_front(const plan::Plan& plan, const api::Json& params,
                                                            net::Family family);

}  // namespace limpet::control
