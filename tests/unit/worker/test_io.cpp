// The Io of workers on ring devices, without the path: every way in and out, full rings, nothing lost or leaked.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>

#include "child.hpp"
#include "nic/eal.hpp"
#include "nic/mbuf.hpp"
#include "support/sanitized.hpp"
#include "worker/io.hpp"

namespace limpet::worker {
namespace {

using path::Origin;
using path::Outlet;
using path::Packet;

constexpr unsigned workers = 3;

/// Port 0 is a loop (what queue i sends, queue i receives); its kernel device has one queue, so workers 1 and 2 send
/// there through worker 0.
struct Rig {
  Rig() : owner(workers) {
    auto started = nic::Eal::start(test::bare_model(workers));
    EXPECT_TRUE(started) << (started ? "" : started.error().text);
    eal = std::move(*started);
    buffers.emplace(std::move(*nic::Buffers::create(8192, 1522, std::array{0})));
    front = open("net_ring0", false);
    kernel = open("net_ring1", true);
    all = buffers->available();
    nic::Port* const ports[] = {front.get()};
    nic::Port* const kernels[] = {kernel.get()};
    fabric.emplace(workers, ports, kernels);
    for (unsigned worker = 0; worker < workers; ++worker) {
      ios[worker].emplace(worker, *fabric, buffers->on_node(0));
    }
  }
  ~Rig() {
    for (auto& io : ios) {
      io.reset();
    }
    fabric.reset();
    EXPECT_EQ(buffers->available(), all) << "buffers leaked";
  }
  std::unique_ptr<nic::Port> open(const char* device, bool is_kernel) {
    nic::PortSettings settings;
    settings.place = "ports.front";
    settings.device = device;
    settings.index = PortIndex(0);
    settings.workers = workers;
    settings.mac = net::Mac{{2, 0, 0, 0, 0, 1}};
    settings.kernel = is_kernel;
    settings.id = eal->attach(settings.place, device).value_or(0);
    std::vector<std::string> warnings;
    auto port = nic::Port::open(settings, owner, *buffers, warnings);
    EXPECT_TRUE(port) << (port ? "" : port.error().text);
    return std::move(*port);
  }
  /// A packet of 60 bytes that carries its number.
  Packet packet(unsigned number) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(buffers->on_node(0));
    rte_pktmbuf_append(mbuf, 60);
    Packet made;
    nic::to_packet(mbuf, PortIndex(0), made);
    std::memcpy(made.data, &number, sizeof number);
    return made;
  }
  static unsigned number(const Packet& packet) {
    unsigned value = 0;
    std::memcpy(&value, packet.data, sizeof value);
    return value;
  }
  void release(unsigned worker, const Packet* packets, unsigned n) {
    EXPECT_EQ(ios[worker]->transmit({Outlet::release, 0}, packets, n), n);
  }

  hash::Owner owner;
  std::unique_ptr<nic::Eal> eal;
  std::optional<nic::Buffers> buffers;
  std::unique_ptr<nic::Port> front, kernel;
  std::optional<Fabric> fabric;
  std::array<std::optional<Io>, workers> ios;
  unsigned all = 0;
};

bool has(const Io& io, Origin origin, std::uint16_t index) {
  const auto sources = io.sources();
  return std::any_of(sources.begin(), sources.end(),
                     [&](path::Source s) { return s.origin == origin && s.index == index; });
}

TEST(Io, EverySourceHasItsWorker) {
  test::in_child([] {
    Rig rig;
    for (std::uint16_t worker = 0; worker < workers; ++worker) {
      const Io& io = *rig.ios[worker];
      EXPECT_TRUE(has(io, Origin::port, 0));
      EXPECT_EQ(has(io, Origin::kernel, 0), worker == 0) << "one queue";
      EXPECT_EQ(has(io, Origin::control, 0), worker == 0);
      for (std::uint16_t other = 0; other < workers; ++other) {
        EXPECT_EQ(has(io, Origin::worker, other), other != worker);
      }
    }
  });
}

TEST(Io, WhatIsChangedInThePacketIsSent) {
  test::in_child([] {
    Rig rig;
    Packet packet = rig.packet(7);
    packet.data -= 4;
    packet.size = 40;
    std::memset(packet.data, 0xab, 4);
    ASSERT_EQ(rig.ios[1]->transmit({Outlet::port, 0}, &packet, 1), 1u);
    Packet received[path::burst_max];
    EXPECT_EQ(rig.ios[0]->receive({Origin::port, 0}, received, path::burst_max), 0u);
    ASSERT_EQ(rig.ios[1]->receive({Origin::port, 0}, received, path::burst_max), 1u);
    EXPECT_EQ(received[0].size, 40u);
    EXPECT_EQ(received[0].data[3], 0xab);
    EXPECT_EQ(received[0].data[4], 7);
    rig.release(1, received, 1);
  });
}

TEST(Io, HandsOverInOrderAndSaysWhenARingIsFull) {
  test::in_child([] {
    Rig rig;
    unsigned sent = 0;
    for (;; ++sent) {
      const Packet packet = rig.packet(sent);
      if (rig.ios[2]->transmit({Outlet::worker, 1}, &packet, 1) == 0) {
        rig.release(2, &packet, 1);
        break;
      }
    }
    EXPECT_EQ(sent, handoff_ring_size);
    Packet received[path::burst_max];
    unsigned taken = 0;
    while (const unsigned n = rig.ios[1]->receive({Origin::worker, 2}, received, path::burst_max)) {
      for (unsigned i = 0; i < n; ++i) {
        EXPECT_EQ(Rig::number(received[i]), taken++);
        EXPECT_EQ(received[i].port, PortIndex(0));
      }
      rig.release(1, received, n);
    }
    EXPECT_EQ(taken, sent);
  });
}

TEST(Io, AFloodOfLongBurstsLeavesRoomForTheFewPacketsOfAnotherPort) {
  test::in_child([] {
    Rig rig;
    Packet packets[path::burst_max];
    unsigned flood = 0;
    for (unsigned round = 0; round < 2 * handoff_ring_size / path::burst_max; ++round) {
      for (auto& packet : packets) {
        packet = rig.packet(flood);
      }
      const unsigned taken = rig.ios[2]->transmit({Outlet::worker, 1}, packets, path::burst_max);
      rig.release(2, packets + taken, path::burst_max - taken);
      flood += taken;
    }
    EXPECT_EQ(flood, handoff_ring_size - handoff_kept_for_few);
    unsigned others = 0;
    for (;; ++others) {
      const Packet packet = rig.packet(others);
      if (rig.ios[2]->transmit({Outlet::worker, 1}, &packet, 1) == 0) {
        rig.release(2, &packet, 1);
        break;
      }
    }
    EXPECT_EQ(others, handoff_kept_for_few);
    while (const unsigned n = rig.ios[1]->receive({Origin::worker, 2}, packets, path::burst_max)) {
      rig.release(1, packets, n);
    }
  });
}

TEST(Io, InATurnOthersRingsAreEmptiedAsOftenAsPortsFillThem) {
  test::in_child([] {
    Rig rig;
    nic::Port* const ports[] = {rig.front.get(), nullptr, nullptr};
    nic::Port* const kernels[] = {nullptr, nullptr, nullptr};
    Fabric fabric(workers, ports, kernels);
    const Io io(0, fabric, rig.buffers->on_node(0));
    const auto sources = io.sources();
    for (std::uint16_t other = 1; other < workers; ++other) {
      const auto times = std::count_if(sources.begin(), sources.end(),
                                       [&](path::Source s) { return s.origin == Origin::worker && s.index == other; });
      EXPECT_EQ(times, 3) << "ports";
    }
  });
}

TEST(Io, SendsByAnotherWorkersQueueInOrder) {
  test::in_child([] {
    Rig rig;
    Packet packets[10];
    for (unsigned i = 0; i < 10; ++i) {
      packets[i] = rig.packet(i);
    }
    EXPECT_EQ(rig.ios[2]->transmit({Outlet::kernel, 0}, packets, 10), 10u);
    EXPECT_EQ(rig.ios[1]->relay(), 0u) << "not its queue";
    EXPECT_EQ(rig.ios[0]->relay(), 10u);
    Packet received[path::burst_max];
    unsigned taken = 0;
    while (const unsigned n = rig.ios[0]->receive({Origin::kernel, 0}, received, path::burst_max)) {
      EXPECT_LE(n, 8u) << "the kernel's share of a turn";
      for (unsigned i = 0; i < n; ++i) {
        EXPECT_EQ(Rig::number(received[i]), taken++);
      }
      rig.release(0, received, n);
    }
    EXPECT_EQ(taken, 10u);
  });
}

TEST(Io, SendingToTheKernelTakesAShareOfTheTimeAndNoMore) {
  if (limpet::test::sanitized) {
    GTEST_SKIP() << "beside what a sanitizer does, sending takes no time";
  }
  test::in_child([] {
    Rig rig;
    constexpr unsigned rounds = 4000;
    unsigned sending = 0, sent = 0;
    for (unsigned round = 0; round < rounds; ++round) {
      const Packet packet = rig.packet(round);
      if (rig.ios[0]->transmit({Outlet::kernel, 0}, &packet, 1) == 0) {
        rig.release(0, &packet, 1);
      }
      const unsigned now = rig.ios[0]->relay();
      sending += now != 0 ? 1 : 0;
      sent += now;
      Packet received[path::burst_max];
      rig.release(0, received, rig.ios[0]->receive({Origin::kernel, 0}, received, path::burst_max));
    }
    EXPECT_GT(sent, 0u);
    EXPECT_LT(sending, rounds * 3 / 4) << "as if there was nothing else to do";
  });
}

TEST(Io, KeepsWhatTheDeviceDoesNotTake) {
  test::in_child([] {
    Rig rig;
    unsigned number = 0;
    unsigned sent = 0;
    for (int round = 0; round < 100; ++round) {  // more than the device's ring and the relay ring hold
      Packet packets[path::burst_max];
      for (auto& packet : packets) {
        packet = rig.packet(number++);
      }
      const unsigned taken = rig.ios[1]->transmit({Outlet::kernel, 0}, packets, path::burst_max);
      sent += taken;
      rig.release(1, packets + taken, path::burst_max - taken);
      rig.ios[0]->relay();
      if (taken < path::burst_max) {
        break;
      }
    }
    ASSERT_LT(sent, 100 * path::burst_max) << "nothing was ever full";
    Packet received[path::burst_max];
    unsigned expected = 0;
    using Clock = std::chrono::steady_clock;
    for (auto last = Clock::now(); Clock::now() - last < std::chrono::milliseconds(50);) {  // not always its turn
      rig.ios[0]->relay();
      const unsigned n = rig.ios[0]->receive({Origin::kernel, 0}, received, path::burst_max);
      last = n == 0 ? last : Clock::now();
      for (unsigned i = 0; i < n; ++i) {
        EXPECT_EQ(Rig::number(received[i]), expected++);
      }
      rig.release(0, received, n);
    }
    EXPECT_EQ(expected, sent);
  });
}

TEST(Io, ControlsFramesArriveOnTheirPort) {
  test::in_child([] {
    Rig rig;
    l3::Frame frame;
    frame.interface = InterfaceIndex(0);
    frame.size = 42;
    frame.bytes.fill(0x5a);
    ASSERT_TRUE(rig.fabric->control.push({PortIndex(0), frame}));
    Packet received[path::burst_max];
    ASSERT_EQ(rig.ios[0]->receive({Origin::control, 0}, received, path::burst_max), 1u);
    EXPECT_EQ(received[0].size, 42u);
    EXPECT_EQ(received[0].data[41], 0x5a);
    EXPECT_EQ(received[0].port, PortIndex(0));
    rig.release(0, received, 1);
  });
}

TEST(Io, FreesWhatIsLeftInRings) {
  test::in_child([] {
    Rig rig;  // its destructor checks
    for (unsigned i = 0; i < 5; ++i) {
      const Packet packet = rig.packet(i);
      rig.ios[0]->transmit({Outlet::worker, 1}, &packet, 1);
      const Packet other = rig.packet(i);
      rig.ios[1]->transmit({Outlet::kernel, 0}, &other, 1);
    }
  });
}

}  // namespace
}  // namespace limpet::worker
