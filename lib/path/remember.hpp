// A new flow's entries. New flows are embryonic: in a share of their own until the client has shown its address.
#pragma once

#include <optional>

#include "path/flow_keys.hpp"
#include "path/state.hpp"

namespace limpet::path {

/// Inserts the flow, both directions where answers pass here. When another service of the same client holds the
/// return key, the client's port is rewritten; with full NAT a local address and port stand for the client. Returns
/// these (none, 0: as they are), nothing when no port is free.
std::optional<net::Endpoint> remember(State& state, const plan::Plan& plan, const plan::Listener& listener,
                                      const plan::Backend& backend, const Connection& c, Tick16 tick) noexcept;

/// Makes the back entry of a flow, where it has one, lasting, as its forward one is to become. False: no room.
bool promote_back(State& state, const plan::Plan& plan, const plan::Listener& listener, const plan::Backend& backend,
                  const Connection& c, const net::Endpoint& seen) noexcept;

}  // namespace limpet::path
