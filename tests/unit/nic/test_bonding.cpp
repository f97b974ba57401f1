// Two bonding devices that speak LACP (802.3ad) over crossed rings: they agree, packets go both ways, and over the
// other member when one goes down or its partner falls silent.
#include <gtest/gtest.h>
#include <rte_eth_bond_8023ad.h>
#include <rte_eth_ring.h>
#include <rte_ring.h>

#include <chrono>
#include <functional>

#include "environment.hpp"
#include "nic/mbuf.hpp"
#include "nic/port.hpp"

namespace limpet::nic {
namespace {

constexpr unsigned members = 2;

rte_ring* ring(const std::string& name) {
  return rte_ring_create(name.c_str(), 1024, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

/// Members with slow time-outs made fast, so that a test need not wait for a minute and a half.
void hasten(std::uint16_t bond) {
  rte_eth_bond_8023ad_conf conf{};
  ASSERT_EQ(rte_eth_bond_8023ad_conf_get(bond, &conf), 0);
  conf.fast_periodic_ms = 100;
  conf.slow_periodic_ms = 300;
  conf.short_timeout_ms = 500;
  conf.long_timeout_ms = 1500;
  ASSERT_EQ(rte_eth_bond_8023ad_setup(bond, &conf), 0);
}

struct End {
  std::unique_ptr<Port> port;
  std::vector<std::uint16_t> ids;
  unsigned received = 0;

  [[nodiscard]] std::vector<bool> up() const {
    std::vector<bool> all;
    static_cast<void>(port->link_up());
    for (const auto& member : port->members()) {
      all.push_back(member.up);
    }
    return all;
  }
  /// As a worker's turn does.
  void turn() {
    rte_mbuf* mbufs[32];
    const unsigned count = port->receive(0, mbufs, 32);
    received += count;
    rte_pktmbuf_free_bulk(mbufs, count);
    port->pulse();
  }
};

class Lacp : public testing::Test {
 protected:
  void SetUp() override {
    test::buffers();
    static unsigned made = 0;
    ++made;
    std::vector<std::array<rte_ring*, 2>> wires;
    for (unsigned i = 0; i < members; ++i) {
      wires.push_back(
          {ring("l" + std::to_string(made) + std::to_string(i)), ring("r" + std::to_string(made) + std::to_string(i))});
    }
    open(left_, "left" + std::to_string(made), made * 2, wires, false);
    open(right_, "right" + std::to_string(made), made * 2 + 1, wires, true);
  }

  static void open(End& end, const std::string& name, unsigned number, std::vector<std::array<rte_ring*, 2>>& wires,
                   bool crossed) {
    PortSettings settings;
    settings.place = "ports." + name;
    settings.device = "net_bonding" + std::to_string(number) + ",mode=4";
    settings.index = PortIndex(0);
    settings.mac = net::Mac{{2, 0, 0, 0, 0, static_cast<std::uint8_t>(0x40 + number)}};
    for (unsigned i = 0; i < members; ++i) {
      const std::string member = name + std::to_string(i);
      const int id = rte_eth_from_rings(member.c_str(), &wires[i][crossed ? 1 : 0], 1, &wires[i][crossed ? 0 : 1], 1,
                                        SOCKET_ID_ANY);
      ASSERT_GE(id, 0) << member;
      settings.members.push_back({"net_ring_" + member, static_cast<std::uint16_t>(id)});
      end.ids.push_back(static_cast<std::uint16_t>(id));
      settings.device += ",slave=net_ring_" + member;
    }
    const auto id = test::eal().attach(settings.place, settings.device);
    ASSERT_TRUE(id) << id.error().text;
    settings.id = *id;
    std::vector<std::string> warnings;
    const hash::Owner owner(1);
    auto port = Port::open(settings, owner, test::buffers(), warnings);
    ASSERT_TRUE(port) << port.error().text;
    end.port = std::move(*port);
    EXPECT_TRUE(end.port->needs_pulse());
    hasten(settings.id);
  }

  /// Both ends run until `done`, or in vain for 20 s.
  bool run_until(const std::function<bool()>& done, bool right_too = true) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < end) {
      left_.turn();
      if (right_too) {
        right_.turn();
      }
      if (done()) {
        return true;
      }
    }
    return false;
  }

  /// Packets of `flows` pairs of MAC addresses from left to right; how many arrive.
  unsigned send(unsigned flows) {
    const unsigned before = right_.received;
    for (unsigned i = 0; i < flows; ++i) {
      rte_mbuf* mbuf = rte_pktmbuf_alloc(test::buffers().on_node(0));
      auto* frame = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(mbuf, 60));
      std::memset(frame, 0, 60);
      std::memcpy(frame, right_.port->mac().bytes.data(), 6);
      frame[6] = 2;
      frame[11] = static_cast<std::uint8_t>(i);
      frame[12] = 8;
      if (left_.port->send(0, &mbuf, 1) == 0) {
        rte_pktmbuf_free(mbuf);
      }
    }
    run_until([&] { return right_.received >= before + flows; });
    return right_.received - before;
  }

  End left_, right_;
};

const std::vector<bool> both{true, true};

TEST_F(Lacp, IsSpokenAndSurvivesTheLossOfAMember) {
  EXPECT_EQ(left_.up(), (std::vector<bool>{false, false})) << "nobody has agreed yet";
  ASSERT_TRUE(run_until([&] { return left_.up() == both && right_.up() == both; }));
  EXPECT_EQ(send(16), 16u);

  ASSERT_EQ(rte_eth_dev_set_link_down(left_.ids[0]), 0);
  ASSERT_EQ(rte_eth_dev_set_link_down(right_.ids[0]), 0);
  ASSERT_TRUE(run_until([&] { return left_.up() == std::vector<bool>{false, true} && right_.up() == left_.up(); }));
  EXPECT_TRUE(left_.port->link_up());
  EXPECT_EQ(send(16), 16u);

  ASSERT_EQ(rte_eth_dev_set_link_up(left_.ids[0]), 0);
  ASSERT_EQ(rte_eth_dev_set_link_up(right_.ids[0]), 0);
  ASSERT_TRUE(run_until([&] { return left_.up() == both && right_.up() == both; }));
  EXPECT_EQ(send(16), 16u);

  // A partner that is silent while the link stays up: its frames time out.
  ASSERT_TRUE(run_until([&] { return left_.up() == std::vector<bool>{false, false}; }, false));
  EXPECT_FALSE(left_.port->link_up());
  ASSERT_TRUE(run_until([&] { return left_.up() == both && right_.up() == both; }));
  EXPECT_EQ(send(16), 16u);
}

}  // namespace
}  // namespace limpet::nic
