#include "plan/express.hpp"

#include <algorithm>

#include "plan/plan.hpp"

namespace limpet::plan {
namespace {

/// A sweep tells records of their flows' use seldom; below this, packets do.
constexpr std::uint32_t swept_idle_min_s = 3 * sweep_pass_s;
constexpr std::uint32_t pools_mask = 0xffffff;

template <class Exact>
Exact exact(const net::Endpoint& endpoint, net::Protocol protocol) {
  const be16 port(endpoint.l4_port);
  return Exact(endpoint.address.wire_bytes(), reinterpret_cast<const std::uint8_t*>(&port),
               static_cast<std::uint8_t>(protocol));
}

bool needs_packets(const Service& service, bool udp) {
  return udp || std::any_of(service.persist.begin(), service.persist.end(),
                            [](const Persist& persist) { return persist.idle_timeout_s < swept_idle_min_s; });
}

/// A new flow with a record that its backend can serve needs nothing else to be looked at: the key is a narrow one of
/// the source address, which every packet has, nothing but the record says where it goes, and it goes as it is.
bool follows_records(const Service& service) {
  if (service.persist.empty() || service.splits || service.gate != nullptr || service.max_mss != 0 ||
      service.tunnels() || service.is_full_nat()) {
    return false;
  }
  const Persist& first = service.persist.front();
  return first.type == model::ProfileType::source_ip && first.prefix6 <= 64;
}

/// The longest that a live flow may have been quiet before a packet that goes the express way: a record must not seem
/// idle because a sweep has yet to tell it of that packet.
std::uint16_t quiet_max_s(const Service& service, std::uint16_t timeout_s) {
  for (const Persist& persist : service.persist) {
    timeout_s = static_cast<std::uint16_t>(std::min<std::uint32_t>(timeout_s, persist.idle_timeout_s / 3));
  }
  return timeout_s;
}

}  // namespace

void Express::add_face(PortIndex port, const net::Mac& mac) {
  faces_.resize(std::max<std::size_t>(faces_.size(), port.value() + 1u));
  std::memcpy(&faces_[port.value()].mac, mac.bytes.data(), mac.bytes.size());
  faces_[port.value()].there = true;
}

void Express::digest(std::uint64_t word) noexcept {
  digest_ = hash::keyed({}, digest_, word);
}

void Express::digest(const net::Endpoint& endpoint, std::uint64_t more) noexcept {
  digest(endpoint.address.high());
  digest(endpoint.address.low());
  digest(std::uint64_t{endpoint.l4_port} << 48 ^ more);
}

void Express::add_backend(const Backend& backend, std::uint32_t pool) {
  for (const net::Endpoint& endpoint : backend.endpoints) {
    digest(endpoint, std::uint64_t{backend.slot.value()} << 28 | pool);
  }
}

void Express::add_listener(const Listener& listener, const Service& service) {
  const auto& [prefix, l4_port, protocol] = listener.listen;
  digest({prefix.address, l4_port}, std::uint64_t{listener.slot.value()} << 32 | service.pool);
  digest(std::uint64_t{prefix.length} << 32 | std::uint64_t{static_cast<std::uint8_t>(protocol)} << 16 |
         (service.resets() ? 0x100u : 0u) | (listener.splices ? 0x200u : 0u) |
         static_cast<unsigned>(service.forwarding));
  for (const auto& locals : service.locals) {
    for (const net::IpAddress& local : locals) {
      digest({local, 0}, listener.slot.value());
    }
  }
  if (!prefix.is_host() || l4_port == 0 || service.resets() || service.pool > pools_mask ||
      service.client_address != model::ClientAddress::none) {
    return;
  }
  const bool udp = protocol == net::Protocol::udp;
  Front front;
  front.pool = service.pool & pools_mask;
  front.flags = (service.returns_directly() ? Front::dr : 0) | (service.tunnels() ? Front::tunnel : 0) |
                (listener.local ? Front::local : 0) | (udp ? Front::udp : 0) |
                (needs_packets(service, udp) ? Front::every_second : 0) | (listener.splices ? Front::spliced : 0) |
                (!listener.splices && follows_records(service) ? Front::follows_records : 0);
  front.listener = static_cast<std::uint16_t>(listener.slot.value());
  const std::uint16_t timeout_s = udp ? service.timeouts.udp_s : service.timeouts.established_s;
  front.quiet_max_s = quiet_max_s(service, timeout_s);
  const net::Endpoint endpoint{prefix.address, l4_port};
  if (prefix.address.is_v4()) {
    fronts_v4_.add(exact<ExactV4>(endpoint, protocol), front);
  } else {
    fronts_v6_.add(exact<ExactV6>(endpoint, protocol), front);
  }
  std::vector<Vip>& vips = listener.splices ? spliced_vips_ : vips_;
  vips.resize(std::max<std::size_t>(vips.size(), listener.slot.value() + 1u));
  vips[listener.slot.value()] = {prefix.address, be16(l4_port).raw(), timeout_s,
                                 static_cast<std::uint8_t>(16 - prefix.address.wire_size()), service.max_mss != 0};
}

void Express::add_endpoint(const net::Endpoint& endpoint, net::Protocol protocol, EndpointSlot slot) {
  digest(endpoint, std::uint64_t{slot.value()} << 8 | static_cast<std::uint8_t>(protocol));
  if (endpoint.l4_port == 0) {
    return;
  }
  if (endpoint.address.is_v4()) {
    ends_v4_.add(exact<ExactV4>(endpoint, protocol), slot.value());
  } else {
    ends_v6_.add(exact<ExactV6>(endpoint, protocol), slot.value());
  }
}

std::uint32_t Express::endpoint_slot(const net::Endpoint& backend, net::Protocol protocol) const noexcept {
  const std::uint32_t* slot = backend.l4_port == 0      ? nullptr
                              : backend.address.is_v4() ? find_endpoint(exact<ExactV4>(backend, protocol))
                                                        : find_endpoint(exact<ExactV6>(backend, protocol));
  return slot == nullptr ? ~0u : *slot;
}

}  // namespace limpet::plan
