#include "plan/vips.hpp"

#include <algorithm>

#include "plan/plan.hpp"

namespace limpet::plan {

void Vips::add(const net::IpAddress& address, const Service& service) {
  if (index_.add(address, static_cast<std::uint32_t>(vips_.size()))) {
    vips_.emplace_back();
  }
  VipUse& vip = vips_[*index_.find(address)];
  vip.direct = vip.direct || service.returns_directly();
  vip.echo = vip.echo || service.echo == model::Echo::always;
  auto& pools = vip.echo_pools;
  service.each_branch([&](std::uint32_t pool, const auto&) {
    if (service.echo == model::Echo::healthy && std::find(pools.begin(), pools.end(), pool) == pools.end()) {
      pools.push_back(pool);
    }
  });
}

}  // namespace limpet::plan
