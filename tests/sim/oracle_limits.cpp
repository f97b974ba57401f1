// The oracle's word on limits: who may take new sessions while backends may be full and some serve only when others
// can't. How many connections the node counts is not known to one: the oracle knows the most that it may be.
#include "oracle.hpp"

namespace limpet::sim {
namespace {

constexpr std::uint32_t sweep_s = 60;  // until the node has surely noticed that a flow has ended

}  // namespace

std::size_t Oracle::connections_at_most(const std::string& backend, std::uint32_t now_s) const {
  const auto count = std::count_if(flows_.begin(), flows_.end(), [&](const auto& entry) {
    const auto& [stream, flow] = entry;
    return flow.backend == backend &&
           in_time(stream, flow, false, std::max({now_s - sweep_s, flow.forward_s, flow.back_s}));
  });
  return static_cast<std::size_t>(count);
}

void Oracle::summed(Millis now_ms) {
  summed_.clear();
  for (const auto& [pool, declared] : model_.pools) {
    for (const auto& [own, backend] : declared.backends) {
      const std::string name = pool + "/" + own;
      if (backend.max_connections != 0) {
        summed_[name] = connections_at_most(name, static_cast<std::uint32_t>(now_ms / 1000));
      }
    }
  }
}

/// A worker adds its own new ones to the last sum, and may not know of others' that have ended since.
void Oracle::count_new(const std::string& backend) {
  if (const auto counted = summed_.find(backend); counted != summed_.end()) {
    ++counted->second;
  }
}

bool Oracle::may_be_full(const std::string& backend, std::uint32_t now_s) const {
  const model::Backend* limits = declared(backend);
  if (limits == nullptr || limits->max_connections == 0) {
    return false;
  }
  const auto counted = summed_.find(backend);
  return counted == summed_.end() ||
         std::max(counted->second, connections_at_most(backend, now_s)) >= limits->max_connections;
}

bool Oracle::scope_may_be_full(const Stream& stream) const {
  const model::Profile* rules = profile(stream);
  if (rules == nullptr || rules->max_records == 0) {
    return false;
  }
  const std::string scope = id_of(stream).first;
  const auto records =
      std::count_if(sessions_.begin(), sessions_.end(), [&](const auto& entry) { return entry.first.first == scope; });
  return static_cast<std::uint64_t>(records) >= rules->max_records;
}

/// One live connection may be too many where a backend's fair share is less.
bool Oracle::may_be_heavy(const Stream& stream, std::uint32_t now_s) const {
  const model::Profile* rules = profile(stream);
  if (rules == nullptr || rules->heavy_key != model::HeavyKey::split) {
    return false;
  }
  const SessionId id = id_of(stream);
  return std::any_of(flows_.begin(), flows_.end(), [&](const auto& entry) {
    const auto& [other, flow] = entry;
    return profile(other) != nullptr && id_of(other) == id &&
           in_time(other, flow, false, std::max({now_s - sweep_s, flow.forward_s, flow.back_s}));
  });
}

void Oracle::note_full_scope(const Stream& stream) {
  if (scope_may_be_full(stream)) {
    full_scopes_.insert(id_of(stream).first);
  }
}

/// By its own state, whatever the others can.
Oracle::Able Oracle::able(const Stream& stream, std::uint32_t now_s) const {
  Able able;
  const std::string& pool = service(stream).pool;
  for (const auto& [own, backend] : model_.pools.at(pool).backends) {
    const std::string name = pool + "/" + own;
    const State state = state_of(name);
    if (state.up && state.admin == model::AdminState::enabled && backend.weight != 0 &&
        reaches(service(stream), backend, stream.client.address.family())) {
      able.may.insert(name);
      if (!may_be_full(name, now_s)) {
        able.surely.insert(name);
      }
    }
  }
  return able;
}

Oracle::Able Oracle::candidates(const Stream& stream, std::uint32_t now_s) const {
  const model::Pool& pool = model_.pools.at(service(stream).pool);
  Able able = this->able(stream, now_s);
  const auto priority = [&](const std::string& name) { return declared(name)->priority; };
  /// The least group with which enough of these are able.
  const auto enough = [&](const Names& names) {
    for (unsigned group = 0; group < 256; ++group) {
      const auto count =
          std::count_if(names.begin(), names.end(), [&](const std::string& name) { return priority(name) <= group; });
      if (static_cast<unsigned>(count) >= pool.min_active) {
        return group;
      }
    }
    return 255u;
  };
  const unsigned least = enough(able.may), most = enough(able.surely);
  std::erase_if(able.may, [&](const std::string& name) { return priority(name) > most; });
  std::erase_if(able.surely, [&](const std::string& name) { return priority(name) > least; });
  return able;
}

}  // namespace limpet::sim
