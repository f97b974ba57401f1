#include "plan/promise.hpp"

#include <algorithm>

#include "net/headers.hpp"
#include "plan/plan.hpp"

namespace limpet::plan {
namespace {

constexpr std::uint16_t mss_default = 1400;
constexpr std::uint16_t mss_least = 536;  // RFC 9293, section 3.7.1
constexpr std::uint16_t mss_most = 8940;  // the largest of clients' that a SYN cookie can say

Known both(Known one, Known other) noexcept {
  return one == Known::no || other == Known::no ? Known::no : std::min(one, other);
}

/// The largest segment that reaches the backend whole.
std::uint16_t carried_to(const Plan& plan, const Backend& backend) noexcept {
  std::size_t most = mss_most;
  for (const Family family : {Family::v4, Family::v6}) {
    const std::size_t headers = (family == Family::v4 ? net::ipv4::size : net::ipv6::size) + net::tcp::size;
    if (!backend.endpoint(family).address.is_none() && backend.hop(family)) {
      const std::size_t mtu = plan.interfaces[backend.hop(family)->interface.value()].mtu;
      most = std::min(most, std::max(mtu, headers + mss_least) - headers);
    }
  }
  return static_cast<std::uint16_t>(most);
}

/// `accepts(backend)`: nothing for one that gets no connections.
template <class F>
Promise promise(const Plan& plan, const Service& service, F&& accepts) noexcept {
  std::optional<Accepts> all;
  std::uint16_t least = mss_most;
  bool known = true;
  service.each_branch([&](std::uint32_t pool, const auto&) {
    for (const Backend& backend : plan.pools[pool].backends) {
      if (const std::optional<Accepts> its = accepts(backend)) {
        all = all ? all->with(*its) : *its;
        known = known && its->mss != 0;
        least = std::min({least, its->mss == 0 ? least : its->mss, carried_to(plan, backend)});
      }
    }
  });
  const Accepts accepted = all.value_or(Accepts{});
  const std::uint16_t wanted = service.max_mss != 0 ? service.max_mss : all && known ? mss_most : mss_default;
  return {std::min(wanted, least), accepted.sack != Known::no, accepted.scale != Known::no,
          accepted.timestamps == Known::yes};
}

}  // namespace

Accepts Accepts::with(const Accepts& other) const noexcept {
  return {mss == 0 || other.mss == 0 ? std::uint16_t{0} : std::min(mss, other.mss), std::min(shift, other.shift),
          both(sack, other.sack), both(scale, other.scale), both(timestamps, other.timestamps)};
}

Promise promise_of(const Plan& plan, const Service& service, const BackendStates& states) noexcept {
  return promise(plan, service, [&](const Backend& backend) {
    const std::uint32_t word = states[backend.slot].accepts.load(std::memory_order_relaxed);
    return states.serves(backend.slot) ? std::optional(Accepts::unpacked(word)) : std::nullopt;
  });
}

Promise promise_of(const Plan& plan, const Service& service) noexcept {
  return promise(plan, service, [](const Backend&) { return std::optional(Accepts{}); });
}

void renew_promise(const Plan& plan, const Service& service, const BackendStates& states) noexcept {
  service.promise->store(promise_of(plan, service, states).packed(), std::memory_order_relaxed);
}

}  // namespace limpet::plan
