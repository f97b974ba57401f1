// Whether a device's link is up, and which member of a bonding device carries its packets. DPDK does not tell of
// devices that sit on an interface of the kernel (af_packet, af_xdp): there the kernel is asked. Control's thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace limpet::nic {

struct LinkDevice {
  std::string device;    // as in the file
  std::uint16_t id = 0;  // DPDK's
};

[[nodiscard]] bool link_is_up(const LinkDevice& device);

struct MemberLink {
  std::string name;
  bool up = false;
};

/// Whether a bonding device is of mode 4 (802.3ad).
[[nodiscard]] bool speaks_lacp(std::uint16_t bond);

/// Looks at all members; of a bonding device that keeps one active (mode 1), moves it to the first one that is up
/// where the active one no longer is. With LACP a member is up when its partner agrees.
std::vector<MemberLink> watch_members(std::uint16_t bond, std::span<const LinkDevice> members);

/// Index of the member that ought to be active: the one that is while it is up, else the first that is up; where none
/// is, the one that is. Pure.
[[nodiscard]] std::size_t active_member(std::span<const MemberLink> members, std::size_t active) noexcept;

}  // namespace limpet::nic
