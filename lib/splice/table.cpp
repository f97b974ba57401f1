#include "splice/table.hpp"

#include <sys/mman.h>

#include <algorithm>

#include "base/assert.hpp"

namespace limpet::splice {

void Table::Unmap::operator()(Bucket* buckets) const noexcept {
  munmap(buckets, size_bytes);
}

Table::Table(std::uint64_t connections_max, const hash::Key& seed)
    : buckets_count_(std::max<std::uint64_t>(connections_max / 2, 16)),
      buckets_(nullptr, Unmap{buckets_count_ * sizeof(Bucket)}),
      seed_(seed) {
  const std::size_t size_bytes = buckets_count_ * sizeof(Bucket);
  void* const memory = mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  LIMPET_ASSERT(memory != MAP_FAILED);
  buckets_.reset(static_cast<Bucket*>(memory));  // all zeros: empty entries
}

std::array<Table::Bucket*, 2> Table::buckets_of(const ConnectionKey& key) const noexcept {
  const std::uint64_t ports = std::uint64_t{key.client_port} << 16 | key.listener;
  const std::uint64_t hash = hash::keyed(seed_, key.client.high() ^ ports << 32, key.client.low());
  const auto bucket = [&](std::uint64_t half) { return &buckets_[(half * buckets_count_) >> 32]; };
  return {bucket(hash >> 32), bucket(hash & 0xffffffff)};
}

Entry* Table::find(const ConnectionKey& key) noexcept {
  if (used_ == 0) {
    return nullptr;
  }
  for (Bucket* const bucket : buckets_of(key)) {
    for (Entry& entry : *bucket) {
      if (entry.holds(key)) {
        return &entry;
      }
    }
  }
  return nullptr;
}

Entry* Table::insert(const ConnectionKey& key) noexcept {
  const auto is_free = [](const Entry& entry) { return entry.phase == Phase::none; };
  const auto buckets = buckets_of(key);
  const auto room = [&](const Bucket* bucket) { return std::count_if(bucket->begin(), bucket->end(), is_free); };
  Bucket& bucket = *buckets[room(buckets[1]) > room(buckets[0]) ? 1 : 0];
  const auto free = std::find_if(bucket.begin(), bucket.end(), is_free);
  if (free == bucket.end()) {
    return nullptr;
  }
  *free = {.client = key.client, .client_port = key.client_port, .listener = key.listener, .phase = Phase::open};
  ++used_;
  return &*free;
}

}  // namespace limpet::splice
