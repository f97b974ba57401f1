#include "faults.hpp"

#include <algorithm>
#include <optional>
#include <vector>

namespace limpet::sim {
namespace {

constexpr Millis not_before_ms = 20'000;

struct Back {
  flow::WideKey key;
  flow::Value value;
  flow::Carried carried;
};

/// Of live flows with full NAT.
std::vector<Back> ways_back(flow::Table& flows) {
  std::vector<Back> backs;
  flows.each([&](const auto& key, const auto& entry) {
    if constexpr (std::is_same_v<std::decay_t<decltype(key)>, flow::WideKey>) {
      const bool lives = entry.state() == flow::State::established && (entry.flags() & flow::flag::rests) == 0;
      if (key.direction == flow::Direction::back && lives && (entry.flags() & flow::flag::local) != 0) {
        backs.push_back({key, entry.value(), entry.carried()});
      }
    }
    return flow::Sweep::keep;
  });
  return backs;
}

}  // namespace

bool Fault::strike(replay::Node& node, Millis since_start_ms) {
  if (done_ || kind_.empty() || since_start_ms < not_before_ms) {
    return false;
  }
  if (kind_ == "record") {
    done_ = record(node);
  } else if (kind_ == "flow") {
    done_ = flow(node);
  } else if (kind_ == "local") {
    done_ = local(node);
  } else if (kind_ == "health") {
    node.backends()[node.plan().pools.back().backends.front().slot].health = plan::Health::down;
    done_ = true;
  } else if (kind_ == "leak") {
    path::add_relaxed(node.state(0).uses[node.plan().pools.front().backends.front().slot.value()].flows, 1);
    done_ = true;
  } else if (kind_ == "move") {
    path::add_relaxed(node.state(0).moves[static_cast<std::size_t>(path::Reason::spill)], 1);
    done_ = true;
  }
  return done_;
}

/// All lasting records of one pool turn to the next backend.
bool Fault::record(replay::Node& node) {
  bool any = false;
  std::vector<std::pair<record::Key, record::Record>> found;
  static_cast<void>(node.records().walk(
      {}, ~0u, [&](const record::Key& key, const record::Record& record) { found.emplace_back(key, record); }));
  for (const auto& [key, record] : found) {
    if (node.plan().backend(record.backend) == nullptr) {
      continue;
    }
    const plan::Pool& pool = node.plan().pools[node.plan().backend_of_slot[record.backend.value()].pool];
    const plan::Backend& other = pool.backends[below(random_, pool.backends.size())];
    const auto hash = node.records().hash(key);
    any |= other.slot != record.backend && node.records().replace(key, hash, record.backend, other.slot, record.used_s);
  }
  return any;
}

/// All entries of one worker's flows and all records are gone.
bool Fault::flow(replay::Node& node) {
  const auto all = [](auto& table) { return static_cast<unsigned>(table.bucket_count()); };
  auto& flows = node.state(0).flows;
  const auto stats = flows.stats();
  if (stats.live_narrow + stats.live_wide < 10) {
    return false;
  }
  flows.sweep(all(flows), [](const auto&, const auto&) { return flow::Sweep::erase; });
  node.records().sweep(all(node.records()), [](const auto&, const auto&) { return record::Sweep::erase; });
  return true;
}

/// A live flow with full NAT takes the local end of another to the same backend.
bool Fault::local(replay::Node& node) {
  auto& flows = node.state(0).flows;
  const std::vector<Back> backs = ways_back(flows);
  const auto replace = [&](const flow::WideKey& at, const flow::Value& value, const flow::Carried& carried) {
    flows.erase(at, flows.hash(at));
    flows.insert(at, flows.hash(at), value, carried);
  };
  for (const Back& one : backs) {
    const flow::WideKey key{one.carried.vip,         {}, one.carried.translated_port, 0, one.value.peer,
                            flow::Direction::forward};
    const auto* forward = flows.find(key, flows.hash(key));
    const auto other = std::find_if(backs.begin(), backs.end(), [&](const Back& back) {
      return back.key.slot == one.key.slot && back.key != one.key;
    });
    if (forward != nullptr && other != backs.end()) {
      replace(key, forward->value(), {other->key.client, 0, other->key.client_port});
      replace(other->key, one.value, one.carried);
      return true;
    }
  }
  return false;
}

}  // namespace limpet::sim
