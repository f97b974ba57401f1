// The record table beside std::unordered_map under a shared lock, the standard way for threads to share one.
#include "record/table.hpp"

#include <benchmark/benchmark.h>

#include <mutex>
#include <optional>
#include <shared_mutex>
#include <unordered_map>

#include "support.hpp"

namespace limpet::record {
namespace {

constexpr hash::Key seed = {0x0123456789abcdefULL, 0xfedcba9876543210ULL};

Key key_of(std::uint32_t n) {
  return source_key(net::IpAddress::v4(0x0a000000u + n), 32, 64, 1);
}

struct Filled {
  explicit Filled(std::uint32_t records)
      : sizes{records, 0}, pages(Table::bytes_needed(sizes)), table(Table::create(pages.span(), sizes, seed).value()) {
    for (std::uint32_t n = 0; n < records; ++n) {
      table.claim(key_of(n), table.hash(key_of(n)), BackendSlot(1), 1, Share::live);
    }
  }
  Sizes sizes;
  perf::Pages pages;
  Table table;
};

void find_burst(benchmark::State& state) {
  const auto records = static_cast<std::uint32_t>(state.range(0));
  const Filled filled(records);
  perf::Bursts bursts(records);
  for (auto _ : state) {
    const auto numbers = bursts.next();
    for (const std::uint32_t n : numbers) {
      const Key key = key_of(n);
      filled.table.prefetch(key, filled.table.hash(key));
    }
    for (const std::uint32_t n : numbers) {
      const Key key = key_of(n);
      benchmark::DoNotOptimize(filled.table.find(key, filled.table.hash(key)));
    }
  }
  state.SetItemsProcessed(state.iterations() * perf::burst);
}

void claim_confirm_erase(benchmark::State& state) {
  const auto records = static_cast<std::uint32_t>(state.range(0));
  Filled filled(records);
  std::uint32_t n = records;
  for (auto _ : state) {
    const Key key = key_of(++n);
    const std::uint64_t hash = filled.table.hash(key);
    benchmark::DoNotOptimize(filled.table.claim(key, hash, BackendSlot(2), 1, Share::provisional));
    filled.table.confirm(key, hash, 1);
    filled.table.erase(key, hash);
  }
  state.SetItemsProcessed(state.iterations());
}

struct Hasher {
  std::size_t operator()(const Key& key) const noexcept { return hash_of(seed, key); }
};

struct LockedMap {
  explicit LockedMap(std::uint32_t records) {
    map.reserve(records);
    for (std::uint32_t n = 0; n < records; ++n) {
      map.emplace(key_of(n), Record{BackendSlot(1), 1, 1, false});
    }
  }
  std::optional<Record> find(const Key& key) const {
    const std::shared_lock lock(mutex);
    const auto at = map.find(key);
    return at == map.end() ? std::nullopt : std::optional(at->second);
  }
  std::unordered_map<Key, Record, Hasher> map;
  mutable std::shared_mutex mutex;
};

void locked_map_find(benchmark::State& state) {
  const auto records = static_cast<std::uint32_t>(state.range(0));
  const LockedMap map(records);
  perf::Bursts bursts(records);
  for (auto _ : state) {
    for (const std::uint32_t n : bursts.next()) {
      benchmark::DoNotOptimize(map.find(key_of(n)));
    }
  }
  state.SetItemsProcessed(state.iterations() * perf::burst);
}

void locked_map_insert_and_erase(benchmark::State& state) {
  const auto records = static_cast<std::uint32_t>(state.range(0));
  LockedMap map(records);
  std::uint32_t n = records;
  for (auto _ : state) {
    const Key key = key_of(++n);
    {
      const std::unique_lock lock(map.mutex);
      map.map.emplace(key, Record{BackendSlot(2), 1, 1, true});
    }
    const std::unique_lock lock(map.mutex);
    map.map.erase(key);
  }
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK(find_burst)->Arg(1000)->Arg(100000)->Arg(1000000);
BENCHMARK(locked_map_find)->Arg(1000)->Arg(100000)->Arg(1000000);
BENCHMARK(claim_confirm_erase)->Arg(100000)->Arg(1000000);
BENCHMARK(locked_map_insert_and_erase)->Arg(100000)->Arg(1000000);

}  // namespace
}  // namespace limpet::record
