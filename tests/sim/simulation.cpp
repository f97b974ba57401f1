#include "simulation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "faults.hpp"

namespace limpet::sim {
namespace {

constexpr Millis start_ms = 1'000'000;
constexpr std::size_t talks_max = 150;
constexpr std::uint64_t small_max = 64;  // flows and records of nodes whose tables are too small
constexpr unsigned addresses = 60;       // of clients, some behind one prefix, some with crowds behind them

replay::Node::Options draw_options(Random& random, bool small) {
  return {.workers = 1 + below(random, 4),
          .flows_max = small ? small_max : 8192u,
          .records_max = small ? small_max : 16384u,
          .start_ms = start_ms};
}

std::unique_ptr<replay::Node> make_node(Random& random, const model::Model& model, bool small) {
  auto made = replay::Node::create(model, hash::fixed_secret(), draw_options(random, small));
  if (!made) {
    throw Failure("no node: " + made.error().text);
  }
  return std::move(*made);
}

}  // namespace

Simulation::Simulation(std::uint64_t seed, const Options& options)
    : seed_(seed),
      options_(options),
      random_(seed),
      model_(draw_model(random_)),
      small_(once_in(random_, 12)),
      node_(make_node(random_, model_, small_)),
      oracle_(model_),
      script_(random_, model_, node_, oracle_) {
  learn_slots();
  if (small_) {
    oracle_.expect_pressure(false);
  }
}

Totals Simulation::run() {
  const Millis end_ms = start_ms + Millis{options_.seconds} * 1000;
  Fault fault(options_.fault, random_);
  while (node_->now_ms() < end_ms) {
    step();
    if (fault.strike(*node_, node_->now_ms() - start_ms)) {
      tell("fault: " + options_.fault);
    }
  }
  settle_down();
  totals_.moves += moves_seen_;
  return totals_;
}

void Simulation::step() {
  const unsigned dice = below(random_, 100);
  if (dice < 70) {
    talk();
  } else if (dice < 80) {
    connect(client());
  } else if (dice < 84) {
    burst();
  } else if (dice < 87) {
    change();
  } else if (dice < 99) {
    wait(once_in(random_, 4) ? 0 : below(random_, 800));
  } else {
    wait(below(random_, 15'000));
  }
}

void Simulation::wait(Millis ms) {
  node_->advance(node_->now_ms() + ms);
  oracle_.summed(node_->now_ms());
  exchange({});
}

/// Killed and started again, mostly with another number of workers.
void Simulation::restart() {
  tell("restart");
  totals_.moves += moves_seen_;
  moves_seen_ = 0;
  auto started = replay::Node::restart(std::move(node_), model_, draw_options(random_, small_));
  if (!started) {
    throw Failure("no restart: " + started.error().text);
  }
  node_ = std::move(*started);
  oracle_.restarted();
  local_ends_ = {};
  learn_slots();
}

void Simulation::change() {
  if (once_in(random_, 25)) {
    return restart();
  }
  const std::string what = script_.change();
  if (!what.empty()) {
    tell(what);
    learn_slots();
    local_ends_.keep([&](const net::Endpoint& server) {
      return std::any_of(model_.services.begin(), model_.services.end(), [&](const auto& service) {
        return !backend_at(model_.pools.at(service.second.pool), server).empty();
      });
    });
    ++totals_.changes;
  }
}

/// By Zipf's law: few addresses have most of the clients.
net::IpAddress Simulation::client() {
  const double place = std::pow(static_cast<double>(addresses), static_cast<double>(random_() >> 11) * 0x1p-53);
  const auto number = static_cast<unsigned>(place);
  if (number % 3 == 0) {
    return *net::IpAddress::parse(fmt::format("2001:db8:100:{:x}::{:x}", 0x10 + number / 9, number));
  }
  return net::IpAddress::v4(0x0a000000u + (number / 4 << 8) + 1 + number % 4);
}

Talk* Simulation::connect(const net::IpAddress& from) {
  if (talks_.size() >= talks_max) {
    return nullptr;
  }
  const std::string service = one_of(random_, services);
  const auto l4_port = static_cast<std::uint16_t>(1024 + below(random_, 200));
  const Stream stream{service, {from, l4_port}, vip_of(model_, service, from.family())};
  const model::Service& declared = model_.services.at(service);
  const unsigned length = once_in(random_, 4) ? below(random_, 60) : below(random_, 8);
  const auto [talk, fresh] = talks_.emplace(stream, Talk(stream, declared.listen.front().protocol == net::Protocol::tcp,
                                                         !model::returns_directly(declared.forwarding), length));
  return fresh ? &talk->second : nullptr;
}

/// Some conversations go on, one packet each, at one instant.
void Simulation::talk() {
  std::vector<Shot> shots;
  const std::size_t count = once_in(random_, 4) ? 1 + below(random_, 12) : 1;
  for (std::size_t i = 0; i < count && !talks_.empty(); ++i) {
    auto at = talks_.begin();
    std::advance(at, below(random_, talks_.size()));
    const bool again = std::any_of(shots.begin(), shots.end(), [&](const Shot& s) { return s.talk == &at->second; });
    if (again) {
      continue;
    }
    if (at->second.over()) {
      if (once_in(random_, 3)) {
        at->second.reopen(below(random_, 8));
      } else {
        talks_.erase(at);
      }
    } else if (const auto packet = at->second.next(random_)) {
      shots.push_back({&at->second, *packet, queue_for(*packet)});
    }
  }
  exchange(std::move(shots));
}

/// Connections of one client, or of several behind one prefix, arrive at once at all workers.
void Simulation::burst() {
  std::vector<Shot> shots;
  const net::IpAddress from = client();
  const unsigned count = 2 + below(random_, 7);
  for (unsigned i = 0; i < count; ++i) {
    net::IpAddress source = from;
    if (from.is_v4() && once_in(random_, 2)) {
      source = net::IpAddress::v4((from.v4_host() & ~3u) + 1 + below(random_, 3));
    }
    Talk* talk = connect(source);
    if (const auto packet = talk == nullptr ? std::nullopt : talk->next(random_)) {
      shots.push_back({talk, *packet, i % node_->workers()});
    }
  }
  exchange(std::move(shots));
}

/// Any queue: the NIC may know nothing of owners.
unsigned Simulation::queue_for(const Packet&) {
  return below(random_, node_->workers());
}

/// Everything grows old; then nothing may be left.
void Simulation::settle_down() {
  talks_.clear();
  for (unsigned i = 0; i < 80; ++i) {
    wait(20'000);
  }
  check_nothing_left();
}

void Simulation::tell(const std::string& text) const {
  if (options_.verbose) {
    fmt::print("{:>9.3f} s  {}\n", static_cast<double>(node_->now_ms() - start_ms) / 1000, text);
  }
}

void Simulation::fail(const std::string& what) const {
  throw Failure(
      fmt::format("seed {}, at {:.3f} s: {}", seed_, static_cast<double>(node_->now_ms() - start_ms) / 1000, what));
}

}  // namespace limpet::sim
