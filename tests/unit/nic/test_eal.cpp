// What an operator reads when a device or EAL does not start.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "environment.hpp"

namespace limpet::nic {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(Attach, SaysWhatIsWrongInOneLine) {
  const struct {
    const char* device;
    std::vector<std::string> parts;
  } rows[] = {
      {"net_nonesuch0", {"[ports.front]", "unknown device", "net_nonesuch0"}},
      {"front0", {"unknown device"}},
      {"net_af_packet0", {"needs the name of an interface"}},
      {"net_af_packet0,iface=nonesuch9", {"no network interface \"nonesuch9\""}},
      {"ffff:ff:1f.7", {"no PCI device ffff:ff:1f.7"}},
      {"net_pcap0,rx_pcap=/nonexistent.pcap", {"net_pcap0 did not start", "/nonexistent.pcap"}},
  };
  for (const auto& row : rows) {
    const auto port = test::eal().attach("ports.front", row.device);
    ASSERT_FALSE(port) << row.device;
    for (const auto& part : row.parts) {
      EXPECT_THAT(port.error().text, HasSubstr(part)) << row.device;
    }
    EXPECT_EQ(port.error().text.find('\n'), std::string::npos) << row.device;
  }
}

TEST(Attach, RefusesADeviceTwice) {
  ASSERT_TRUE(test::eal().attach("ports.a", "net_null8"));
  const auto again = test::eal().attach("ports.b", "net_null8");
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().text, AllOf(HasSubstr("[ports.b]"), HasSubstr("already used")));
}

TEST(Eal, StartsOncePerProcess) {
  test::eal();
  const auto again = Eal::start(test::bare_model());
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().text, HasSubstr("already started"));
}

}  // namespace
}  // namespace limpet::nic
