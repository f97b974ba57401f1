// Which member of a bonding device is to be active.
#include <gtest/gtest.h>

#include "nic/arguments.hpp"
#include "nic/link.hpp"

namespace limpet::nic {
namespace {

TEST(ActiveMember, StaysWhileItIsUpAndGivesWayToTheFirstThatIs) {
  const struct {
    const char* what;
    std::vector<bool> up;
    std::size_t active, wanted;
  } rows[] = {
      {"all are up", {true, true, true}, 1, 1},
      {"the first comes back", {true, true, false}, 1, 1},
      {"it goes down", {true, false, true}, 1, 0},
      {"the next one is down too", {false, false, true}, 0, 2},
      {"none is up", {false, false}, 1, 1},
      {"none is active", {false, true}, 9, 1},
      {"no members", {}, 0, 0},
  };
  for (const auto& row : rows) {
    std::vector<MemberLink> members;
    for (const bool up : row.up) {
      members.push_back({"m", up});
    }
    EXPECT_EQ(active_member(members, row.active), row.wanted) << row.what;
  }
}

TEST(Bonding, DeviceNamesItsMembers) {
  model::Port port;
  port.device = "net_bonding0,mode=1";
  EXPECT_EQ(device_text(port), port.device);
  port.members = {"net_af_packet0,iface=a", "0000:3b:00.0"};
  EXPECT_EQ(device_text(port), "net_bonding0,mode=1,slave=net_af_packet0,slave=0000:3b:00.0");
  model::Model model;
  model.ports["front"] = port;
  const auto wanted = wanted_devices(model);
  ASSERT_EQ(wanted.size(), 3u);
  EXPECT_EQ(wanted[2].place, "ports.front.members");
  EXPECT_EQ(wanted[2].device, "0000:3b:00.0");
}

}  // namespace
}  // namespace limpet::nic
