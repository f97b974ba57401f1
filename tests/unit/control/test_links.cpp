// Links that come and go, as control sees them.
#include "control/links.hpp"

#include <gtest/gtest.h>

namespace limpet::control {
namespace {

std::vector<std::string> names(const std::vector<LinkInfo>& links) {
  std::vector<std::string> result;
  for (const auto& link : links) {
    result.push_back(link.name + (link.up ? " up" : " down"));
  }
  return result;
}

TEST(Links, TellsWhatHasChanged) {
  Links links;
  std::vector<LinkInfo> now = {{"back", true, PortIndex(0)}, {"front", false, PortIndex(1)}};
  using Names = std::vector<std::string>;
  EXPECT_EQ(names(links.changed(now)), Names{"front down"});
  EXPECT_TRUE(links.changed(now).empty());
  now[1].up = true;
  EXPECT_EQ(names(links.changed(now)), Names{"front up"});
  now[0].up = false;
  EXPECT_EQ(names(links.changed(now)), Names{"back down"});
}

TEST(Links, APortIsAnnouncedAgainWhereAMemberHasChanged) {
  Links links;
  std::vector<LinkInfo> now = {
      {"front", true, PortIndex(0)}, {"front member a", true, {}}, {"front member b", true, {}}};
  EXPECT_TRUE(links.changed(now).empty());
  now[1].up = false;
  const auto changed = links.changed(now);
  ASSERT_EQ(changed.size(), 2u);
  EXPECT_EQ(changed[0].name, "front member a");
  EXPECT_EQ(changed[1].port, PortIndex(0));
  now[2].up = false;
  now[0].up = false;
  EXPECT_EQ(names(links.changed(now)), (std::vector<std::string>{"front down", "front member b down"}));
}

TEST(Links, LooksTenTimesASecond) {
  Links links;
  unsigned looks = 0;
  for (Millis now = 5000; now < 6000; ++now) {
    looks += links.is_due(now) ? 1 : 0;
  }
  EXPECT_EQ(looks, 10u);
}

}  // namespace
}  // namespace limpet::control
