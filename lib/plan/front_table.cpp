#include "plan/front_table.hpp"

#include <algorithm>

namespace limpet::plan {

bool FrontTable::add_listener(const model::Listen& listen, std::uint32_t listener) {
  const auto& [prefix, l4_port, protocol] = listen;
  const net::IpAddress address = prefix.address.masked(prefix.length);
  if (!listeners_.add({address, l4_port, static_cast<std::uint8_t>(protocol), prefix.length}, listener)) {
    return false;
  }
  covered_.add({address, 0, 0, prefix.length}, 1);
  auto& lengths = lengths_[static_cast<std::size_t>(address.family())];
  if (std::find(lengths.begin(), lengths.end(), prefix.length) == lengths.end()) {
    lengths.push_back(prefix.length);
    std::sort(lengths.rbegin(), lengths.rend());
  }
  if (prefix.is_host() && vip_set_.add(address, 1)) {
    vips_.push_back(address);
  }
  return true;
}

void FrontTable::add_local(const net::IpAddress& address) {
  if (vip_set_.add(address, 2)) {
    vips_.push_back(address);
    has_locals_ = true;
  }
}

EndpointEntry& FrontTable::endpoint(const net::Endpoint& endpoint, net::Protocol protocol) {
  const Key key{endpoint.address, endpoint.l4_port, static_cast<std::uint8_t>(protocol)};
  endpoint_set_.add(endpoint.address, 1);
  endpoints_.add(key, {EndpointSlot{}, endpoint.l4_port == 0});
  return *endpoints_.find(key);
}

std::uint32_t FrontTable::find_listener(const net::IpAddress& destination, std::uint16_t l4_port,
                                        std::uint8_t protocol) const noexcept {
  for (const std::uint8_t length : lengths_[static_cast<std::size_t>(destination.family())]) {
    Key key{destination.masked(length), l4_port, protocol, length};
    if (const auto* listener = listeners_.find(key)) {
      return *listener;
    }
    key.l4_port = 0;
    if (const auto* listener = listeners_.find(key)) {
      return *listener;
    }
  }
  return none;
}

const EndpointEntry* FrontTable::find_endpoint(const net::IpAddress& source, std::uint16_t l4_port,
                                               std::uint8_t protocol) const noexcept {
  if (const auto* entry = endpoints_.find({source, l4_port, protocol})) {
    return entry;
  }
  return endpoints_.find({source, 0, protocol});
}

bool FrontTable::covers(const net::IpAddress& address) const noexcept {
  for (const std::uint8_t length : lengths_[static_cast<std::size_t>(address.family())]) {
    if (covered_.find({address.masked(length), 0, 0, length}) != nullptr) {
      return true;
    }
  }
  return false;
}

bool FrontTable::has_endpoint_at(const net::IpAddress& address) const noexcept {
  return endpoint_set_.find(address) != nullptr;
}

bool FrontTable::is_vip(const net::IpAddress& address) const noexcept {
  return vip_set_.find(address) != nullptr;
}

bool FrontTable::is_local(const net::IpAddress& address) const noexcept {
  const std::uint8_t* what = vip_set_.find(address);
  return what != nullptr && *what == 2;
}

}  // namespace limpet::plan
