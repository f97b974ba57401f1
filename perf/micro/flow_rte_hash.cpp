// DPDK's rte_hash on the flow table's narrow keys, with its own bulk look-up.
#include <benchmark/benchmark.h>
#include <rte_eal.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>

#include <array>
#include <cstring>

#include "support.hpp"

namespace {

struct Key {
  std::uint32_t client, slot;
  std::uint16_t client_port, direction;
  std::uint32_t zero;
};
static_assert(sizeof(Key) == 16);

Key key_of(std::uint32_t n) {
  return {0x0a000000u + n / 16, 1, static_cast<std::uint16_t>(1024 + n % 16 * 997), 0, 0};
}

bool eal_ready() {
  static const bool ready = [] {
    std::array<std::array<char, 24>, 8> words = {"perf_flow", "--no-huge",      "--no-pci",      "-m",
                                                 "256",       "--no-telemetry", "--log-level=3", "-l0"};
    std::array<char*, 8> arguments{};
    for (std::size_t i = 0; i < words.size(); ++i) {
      arguments[i] = words[i].data();
    }
    return rte_eal_init(static_cast<int>(arguments.size()), arguments.data()) >= 0;
  }();
  return ready;
}

struct Hash {
  explicit Hash(std::uint32_t flows) {
    rte_hash_parameters parameters{};
    parameters.name = "perf_flow";
    parameters.entries = flows * 10 / 8;
    parameters.key_len = sizeof(Key);
    parameters.hash_func = rte_hash_crc;
    table = eal_ready() ? rte_hash_create(&parameters) : nullptr;
    for (std::uint32_t n = 0; table != nullptr && n < flows; ++n) {
      const Key key = key_of(n);
      rte_hash_add_key(table, &key);
    }
  }
  Hash(const Hash&) = delete;
  Hash& operator=(const Hash&) = delete;
  ~Hash() { rte_hash_free(table); }
  rte_hash* table = nullptr;
};

void rte_hash_find_burst(benchmark::State& state) {
  const auto flows = static_cast<std::uint32_t>(state.range(0));
  const Hash hash(flows);
  if (hash.table == nullptr) {
    state.SkipWithError("no rte_hash: EAL did not start or has too little memory");
    return;
  }
  limpet::perf::Bursts bursts(flows);
  std::array<Key, limpet::perf::burst> keys;
  std::array<const void*, limpet::perf::burst> pointers;
  std::array<std::int32_t, limpet::perf::burst> positions;
  for (auto _ : state) {
    const auto numbers = bursts.next();
    for (std::size_t i = 0; i < keys.size(); ++i) {
      keys[i] = key_of(numbers[i]);
      pointers[i] = &keys[i];
    }
    rte_hash_lookup_bulk(hash.table, pointers.data(), limpet::perf::burst, positions.data());
    benchmark::DoNotOptimize(positions);
  }
  state.SetItemsProcessed(state.iterations() * limpet::perf::burst);
}

void rte_hash_erase_and_insert(benchmark::State& state) {
  const auto flows = static_cast<std::uint32_t>(state.range(0));
  const Hash hash(flows);
  if (hash.table == nullptr) {
    state.SkipWithError("no rte_hash: EAL did not start or has too little memory");
    return;
  }
  limpet::perf::Bursts bursts(flows);
  for (auto _ : state) {
    for (const std::uint32_t n : bursts.next()) {
      const Key key = key_of(n);
      rte_hash_del_key(hash.table, &key);
      benchmark::DoNotOptimize(rte_hash_add_key(hash.table, &key));
    }
  }
  state.SetItemsProcessed(state.iterations() * limpet::perf::burst);
}

BENCHMARK(rte_hash_find_burst)->Arg(1000)->Arg(100000)->Arg(1000000);
BENCHMARK(rte_hash_erase_and_insert)->Arg(1000)->Arg(100000)->Arg(1000000);

}  // namespace
