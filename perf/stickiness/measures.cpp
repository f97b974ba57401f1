#include "measures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <stdexcept>
#include <vector>

#include "crowd.hpp"
#include "rivals.hpp"

namespace limpet::perf {
namespace {

constexpr unsigned backends = 10;
constexpr unsigned leaving = 3;
using Places = std::vector<unsigned>;  // by client

std::vector<unsigned> numbers(unsigned count) {
  std::vector<unsigned> all(count);
  std::iota(all.begin(), all.end(), 0u);
  return all;
}

Places connect_all(Farm& farm, unsigned clients, std::uint16_t l4_port) {
  Places places;
  for (unsigned client = 0; client < clients; ++client) {
    places.push_back(farm.open({client_address(client), l4_port}));
    if (client % 100 == 0) {
      farm.wait(1);
    }
  }
  return places;
}

Places choose_all(const Rival& rival, const Scale& scale) {
  Places places;
  for (unsigned client = 0; client < scale.clients; ++client) {
    places.push_back(rival.choose(mix(scale.seed << 32 | client)));
  }
  return places;
}

/// The part of those that were not at `except` that are elsewhere now.
double moved(const Places& before, const Places& after, unsigned except) {
  unsigned stayers = 0, movers = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i] != except) {
      ++stayers;
      movers += before[i] != after[i] ? 1 : 0;
    }
  }
  return static_cast<double>(movers) / stayers;
}

void note_violations(const Farm& farm, Figures& figures) {
  figures["violations"] += static_cast<double>(farm.violations());
}

double skew(const std::vector<unsigned>& counts) {
  const double mean = std::accumulate(counts.begin(), counts.end(), 0.0) / static_cast<double>(counts.size());
  return *std::max_element(counts.begin(), counts.end()) / mean;
}

struct Spread {
  double skew = 0;
  double spilled = 0;  // part of the users
};

Spread spread(const Crowd& crowd, const model::Profile& profile, Figures& figures) {
  Farm farm({.backends = backends, .flows_max = crowd.users.size() * 2, .profile = profile});
  std::vector<unsigned> counts(backends);
  for (std::size_t i = 0; i < crowd.users.size(); ++i) {
    const unsigned backend = farm.open(crowd.users[i]);
    if (backend == nowhere) {
      throw std::runtime_error("a user reached no backend");
    }
    ++counts[backend];
    farm.wait(1);
  }
  note_violations(farm, figures);
  using counters::Counter;
  const auto elsewhere = farm.node().counter(Counter::chosen_spilled) + farm.node().counter(Counter::record_split);
  return {skew(counts), static_cast<double>(elsewhere) / static_cast<double>(crowd.users.size())};
}

double skew_of(const Crowd& crowd, const Scale& scale, std::string_view rival_name) {
  const auto rival = make_rival(rival_name);
  rival->set_backends(numbers(backends));
  std::vector<unsigned> counts(backends);
  for (const std::uint32_t source : crowd.sources) {
    ++counts[rival->choose(mix(scale.seed << 32 | source))];
  }
  return skew(counts);
}

}  // namespace

void measure_moves(const Scale& scale, Figures& figures) {
  for (const char* name : rival_names) {
    const auto rival = make_rival(name);
    rival->set_backends(numbers(backends));
    const Places before = choose_all(*rival, scale);
    auto left = numbers(backends);
    left.erase(left.begin() + leaving);
    rival->set_backends(left);
    figures[fmt::format("remove.unneeded.{}", name)] = moved(before, choose_all(*rival, scale), leaving);
    rival->set_backends(numbers(backends + 1));
    figures[fmt::format("add.moved.{}", name)] = moved(before, choose_all(*rival, scale), nowhere);
  }
  for (const bool removes : {true, false}) {
    Farm farm({.backends = backends});
    const Places before = connect_all(farm, scale.clients, 1024);
    removes ? farm.remove_backend(leaving) : farm.add_backend(backends);
    const Places after = connect_all(farm, scale.clients, 1025);
    figures[removes ? "remove.unneeded.limpet" : "add.moved.limpet"] =
        moved(before, after, removes ? leaving : nowhere);
    note_violations(farm, figures);
  }
}

void measure_skew(const Scale& scale, Figures& figures) {
  model::Profile capped;
  capped.max_imbalance = 1050;
  const Crowd mild = make_crowd(scale.seed, scale.sources, scale.users, 1.0);
  figures["skew.zipf10.limpet"] = spread(mild, capped, figures).skew;
  const Crowd heavy = make_crowd(scale.seed, scale.sources, scale.users, 1.2);
  figures["skew.zipf12.stay"] = spread(heavy, capped, figures).skew;
  figures["skew.zipf12.stay_bound"] = 1.05 * std::max(1.25, heavy.heaviest_share * backends);
  capped.heavy_key = model::HeavyKey::split;
  const Spread split = spread(heavy, capped, figures);
  figures["skew.zipf12.limpet"] = split.skew;
  figures["spilled.zipf12.limpet"] = split.spilled;
  for (const char* name : rival_names) {
    figures[fmt::format("skew.zipf10.{}", name)] = skew_of(mild, scale, name);
    figures[fmt::format("skew.zipf12.{}", name)] = skew_of(heavy, scale, name);
  }
}

void measure_first_bursts(const Scale& scale, Figures& figures) {
  using model::Algorithm;
  double incoherent = 0;
  for (const Algorithm algorithm : {Algorithm::rendezvous, Algorithm::maglev, Algorithm::least_connections,
                                    Algorithm::weighted_round_robin, Algorithm::random_two}) {
    model::Profile neighbours;
    neighbours.prefix4 = 24;  // one session over addresses that several workers own
    Farm farm({.backends = backends, .algorithm = algorithm, .profile = neighbours});
    std::uint32_t client = 0;
    for (unsigned size = 2; size <= 8; ++size) {
      for (unsigned burst = 0; burst < scale.bursts; ++burst, client += 256) {
        std::vector<User> users;
        for (unsigned i = 0; i < size; ++i) {
          const std::uint32_t host = burst % 2 == 0 ? 0 : i;  // of one address, or of several
          users.push_back({client_address(client + host), static_cast<std::uint16_t>(2000 + i)});
        }
        const auto places = farm.begin_at_once(users);
        const std::set<unsigned> reached(places.begin(), places.end());
        incoherent += reached.size() == 1 && !reached.contains(nowhere) ? 0 : 1;
        farm.wait(5);
      }
    }
    note_violations(farm, figures);
  }
  figures["first_burst.incoherent"] = incoherent;
}

void measure_restart(const Scale& scale, Figures& figures) {
  constexpr std::uint16_t l4_port = 1024;
  double records_lost = 0, flows_lost = 0;
  for (const unsigned workers : {4u, 3u}) {
    Farm farm({.backends = backends, .algorithm = model::Algorithm::least_connections});
    const Places before = connect_all(farm, scale.clients, l4_port);
    const auto records = farm.node().records().stats().live;
    farm.restart(workers);
    records_lost += static_cast<double>(records) - static_cast<double>(farm.node().records().stats().live);
    for (unsigned client = 0; client < scale.clients; ++client) {
      flows_lost += farm.send({client_address(client), l4_port}) != before[client] ? 1 : 0;
    }
    flows_lost += static_cast<double>(farm.node().counter(counters::Counter::flow_new));
    const Places after = connect_all(farm, scale.clients, l4_port + 1);
    for (unsigned client = 0; client < scale.clients; ++client) {
      records_lost += after[client] != before[client] ? 1 : 0;
    }
    note_violations(farm, figures);
  }
  figures["restart.records_lost"] = records_lost;
  figures["restart.flows_lost"] = flows_lost;
}

void measure_down(const Scale& scale, Figures& figures) {
  Farm farm({.backends = backends});
  connect_all(farm, scale.clients, 1024);
  const Millis down_ms = farm.node().now_ms();
  farm.set_health(leaving, plan::Health::down);
  Millis last_ms = down_ms;
  for (unsigned client = 0; client < scale.clients; ++client) {  // known clients and new ones, in turns
    const std::uint32_t number = client % 2 == 0 ? client : scale.clients + client;
    if (farm.open({client_address(number), 1025}) == leaving) {
      last_ms = farm.node().now_ms() + 1;
    }
    if (client % 10 == 0) {
      farm.wait(1);
    }
  }
  figures["down.new_after_ms"] = static_cast<double>(last_ms - down_ms);
  note_violations(farm, figures);
}

}  // namespace limpet::perf
