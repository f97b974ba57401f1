// Ports on virtual devices: queues, MAC address, MTU, bursts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "environment.hpp"
#include "nic/mbuf.hpp"
#include "nic/port.hpp"

namespace limpet::nic {
namespace {

PortSettings settings(const std::string& device, unsigned workers) {
  PortSettings settings;
  settings.place = "ports.front";
  settings.device = device;
  settings.workers = workers;
  settings.index = PortIndex(0);
  settings.mac = net::Mac::parse("02:00:00:00:00:01");
  const auto id = test::eal().attach(settings.place, device);
  EXPECT_TRUE(id) << (id ? "" : id.error().text);
  settings.id = id.value_or(0);
  return settings;
}

TEST(Port, GivesEveryWorkerAQueueWhereTheDeviceHasThem) {
  const hash::Owner owner(4);
  std::vector<std::string> warnings;
  const auto port = Port::open(settings("net_null1", 4), owner, test::buffers(), warnings);
  ASSERT_TRUE(port) << port.error().text;
  EXPECT_EQ((*port)->queues().receive, 4u);
  EXPECT_EQ((*port)->queues().transmit, 4u);
  EXPECT_EQ((*port)->driver(), "net_null");
  EXPECT_EQ((*port)->mac().text(), "02:00:00:00:00:01");
}

TEST(Port, AKernelDeviceHasOneQueue) {
  const hash::Owner owner(4);
  std::vector<std::string> warnings;
  auto wanted = settings("net_null2", 4);
  wanted.kernel = true;
  const auto port = Port::open(wanted, owner, test::buffers(), warnings);
  ASSERT_TRUE(port) << port.error().text;
  EXPECT_EQ((*port)->queues().receive, 1u);
  EXPECT_EQ((*port)->queues().transmit, 1u);
  EXPECT_EQ((*port)->queues().sender(3), 0u);
}

TEST(Port, SendsAndReceives) {
  const hash::Owner owner(2);
  std::vector<std::string> warnings;
  const auto port = Port::open(settings("net_ring1", 2), owner, test::buffers(), warnings);
  ASSERT_TRUE(port) << port.error().text;
  rte_mbuf* sent[3];
  for (auto& mbuf : sent) {
    mbuf = rte_pktmbuf_alloc(test::buffers().on_node(0));
    rte_pktmbuf_append(mbuf, 60);
  }
  EXPECT_EQ((*port)->send(1, sent, 3), 3u);
  rte_mbuf* received[8];
  EXPECT_EQ((*port)->receive(0, received, 8), 0u) << "the queues of a ring device are apart";
  ASSERT_EQ((*port)->receive(1, received, 8), 3u);
  EXPECT_EQ(received[2], sent[2]);
  rte_pktmbuf_free_bulk(received, 3);
  EXPECT_EQ((*port)->counters().transmitted, 3u);
  EXPECT_EQ((*port)->counters().received, 3u);
}

TEST(Port, RefusesAnMtuTheDeviceCannot) {
  const hash::Owner owner(1);
  std::vector<std::string> warnings;
  auto wanted = settings("net_null3", 1);
  wanted.mtu = 10;
  const auto port = Port::open(wanted, owner, test::buffers(), warnings);
  ASSERT_FALSE(port);
  EXPECT_THAT(port.error().text, testing::HasSubstr("mtu = 10"));
}

TEST(Buffers, TellHowMuchWasMissing) {
  test::eal();
  const auto buffers = Buffers::create(10'000'000, 1500, std::array{0});
  ASSERT_FALSE(buffers);
  EXPECT_THAT(buffers.error().text, testing::HasSubstr("10000000 packet buffers"));
}

}  // namespace
}  // namespace limpet::nic
