#include "path/records.hpp"

#include "path/claims.hpp"
#include "path/decide.hpp"

namespace limpet::path {

/// What its key was is no longer known of a connection that was chosen for by what its client said.
std::uint32_t Records::place_of_spliced(const plan::Listener& listener, const Connection& c) const noexcept {
  const splice::Entry* const entry = state_.spliced.find(spliced_key(listener, c));
  return entry == nullptr ? record::Table::nowhere : state_.spliced.record_of(*entry);
}

void Records::refresh(const plan::Listener& listener, const Connection& c) noexcept {
  if (plan_.service_of(listener).reads_content) {
    return state_.node.records.touch_at(place_of_spliced(listener, c), now_s_);
  }
  const plan::Found found = find_key(listener, c);
  if (found.persist != nullptr) {
    record::Table& records = state_.node.records;
    records.touch(found.key, records.hash(found.key), now_s_);
  }
}

bool Records::confirm(const plan::Listener& listener, const Connection& c, BackendSlot backend) noexcept {
  if (plan_.service_of(listener).reads_content) {
    return place_of_spliced(listener, c) != record::Table::nowhere;
  }
  const plan::Found found = find_key(listener, c);
  if (found.persist == nullptr) {
    return false;
  }
  record::Table& records = state_.node.records;
  const std::uint64_t hash = records.hash(found.key);
  const auto record = records.find(found.key, hash);
  if (record && !record->provisional) {
    return true;
  }
  const record::Room room = found.persist->room();
  const record::Claim claim = record ? records.confirm(found.key, hash, now_s_, room)
                                     : records.claim(found.key, hash, backend, now_s_, record::Share::live, room);
  count_claim(state_.counters, claim);
  return claim.outcome != record::Outcome::full;
}

bool Records::is_bound_elsewhere(const plan::Listener& listener, const Connection& c,
                                 std::uint32_t peer) const noexcept {
  const plan::Service& service = plan_.service_of(listener);
  const plan::Found found = find_key(listener, c);
  if (found.persist == nullptr || found.persist->heavy_key == model::HeavyKey::split) {
    return false;  // a split key's flows stay where they are
  }
  const record::Table& records = state_.node.records;
  const auto record = records.find(found.key, records.hash(found.key));
  if (!record) {
    return false;
  }
  const auto* bound = bound_backend(plan_, plan_.pool_of(service), record->backend, found.persist);
  return bound != nullptr ? bound->slot.value() != peer : plan_.backend(record->backend) == nullptr;
}

void Records::count_live(const plan::Listener& listener, const Connection& c, bool begins) noexcept {
  const plan::Service& service = plan_.service_of(listener);
  if (!service.splits) {
    return;
  }
  const plan::Found found = find_key(listener, c);
  if (found.persist != nullptr) {
    const std::uint64_t hash = state_.node.records.hash(found.key);
    begins ? state_.key_loads.add(hash) : state_.key_loads.remove(hash);
  }
}

}  // namespace limpet::path
