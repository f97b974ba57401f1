// What the simulated node is configured with: addresses, services and pools of every world, and the profiles that a
// seed draws. Backend bN of a pool is known by its address and its MAC address.
#pragma once

#include <array>
#include <string>

#include "model/model.hpp"
#include "stream.hpp"
#include "support/two_ports.hpp"

namespace limpet::sim {

inline constexpr unsigned backends_max = 8;  // of a pool: b1 .. b8
using test::back_mac, test::back_port, test::front_mac, test::front_port, test::gateway_mac;
inline constexpr std::array services = {"app", "direct", "dns", "web"};

/// A model with ports, routes, neighbours, pools, services and profiles, all options drawn.
model::Model draw_model(Random& random);
/// The options that may change while the node runs.
void draw_profile(Random& random, model::Profile& profile);
model::Algorithm draw_algorithm(Random& random);
/// Backend b`number` as it is declared in this pool.
model::Backend declare_backend(Random& random, const std::string& pool, unsigned number);

/// A backend is spoken to by its own address of the client's family, with full NAT by any.
bool reaches(const model::Service& service, const model::Backend& backend, net::Family client);

/// The VIP of a service for clients of this family.
net::Endpoint vip_of(const model::Model& model, const std::string& service, net::Family family);
/// The name of the pool's backend at this address and port ("b3"), empty if none is there.
std::string backend_at(const model::Pool& pool, const net::Endpoint& at);
/// The same by MAC address, for direct return.
std::string backend_with(const model::Pool& pool, const net::Mac& mac);
net::Mac mac_of(const net::IpAddress& backend_address);

}  // namespace limpet::sim
