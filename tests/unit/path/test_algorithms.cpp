// Algorithms through the whole path: how they spread, that parallel first connections agree, caps and heavy keys.
#include "lab.hpp"

namespace limpet::path {
namespace {

using model::Algorithm;

class Algorithms : public testing::TestWithParam<Algorithm> {
 protected:
  static model::Model with_algorithm() {
    auto model = base_model();
    model.pools["web"].algorithm = GetParam();
    return model;
  }
  static std::map<std::string, unsigned> spread(Lab& lab, unsigned clients) {
    std::map<std::string, unsigned> counts;
    for (std::uint32_t client = 0; client < clients; ++client) {
      ++counts[name_at(Talk(lab, {client_address(client), 1000}, endpoint("192.0.2.10:80")).open())];
    }
    return counts;
  }
};

TEST_P(Algorithms, SpreadByWeight) {
  auto model = with_algorithm();
  model.pools["web"].backends["b1"].weight = 3;
  model.pools["web"].backends["b4"].weight = 0;
  Lab lab(model);
  const auto counts = spread(lab, 1000);
  EXPECT_FALSE(counts.contains("b4"));
  EXPECT_NEAR(counts.at("b1"), GetParam() == Algorithm::random_two ? 560 : 600, 80);
  EXPECT_NEAR(counts.at("b2"), GetParam() == Algorithm::random_two ? 220 : 200, 60);
}

TEST_P(Algorithms, SessionsStayWhenBackendsComeAndGo) {
  auto model = with_algorithm();
  Lab lab(model);
  std::map<std::uint32_t, std::string> before;
  for (std::uint32_t client = 0; client < 200; ++client) {
    before[client] = Talk(lab, {client_address(client), 1000}, endpoint("192.0.2.10:80")).open();
  }
  lab.model.pools["web"].backends["b5"] = backend(5);
  lab.model.pools["web"].backends.erase("b2");
  lab.apply();
  for (const auto& [client, at] : before) {
    const std::string now = Talk(lab, {client_address(client), 2000}, endpoint("192.0.2.10:80")).open();
    EXPECT_EQ(now == at, name_at(at) != "b2") << client;
  }
}

/// Contract: k connections of a new client at one instant on k workers reach one backend.
TEST_P(Algorithms, ParallelFirstConnectionsAgree) {
  auto model = with_algorithm();
  model.profiles["client"].prefix4 = 24;  // so that one session's connections belong to several workers
  Lab::Setup setup{.model = model, .workers = 4};
  Lab lab(setup);
  for (std::uint32_t round = 0; round < 100; ++round) {
    std::vector<replay::Node::Arrival> arrivals;
    for (std::uint32_t k = 0; k < 2 + round % 7; ++k) {
      const net::Endpoint client{client_address(round * 256 + 1 + k * 31), 1000};
      arrivals.push_back({front_port, k % 4, Talk(lab, client, endpoint("192.0.2.10:80")).packet(flags::syn)});
    }
    lab.node->receive(arrivals);
    std::map<std::string, unsigned> reached;
    for (const Out& out : lab.take()) {
      ++reached[out.destination().text()];
    }
    EXPECT_EQ(reached.size(), 1u) << round;
  }
}

std::string algorithm_name(const testing::TestParamInfo<Algorithm>& tested) {
  const std::array names = {"rendezvous", "maglev", "least_connections", "weighted_round_robin", "random_two"};
  return names[static_cast<std::size_t>(tested.param)];
}

INSTANTIATE_TEST_SUITE_P(All, Algorithms,
                         testing::Values(Algorithm::rendezvous, Algorithm::maglev, Algorithm::least_connections,
                                         Algorithm::weighted_round_robin, Algorithm::random_two),
                         algorithm_name);

TEST(LeastConnections, FillsUpTheEmptiest) {
  auto model = base_model();
  model.pools["web"].algorithm = Algorithm::least_connections;
  Lab lab(model);
  std::map<std::string, unsigned> counts;
  for (std::uint32_t client = 0; client < 40; ++client) {
    ++counts[Talk(lab, {client_address(client), 1000}, endpoint("192.0.2.10:80")).open()];
  }
  for (const auto& [at, count] : counts) {
    EXPECT_EQ(count, 10u) << at;
  }
}

TEST(WeightedRoundRobin, TakesTurns) {
  auto model = base_model();
  model.pools["web"].algorithm = Algorithm::weighted_round_robin;
  Lab lab(model);
  std::map<std::string, unsigned> counts;
  for (std::uint32_t client = 0; client < 8; ++client) {
    ++counts[Talk(lab, {client_address(client), 1000}, endpoint("192.0.2.10:80")).open()];
    for (const auto& [at, count] : counts) {
      EXPECT_LE(count, client / 4 + 1) << at;
    }
  }
}

model::Model capped(model::HeavyKey heavy_key) {
  auto model = base_model();
  model.profiles["client"].max_imbalance = 1200;
  model.profiles["client"].heavy_key = heavy_key;
  return model;
}

TEST(MaxImbalance, FirstContactsSpillPastAFullBackend) {
  Lab lab(capped(model::HeavyKey::stay));
  std::map<std::string, unsigned> counts;
  std::map<std::uint32_t, std::string> at;
  for (std::uint32_t client = 0; client < 400; ++client) {
    at[client] = Talk(lab, {client_address(client), 1000}, endpoint("192.0.2.10:80")).open();
    ++counts[at[client]];
  }
  for (const auto& [backend, count] : counts) {
    EXPECT_LE(count, 121u) << backend;
  }
  EXPECT_GT(lab.count(Counter::chosen_spilled), 0u);
  for (const auto& [client, backend] : at) {
    EXPECT_EQ(Talk(lab, {client_address(client), 2000}, endpoint("192.0.2.10:80")).open(), backend);
  }
}

TEST(HeavyKey, StaysOrIsSplitOverTheFewestBackends) {
  for (const auto heavy_key : {model::HeavyKey::stay, model::HeavyKey::split}) {
    auto model = capped(heavy_key);
    model.profiles["client"].max_imbalance = 1600;  // so that few backends have room for it
    Lab lab(model);
    for (std::uint32_t client = 1; client <= 60; ++client) {
      Talk(lab, {client_address(client), 1000}, endpoint("192.0.2.10:80")).open();
    }
    std::map<std::string, unsigned> counts;
    std::vector<Talk> talks;
    std::vector<std::string> at;
    for (std::uint32_t i = 0; i < 60; ++i) {  // one client has half of all connections
      talks.emplace_back(lab, net::Endpoint{ip("10.9.9.9"), static_cast<std::uint16_t>(1024 + i * 1024)},
                         endpoint("192.0.2.10:80"));
      at.push_back(talks.back().open());
      ++counts[at.back()];
    }
    EXPECT_EQ(counts.size() > 1, heavy_key == model::HeavyKey::split);
    EXPECT_LE(counts.size(), heavy_key == model::HeavyKey::split ? 3u : 1u);
    EXPECT_EQ(lab.moved(Reason::split), lab.count(Counter::record_split));
    for (std::size_t i = 0; i < talks.size(); ++i) {
      EXPECT_EQ(talks[i].up(), at[i]) << "live flows never move";
    }
  }
}

TEST(HeavyKey, IsNotSplitOverBackendsThatAreFull) {
  Lab lab(capped(model::HeavyKey::split));
  std::map<std::string, unsigned> counts;
  for (std::uint32_t i = 0; i < 480; ++i) {  // a half, three tenths and two tenths of all connections
    const std::uint32_t client = i % 10 < 5 ? 1 : i % 10 < 8 ? 2 : 3;
    const auto l4_port = static_cast<std::uint16_t>(1024 + i * 131);
    ++counts[Talk(lab, {client_address(client), l4_port}, endpoint("192.0.2.10:80")).open()];
    lab.wait_ms(1);
  }
  for (const auto& [backend, count] : counts) {
    EXPECT_LE(count, 150u) << backend << " has more than 1.25 times its share";
  }
}

TEST(HeavyKey, KeysThatMetBeforeTheyGrewAreSplitWhenTheirSumIsAboveTheCap) {
  Lab lab(capped(model::HeavyKey::split));
  // Two clients of one backend, by their first connections; the others fill the pool evenly.
  std::map<std::string, std::vector<std::uint32_t>> clients_of;
  for (std::uint32_t client = 1; client <= 5; ++client) {
    const Talk talk(lab, {client_address(client), 1000}, endpoint("192.0.2.10:80"));
    clients_of[Talk(talk).open()].push_back(client);
  }
  const auto pair =
      std::find_if(clients_of.begin(), clients_of.end(), [](const auto& entry) { return entry.second.size() >= 2; });
  ASSERT_NE(pair, clients_of.end());
  std::map<std::string, unsigned> counts;
  for (std::uint32_t i = 0; i < 900; ++i) {  // a fifth of all connections each, four fifths of a fair share
    const std::uint32_t client = i % 5 < 2 ? pair->second[i % 5] : 1000 + i;
    const auto l4_port = static_cast<std::uint16_t>(2000 + i * 67);
    ++counts[Talk(lab, {client_address(client), l4_port}, endpoint("192.0.2.10:80")).open()];
    lab.wait_ms(1);
  }
  EXPECT_GT(lab.moved(Reason::split), 0u);
  for (const auto& [backend, count] : counts) {
    EXPECT_LE(count, 281u) << backend << " has more than 1.25 times its share";
  }
}

TEST(HeavyKey, LightKeysStayOnAFullBackend) {
  Lab lab(capped(model::HeavyKey::split));
  std::map<std::uint32_t, std::string> at;
  std::map<std::string, unsigned> counts;
  for (std::uint32_t client = 1; client <= 40; ++client) {
    at[client] = Talk(lab, {client_address(client), 1000}, endpoint("192.0.2.10:80")).open();
  }
  const std::string full = at[1];
  for (std::uint16_t round = 1; round <= 15; ++round) {  // the clients of one backend come again and again
    for (const auto& [client, backend] : at) {
      if (backend == full) {
        Talk talk(lab, {client_address(client), static_cast<std::uint16_t>(1000 + round * 1024)},
                  endpoint("192.0.2.10:80"));
        EXPECT_EQ(talk.open(), full);
      }
    }
    lab.wait_ms(10);
  }
  EXPECT_EQ(lab.moved(Reason::split), 0u);
}

}  // namespace
}  // namespace limpet::path
