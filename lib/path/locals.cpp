#include "path/locals.hpp"

namespace limpet::path {
namespace {

constexpr unsigned draws_max = 64;
constexpr unsigned own_draws = 8;  // of them for the client's own entry of the indirection table
constexpr unsigned block_first = local_port_first / hash::Owner::indirection_size;
constexpr unsigned blocks = hash::Owner::port_blocks - block_first;

}  // namespace

std::uint64_t local_ports_of(const hash::Owner& owner, unsigned worker, const plan::Service& service,
                             net::Family family) noexcept {
  return std::uint64_t{service.locals[static_cast<std::size_t>(family)].size()} * blocks *
         owner.buckets_of_worker(worker);
}

std::optional<net::Endpoint> draw_local(State& state, const plan::Plan& plan, const plan::Listener& listener,
                                        const plan::Backend& backend, const plan::EndpointEntry& endpoint,
                                        const Connection& c) noexcept {
  const plan::Service& service = plan.service_of(listener);
  const net::Family family = service.family_towards(backend, c.client.family());
  const auto& addresses = service.locals[static_cast<std::size_t>(family)];
  if (addresses.empty()) {
    return std::nullopt;
  }
  const hash::Owner& owner = state.node.owner;
  net::Endpoint to = backend.endpoint(family);
  to.l4_port = to.l4_port != 0 ? to.l4_port : c.vip_port;
  // Secret, because flows' keys are hashed under a secret; another with each flow.
  const hash::Key seed{state.flows.hash(wide_forward(listener, c)), ++state.local_draws};
  for (unsigned attempt = 0; attempt < draws_max; ++attempt) {
    const std::uint64_t draw = hash::keyed(seed, attempt, endpoint.slot.value());
    // The client's own entry leads to the same worker as the client whatever the number of workers, at a next start
    // too.
    const std::size_t bucket = attempt < own_draws ? owner.bucket(c.client) : owner.bucket_of_worker(state.index, draw);
    const net::IpAddress& address = addresses[(draw >> 32) % addresses.size()];
    const auto block = block_first + static_cast<unsigned>((draw >> 16 & 0xffff) * blocks >> 16);
    const net::Endpoint local{address, owner.local_port(to, address, block, bucket)};
    const flow::WideKey key = wide_back(endpoint, c, local);
    if (state.flows.find(key, state.flows.hash(key)) == nullptr) {
      const std::uint64_t all = local_ports_of(owner, state.index, service, family);
      const std::uint64_t taken = state.local_ports[endpoint.slot.value()].load(std::memory_order_relaxed) + 1u;
      state.counters.add(Counter::local_port_scarce, taken * 100 > all * scarce_percent ? 1 : 0);
      return local;
    }
  }
  return std::nullopt;
}

}  // namespace limpet::path
