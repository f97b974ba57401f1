// The whole machine on a ring device: four workers, the real path, packets of many clients that arrive at any queue.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_ring.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "child.hpp"
#include "plan/compile.hpp"
#include "support/packet_builder.hpp"
#include "worker/machine.hpp"

namespace limpet::worker {
namespace {

using counters::Counter;
using limpet::test::PacketBuilder;

constexpr unsigned workers = 4;
constexpr unsigned packets_per_queue = 400;

/// One port for both sides. What is sent on a ring device comes back on it, with a destination that is not ours.
model::Model ring_model() {
  auto model = test::bare_model(workers);
  model::Port& port = model.ports["front"];
  port.device = "net_ring0";
  port.mac = limpet::test::limpet_mac;
  port.addresses = {*net::Prefix::parse("192.0.2.1/24"), *net::Prefix::parse("198.51.100.1/24")};
  for (int i = 11; i <= 13; ++i) {
    const auto address = limpet::test::ip(fmt::format("198.51.100.{}", i));
    model::Backend backend;
    backend.addresses = {{address, 80}};
    model.pools["web"].backends[fmt::format("b{}", i)] = backend;
    port.neighbors[address] = net::Mac{{2, 0, 0, 0, 1, static_cast<std::uint8_t>(i)}};
  }
  model.profiles["client"] = {};
  model::Service& service = model.services["web"];
  service.pool = "web";
  service.persist = {"client"};
  service.listen = {{*net::Prefix::parse("192.0.2.10"), 80, net::Protocol::tcp}};
  return model;
}

std::uint64_t sum(Machine& machine, Counter counter) {
  std::uint64_t total = 0;
  for (const path::State* state : machine.states()) {
    total += state->counters.get(counter);
  }
  return total;
}

/// True when `condition` holds within 10 s.
template <class Condition>
bool soon(Condition condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

struct Node {
  explicit Node(bool times_devices = false) : model(ring_model()) {
    model.limpetd.time_devices = times_devices;
    auto started = Machine::start(model, secret);
    EXPECT_TRUE(started) << (started ? "" : started.error().text);
    machine = std::move(*started);
    plan::each_interface(model, [&](InterfaceIndex interface, const model::Interface& declared) {
      for (const auto& [address, mac] : declared.neighbors) {
        machine->adjacencies().set(interface, address, l3::AdjacencyState::reachable, mac);
      }
    });
    buffers = machine->buffers_available();
  }
  ~Node() {
    machine.reset();
    std::filesystem::remove_all(model.limpetd.tables);
  }
  void publish(std::uint64_t version) {
    auto plan = plan::compile({model, secret, machine->device_macs(), version}, slots);
    ASSERT_TRUE(plan) << plan.error().text;
    machine->publish(*plan);
  }
  /// Puts SYNs of as many clients into the queue's ring; before the first plan, so that nobody else uses the ring.
  void fill_queue(unsigned queue) {
    rte_ring* ring = rte_ring_lookup(fmt::format("ETH_RXTX{}_net_ring0", queue).c_str());
    rte_mempool* pool = rte_mempool_lookup("packets0");
    ASSERT_TRUE(ring != nullptr && pool != nullptr);
    for (unsigned i = 0; i < packets_per_queue; ++i) {
      const auto frame = PacketBuilder()
                             .ip(fmt::format("192.0.2.{}", 20 + i % 200), "192.0.2.10")
                             .tcp(static_cast<std::uint16_t>(1024 + queue * 1000 + i), 80, net::tcp_flag::syn)
                             .build();
      rte_mbuf* mbuf = rte_pktmbuf_alloc(pool);
      ASSERT_NE(mbuf, nullptr);
      std::memcpy(rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(frame.size())), frame.data(), frame.size());
      ASSERT_EQ(rte_ring_enqueue(ring, mbuf), 0);
    }
  }

  model::Model model;
  hash::Secret secret = hash::fixed_secret();
  plan::Slots slots{plan::backend_slots_default};
  std::unique_ptr<Machine> machine;
  unsigned buffers = 0;
};

TEST(Machine, FourWorkersForwardEveryPacketOnce) {
  test::in_child([] {
    constexpr std::uint64_t injected = std::uint64_t{workers} * packets_per_queue;
    Node node(true);
    for (unsigned queue = 0; queue < workers; ++queue) {
      node.fill_queue(queue);
    }
    node.publish(1);
    Machine& machine = *node.machine;
    EXPECT_TRUE(soon([&] { return sum(machine, Counter::drop_not_ours) == injected; }));
    EXPECT_EQ(sum(machine, Counter::forwarded_in), injected);
    EXPECT_EQ(sum(machine, Counter::transmitted), injected);
    EXPECT_EQ(sum(machine, Counter::received), 2 * injected) << "each comes back once";
    EXPECT_EQ(sum(machine, Counter::flow_new), injected);
    EXPECT_GT(sum(machine, Counter::handed_off), injected / 2);
    EXPECT_EQ(sum(machine, Counter::handed_off), sum(machine, Counter::taken_over));
    for (std::size_t i = 0; i < counters::counter_count; ++i) {
      const auto counter = static_cast<Counter>(i);
      if (counters::descriptions[i].is_drop && counter != Counter::drop_not_ours) {
        EXPECT_EQ(sum(machine, counter), 0u) << counters::descriptions[i].name;
      }
    }
    for (const auto& info : machine.workers()) {
      EXPECT_GT(info.packets, 0u) << "worker " << info.index << " had nothing to do";
      EXPECT_LE(info.busy_cycles, info.total_cycles);
      EXPECT_GT(info.device_cycles, 0u);
      EXPECT_LT(info.device_cycles, info.busy_cycles);
    }
    EXPECT_EQ(machine.ports().at(0).queues, workers);
    EXPECT_EQ(machine.ports().at(0).name, "front");
    machine.halt();
    EXPECT_EQ(machine.buffers_available(), node.buffers);
  });
}

TEST(Machine, CallsOfDevicesAreTimedOnlyWhereItIsAskedFor) {
  test::in_child([] {
    Node node;
    node.fill_queue(0);
    node.publish(1);
    EXPECT_TRUE(soon([&] { return sum(*node.machine, Counter::drop_not_ours) == packets_per_queue; }));
    for (const auto& info : node.machine->workers()) {
      EXPECT_EQ(info.device_cycles, 0u);
    }
  });
}

TEST(Machine, PublishesUnderLoadWithoutStoppingAnybody) {
  test::in_child([] {
    Node node;
    for (unsigned queue = 0; queue < workers; ++queue) {
      node.fill_queue(queue);
    }
    std::weak_ptr<const plan::Plan> first;
    for (std::uint64_t version = 1; version <= 50; ++version) {
      node.publish(version);
      if (version == 1) {
        first = node.machine->current_plan();
      }
    }
    EXPECT_TRUE(soon([&] { return sum(*node.machine, Counter::drop_not_ours) == workers * packets_per_queue; }));
    EXPECT_TRUE(soon([&] {
      static_cast<void>(node.machine->states());  // collects
      return first.expired();
    })) << "a replaced plan is never freed";
    EXPECT_EQ(node.machine->current_plan()->version, 50u);
  });
}

TEST(Machine, RunsTasksOnTheWorkersThread) {
  struct Look : path::Task {
    void run(path::State& state, const plan::Plan& plan) noexcept override {
      worker = state.index;
      version = plan.version;
      thread = std::this_thread::get_id();
    }
    unsigned worker = 99;
    std::uint64_t version = 0;
    std::thread::id thread;
  };
  test::in_child([] {
    Node node;
    node.publish(3);
    std::array<Look, workers> looks;
    for (unsigned worker = 0; worker < workers; ++worker) {
      ASSERT_TRUE(node.machine->post(worker, looks[worker]));
    }
    Look nobody;
    EXPECT_FALSE(node.machine->post(workers, nobody));
    for (unsigned worker = 0; worker < workers; ++worker) {
      ASSERT_TRUE(soon([&] { return looks[worker].done.load(std::memory_order_acquire); }));
      EXPECT_EQ(looks[worker].worker, worker);
      EXPECT_EQ(looks[worker].version, 3u);
      EXPECT_NE(looks[worker].thread, std::this_thread::get_id());
    }
  });
}

TEST(Machine, SendsControlsFramesByTheirPort) {
  test::in_child([] {
    Node node;
    l3::Frame frame;
    frame.interface = InterfaceIndex(0);
    const auto bytes = PacketBuilder()
                           .ethernet(limpet::test::limpet_mac, limpet::test::client_mac)
                           .padded_to(60)
                           .ether_type(0x88b5)
                           .build();
    frame.size = static_cast<std::uint16_t>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), frame.bytes.begin());
    EXPECT_FALSE(node.machine->send(frame)) << "no plan yet: no interfaces";
    node.publish(1);
    ASSERT_TRUE(node.machine->send(frame));
    frame.interface = InterfaceIndex(9);
    EXPECT_FALSE(node.machine->send(frame));
    EXPECT_TRUE(soon([&] { return sum(*node.machine, Counter::transmitted) == 1; }));
    EXPECT_EQ(sum(*node.machine, Counter::from_control), 1u);
  });
}

TEST(Machine, SaysWhatIsMissing) {
  const auto text = [](const model::Model& model) {
    const auto machine = Machine::start(model, hash::fixed_secret());
    return machine ? std::string("started") : machine.error().text;
  };
  auto model = ring_model();
  model.ports.clear();
  EXPECT_THAT(text(model), testing::HasSubstr("no port"));
  model = ring_model();
  model.limpetd.workers.clear();
  EXPECT_THAT(text(model), testing::HasSubstr("workers"));
  model = ring_model();
  model.limpetd.tables = "/proc/limpet";
  EXPECT_THAT(text(model), testing::HasSubstr("tables"));
}

}  // namespace
}  // namespace limpet::worker
