#include "nic/link.hpp"

#include <net/if.h>
#include <rte_eth_bond.h>
#include <rte_eth_bond_8023ad.h>
#include <rte_ethdev.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cstring>

#include "nic/arguments.hpp"
#include "nic/socket.hpp"

namespace limpet::nic {
namespace {

/// As the kernel sees it; true where it cannot be asked.
bool kernel_says_up(const std::string& interface) {
  ifreq request{};
  if (interface.size() >= sizeof request.ifr_name) {
    return true;
  }
  std::memcpy(request.ifr_name, interface.data(), interface.size());
  const Socket kernel(AF_INET, SOCK_DGRAM, 0);
  if (kernel.fd() < 0) {
    return true;
  }
  const bool told = ioctl(kernel.fd(), SIOCGIFFLAGS, &request) == 0;
  constexpr int wanted = IFF_UP | IFF_RUNNING;
  return told && (request.ifr_flags & wanted) == wanted;
}

bool sits_on_kernel(const std::string& device) {
  const auto name = device_name(device);
  return name.starts_with("net_af_packet") || name.starts_with("eth_af_packet") || name.starts_with("net_af_xdp");
}

/// The partner at the other end takes packets and sends them (802.1AX).
bool takes_part(std::uint16_t bond, std::uint16_t member) {
  struct rte_eth_bond_8023ad_slave_info info {};  // also the name of a function
  constexpr int wanted = STATE_COLLECTING | STATE_DISTRIBUTING;
  return rte_eth_bond_8023ad_slave_info(bond, member, &info) == 0 && (info.actor_state & wanted) == wanted;
}

}  // namespace

bool speaks_lacp(std::uint16_t bond) {
  return rte_eth_bond_mode_get(bond) == BONDING_MODE_8023AD;
}

bool link_is_up(const LinkDevice& device) {
  rte_eth_link link{};
  if (rte_eth_link_get_nowait(device.id, &link) != 0 || link.link_status != RTE_ETH_LINK_UP) {
    return false;
  }
  return !sits_on_kernel(device.device) || kernel_says_up(std::string(device_argument(device.device, "iface")));
}

std::size_t active_member(std::span<const MemberLink> members, std::size_t active) noexcept {
  if (active < members.size() && members[active].up) {
    return active;
  }
  const auto up = std::find_if(members.begin(), members.end(), [](const MemberLink& member) { return member.up; });
  return up == members.end() ? active : static_cast<std::size_t>(up - members.begin());
}

std::vector<MemberLink> watch_members(std::uint16_t bond, std::span<const LinkDevice> members) {
  std::vector<MemberLink> links;
  const bool lacp = !members.empty() && speaks_lacp(bond);
  for (const LinkDevice& member : members) {
    const bool up = link_is_up(member) && (!lacp || takes_part(bond, member.id));
    links.push_back({std::string(device_name(member.device)), up});
  }
  if (!members.empty() && rte_eth_bond_mode_get(bond) == BONDING_MODE_ACTIVE_BACKUP) {
    const int primary = rte_eth_bond_primary_get(bond);
    const auto found =
        std::find_if(members.begin(), members.end(), [&](const LinkDevice& member) { return member.id == primary; });
    const auto now = static_cast<std::size_t>(found - members.begin());
    const std::size_t wanted = active_member(links, now);
    if (wanted != now && wanted < members.size()) {
      rte_eth_bond_primary_set(bond, members[wanted].id);
    }
  }
  return links;
}

}  // namespace limpet::nic
