// The flow table beside std::unordered_map: finding known flows in bursts, and making and ending flows.
#include "flow/table.hpp"

#include <benchmark/benchmark.h>

#include <array>
#include <unordered_map>

#include "support.hpp"

namespace limpet::flow {
namespace {

constexpr hash::Key seed = {0x0123456789abcdefULL, 0xfedcba9876543210ULL};
constexpr Value value = {1, State::established, 0, {}};

template <class Key>
Key key_of(std::uint32_t n);
template <>
NarrowKey key_of(std::uint32_t n) {
  return {0x0a000000u + n / 16, static_cast<std::uint16_t>(1024 + n % 16 * 997), 1, Direction::forward};
}
template <>
WideKey key_of(std::uint32_t n) {
  std::uint8_t bytes[16] = {0x20, 0x01, 0x0d, 0xb8};
  store_be<std::uint32_t>(bytes + 4, n / 16);
  bytes[15] = 1;
  const auto vip = net::IpAddress::v4(0xc0000201);
  return {net::IpAddress::v6(bytes), vip, static_cast<std::uint16_t>(1024 + n % 16 * 997), 0, 1, Direction::forward};
}

template <class Key>
struct Filled {
  explicit Filled(std::uint32_t flows)
      : sizes{flows * 10ULL / 8, flows * 10ULL / 8},
        pages(Table::bytes_needed(sizes)),
        table(Table::create(pages.span(), sizes, seed).value()) {
    for (std::uint32_t n = 0; n < flows; ++n) {
      const Key key = key_of<Key>(n);
      table.insert(key, table.hash(key), value);
    }
  }
  Sizes sizes;
  perf::Pages pages;
  Table table;
};

template <class Key>
void find_burst(benchmark::State& state) {
  const auto flows = static_cast<std::uint32_t>(state.range(0));
  Filled<Key> filled(flows);
  perf::Bursts bursts(flows);
  std::array<Key, perf::burst> keys;
  std::array<std::uint64_t, perf::burst> hashes;
  for (auto _ : state) {
    const auto numbers = bursts.next();
    for (std::size_t i = 0; i < perf::burst; ++i) {
      keys[i] = key_of<Key>(numbers[i]);
      hashes[i] = filled.table.hash(keys[i]);
      filled.table.prefetch(keys[i], hashes[i]);
    }
    for (std::size_t i = 0; i < perf::burst; ++i) {
      benchmark::DoNotOptimize(filled.table.find(keys[i], hashes[i]));
    }
  }
  state.SetItemsProcessed(state.iterations() * perf::burst);
}

template <class Key>
void find_one(benchmark::State& state) {
  const auto flows = static_cast<std::uint32_t>(state.range(0));
  Filled<Key> filled(flows);
  perf::Bursts bursts(flows);
  for (auto _ : state) {
    for (const std::uint32_t n : bursts.next()) {
      const Key key = key_of<Key>(n);
      benchmark::DoNotOptimize(filled.table.find(key, filled.table.hash(key)));
    }
  }
  state.SetItemsProcessed(state.iterations() * perf::burst);
}

template <class Key>
void erase_and_insert(benchmark::State& state) {
  const auto flows = static_cast<std::uint32_t>(state.range(0));
  Filled<Key> filled(flows);
  perf::Bursts bursts(flows);
  for (auto _ : state) {
    for (const std::uint32_t n : bursts.next()) {
      const Key key = key_of<Key>(n);
      const std::uint64_t hash = filled.table.hash(key);
      filled.table.erase(key, hash);
      benchmark::DoNotOptimize(filled.table.insert(key, hash, value));
    }
  }
  state.SetItemsProcessed(state.iterations() * perf::burst);
}

template <class Key>
struct Hasher {
  std::size_t operator()(const Key& key) const noexcept { return hash_of(seed, key); }
};
template <class Key>
using Map = std::unordered_map<Key, Value, Hasher<Key>>;

template <class Key>
Map<Key> filled_map(std::uint32_t flows) {
  Map<Key> map(flows);
  for (std::uint32_t n = 0; n < flows; ++n) {
    map.emplace(key_of<Key>(n), value);
  }
  return map;
}

template <class Key>
void unordered_map_find(benchmark::State& state) {
  const auto flows = static_cast<std::uint32_t>(state.range(0));
  const Map<Key> map = filled_map<Key>(flows);
  perf::Bursts bursts(flows);
  for (auto _ : state) {
    for (const std::uint32_t n : bursts.next()) {
      benchmark::DoNotOptimize(map.find(key_of<Key>(n)));
    }
  }
  state.SetItemsProcessed(state.iterations() * perf::burst);
}

template <class Key>
void unordered_map_erase_and_insert(benchmark::State& state) {
  const auto flows = static_cast<std::uint32_t>(state.range(0));
  Map<Key> map = filled_map<Key>(flows);
  perf::Bursts bursts(flows);
  for (auto _ : state) {
    for (const std::uint32_t n : bursts.next()) {
      const Key key = key_of<Key>(n);
      map.erase(key);
      map.emplace(key, value);
    }
  }
  state.SetItemsProcessed(state.iterations() * perf::burst);
}

void sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->Arg(1000)->Arg(100000)->Arg(1000000);
}

BENCHMARK(find_burst<NarrowKey>)->Apply(sizes);
BENCHMARK(find_one<NarrowKey>)->Apply(sizes);
BENCHMARK(unordered_map_find<NarrowKey>)->Apply(sizes);
BENCHMARK(find_burst<WideKey>)->Apply(sizes);
BENCHMARK(unordered_map_find<WideKey>)->Apply(sizes);
BENCHMARK(erase_and_insert<NarrowKey>)->Apply(sizes);
BENCHMARK(unordered_map_erase_and_insert<NarrowKey>)->Apply(sizes);

}  // namespace
}  // namespace limpet::flow
