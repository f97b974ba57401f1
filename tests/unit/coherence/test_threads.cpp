// First-burst coherence with real threads: four workers, each with tables of its own over one record table, take
// connections of one client at the same instant. Run under ThreadSanitizer as well.
#include <barrier>
#include <map>
#include <thread>

#include "path/turn.hpp"
#include "support/sanitized.hpp"
#include "unit/path/lab.hpp"

namespace limpet::path {
namespace {

constexpr unsigned workers = 4;
constexpr unsigned connections_max = 8;
constexpr unsigned rounds = 10;                                    // for each number of connections
constexpr unsigned clients = limpet::test::sanitized ? 100 : 300;  // in each round, as many as may meet in the tables
constexpr Millis now_ms = 1'000'000;
const hash::Secret secret = hash::fixed_secret();

template <class Table, class Sizes>
Table make_table(const replay::Memory& memory, const Sizes& sizes) {
  return Table::create(memory.bytes(), sizes, hash::derive_key(secret, "table")).value();
}

/// One worker, with wires of its own. It owns every client: what comes to it stays.
struct Worker {
  Worker(unsigned index, const Node& shared)
      : memory(flow::Table::bytes_needed(flow::sizes_for(16384))),
        flows(make_table<flow::Table>(memory, flow::sizes_for(16384))),
        state(index, shared, flows, plan::backend_slots_default) {}

  void arrive(const net::Endpoint& client) {
    PacketBuilder syn;
    syn.ethernet(gateway_mac, front_mac).ip(client.address, ip("192.0.2.10")).tcp(client.l4_port, 80, flags::syn);
    io.arrive(front_port, syn.build());
  }
  void work(const plan::Plan& plan) {
    while (!io.idle()) {
      turn(state, plan, io, now_ms);
    }
  }

  replay::Memory memory;
  flow::Table flows;
  replay::Wires wires{1};
  replay::MemoryIo io{wires, 0, 1};
  State state;
};

class Cluster {
 public:
  explicit Cluster(const model::Model& model) {
    plan::Slots slots(plan::backend_slots_default);
    plan_ = plan::compile({model, secret, {}, 1}, slots).value();
    plan::each_interface(model, [&](InterfaceIndex index, const model::Interface& interface) {
      for (const auto& [address, mac] : interface.neighbors) {
        adjacencies_.set(index, address, l3::AdjacencyState::reachable, mac);
      }
    });
    for (unsigned i = 0; i < workers; ++i) {
      workers_.push_back(std::make_unique<Worker>(i, Node{owner_, records_, states_, adjacencies_}));
    }
  }

  /// Where the connections of a client went, by the last byte of the backend's address.
  using Places = std::map<net::IpAddress, std::map<unsigned, unsigned>>;
  /// Each client opens `connections` at once, at workers in turn.
  Places burst(std::uint32_t first_client, unsigned connections, std::uint16_t first_port) {
    std::barrier start(workers);
    std::vector<std::thread> threads;
    for (unsigned self = 0; self < workers; ++self) {
      threads.emplace_back([&, self] {
        for (unsigned round = 0; round < rounds; ++round) {
          for (unsigned n = 0; n < clients; ++n) {
            for (unsigned i = (self + n) % workers; i < connections; i += workers) {
              workers_[self]->arrive(
                  {client_address(first_client + round * clients + n), static_cast<std::uint16_t>(first_port + i)});
            }
          }
          start.arrive_and_wait();
          workers_[self]->work(*plan_);
        }
      });
    }
    for (auto& thread : threads) {
      thread.join();
    }
    return take();
  }
  Places take() {
    Places places;
    for (const auto& worker : workers_) {
      for (const auto& sent : std::exchange(worker->wires.sent, {})) {
        net::Parsed parsed;
        net::parse(sent.bytes.data(), sent.bytes.size(), sent.bytes.size(), parsed);
        ++places[parsed.source][parsed.destination.wire_bytes()[3]];
      }
    }
    return places;
  }
  /// Of the service's backend with this last byte.
  void set_down(unsigned last_byte) {
    for (const plan::Backend& backend : plan_->pools[plan_->services.back().pool].backends) {
      if (backend.endpoint(net::Family::v4).address.wire_bytes()[3] == last_byte) {
        states_[backend.slot].health = plan::Health::down;
      }
    }
  }
  [[nodiscard]] std::uint64_t moved(Reason reason) const {
    std::uint64_t sum = 0;
    for (const auto& worker : workers_) {
      sum += worker->state.moves[static_cast<std::size_t>(reason)];
    }
    return sum;
  }

 private:
  hash::Owner owner_{1};
  std::shared_ptr<const plan::Plan> plan_;
  plan::BackendStates states_{plan::backend_slots_default};
  l3::AdjacencyTable adjacencies_{4096};
  replay::Memory record_memory_{record::Table::bytes_needed(record::sizes_for(1u << 20))};
  record::Table records_ = make_table<record::Table>(record_memory_, record::sizes_for(1u << 20));
  std::vector<std::unique_ptr<Worker>> workers_;
};

class FirstBurst : public testing::TestWithParam<model::Algorithm> {
 protected:
  static model::Model model() {
    auto made = base_model();
    made.pools["web"].algorithm = GetParam();
    return made;
  }
};
using model::Algorithm;
INSTANTIATE_TEST_SUITE_P(Algorithms, FirstBurst,
                         testing::Values(Algorithm::rendezvous, Algorithm::maglev, Algorithm::least_connections,
                                         Algorithm::weighted_round_robin, Algorithm::random_two));

void expect_coherent(const Cluster::Places& places, unsigned connections) {
  EXPECT_EQ(places.size(), rounds * clients);
  unsigned incoherent = 0;
  for (const auto& [client, reached] : places) {
    incoherent += reached.size() == 1 && reached.begin()->second == connections ? 0 : 1;
  }
  EXPECT_EQ(incoherent, 0u);
}

TEST_P(FirstBurst, ReachesOneBackend) {
  Cluster cluster(model());
  for (unsigned connections = 2; connections <= connections_max; ++connections) {
    expect_coherent(cluster.burst(connections * 10'000, connections, 2000), connections);
  }
  EXPECT_EQ(cluster.moved(Reason::violation), 0u);
}

TEST_P(FirstBurst, OfSessionsThatMustMoveReachesOneBackendToo) {
  Cluster cluster(model());
  const auto before = cluster.burst(0, connections_max, 2000);
  const unsigned down = before.begin()->second.begin()->first;
  cluster.set_down(down);
  const auto after = cluster.burst(0, connections_max, 3000);
  expect_coherent(after, connections_max);
  unsigned moved = 0;
  for (const auto& [client, reached] : before) {
    const unsigned was = reached.begin()->first;
    EXPECT_EQ(after.at(client).contains(was), was != down);
    moved += was == down ? 1 : 0;
  }
  EXPECT_EQ(cluster.moved(Reason::backend_down), moved) << "counted once, whoever was first";
  EXPECT_EQ(cluster.moved(Reason::violation), 0u);
}

}  // namespace
}  // namespace limpet::path
