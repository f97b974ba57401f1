// First-burst coherence with real threads: four workers, each with tables of its own over one record table, take
// connections of one client at the same instant. Run under ThreadSanitizer as well.
#include <barrier>
#include <set>
#include <thread>

#include "lab.hpp"
#include "path/turn.hpp"

namespace limpet::path {
namespace {

constexpr unsigned workers = 4;
constexpr unsigned connections_max = 8;
constexpr unsigned rounds = 60;  // for each number of connections
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

  /// Where the SYN went, as an address; empty: nowhere.
  std::string open(const plan::Plan& plan, const net::Endpoint& client) {
    PacketBuilder syn;
    syn.ethernet(gateway_mac, front_mac).ip(client.address, ip("192.0.2.10")).tcp(client.l4_port, 80, flags::syn);
    io.arrive(front_port, syn.build());
    turn(state, plan, io, now_ms);
    const auto sent = std::exchange(wires.sent, {});
    if (sent.size() != 1) {
      return "";
    }
    net::Parsed parsed;
    net::parse(sent[0].bytes.data(), sent[0].bytes.size(), sent[0].bytes.size(), parsed);
    return parsed.destination.text();
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

  /// Each client opens `connections` at once, one after the other client; where each went.
  using Places = std::vector<std::array<std::string, connections_max>>;
  Places burst(std::uint32_t first_client, unsigned connections, std::uint16_t first_port) {
    Places places(rounds);
    std::barrier start(workers);
    std::vector<std::thread> threads;
    for (unsigned self = 0; self < workers; ++self) {
      threads.emplace_back([&, self] {
        for (unsigned round = 0; round < rounds; ++round) {
          start.arrive_and_wait();
          for (unsigned i = self; i < connections; i += workers) {
            const auto l4_port = static_cast<std::uint16_t>(first_port + i);
            places[round][i] = workers_[self]->open(*plan_, {client_address(first_client + round), l4_port});
          }
        }
      });
    }
    for (auto& thread : threads) {
      thread.join();
    }
    return places;
  }
  plan::BackendState& backend_at(const std::string& address) {
    for (const plan::Backend& backend : plan_->pools[plan_->services.back().pool].backends) {
      if (backend.endpoint(net::Family::v4).address.text() == address) {
        return states_[backend.slot];
      }
    }
    throw std::out_of_range(address);
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
  replay::Memory record_memory_{record::Table::bytes_needed(record::sizes_for(65536))};
  record::Table records_ = make_table<record::Table>(record_memory_, record::sizes_for(65536));
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
  for (const auto& at : places) {
    const std::set<std::string> reached(at.begin(), at.begin() + connections);
    EXPECT_EQ(reached.size(), 1u);
    EXPECT_FALSE(reached.contains(""));
  }
}

TEST_P(FirstBurst, ReachesOneBackend) {
  Cluster cluster(model());
  for (unsigned connections = 2; connections <= connections_max; ++connections) {
    expect_coherent(cluster.burst(connections * 1000, connections, 2000), connections);
  }
  EXPECT_EQ(cluster.moved(Reason::violation), 0u);
}

TEST_P(FirstBurst, OfSessionsThatMustMoveReachesOneBackendToo) {
  Cluster cluster(model());
  const auto before = cluster.burst(0, connections_max, 2000);
  cluster.backend_at(before[0][0]).health = plan::Health::down;
  const auto after = cluster.burst(0, connections_max, 3000);
  expect_coherent(after, connections_max);
  unsigned moved = 0;
  for (unsigned round = 0; round < rounds; ++round) {
    const bool stays = before[round][0] != before[0][0];
    EXPECT_EQ(after[round][0] == before[round][0], stays);
    moved += stays ? 0 : 1;
  }
  EXPECT_EQ(cluster.moved(Reason::backend_down), moved) << "counted once, whoever was first";
  EXPECT_EQ(cluster.moved(Reason::violation), 0u);
}

}  // namespace
}  // namespace limpet::path
