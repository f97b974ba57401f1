// What the services of one VIP say together about packets that have no ports: ping, ICMP errors, later fragments.
// Part of the plan.
#pragma once

#include <cstdint>
#include <vector>

#include "net/address.hpp"
#include "plan/flat_map.hpp"

namespace limpet::plan {

struct Service;

struct VipUse {
  bool echo = false;                      // a service answers ping always
  bool direct = false;                    // backends of a service answer from it
  std::vector<std::uint32_t> echo_pools;  // answering ping while one of these has a backend for new sessions
};

class Vips {
 public:
  void add(const net::IpAddress& address, const Service& service);
  [[nodiscard]] const VipUse* find(const net::IpAddress& address) const noexcept {
    const std::uint32_t* const index = index_.find(address);
    return index == nullptr ? nullptr : &vips_[*index];
  }

 private:
  FlatMap<net::IpAddress, std::uint32_t> index_;
  std::vector<VipUse> vips_;
};

}  // namespace limpet::plan
