// Keyed hashes, the owner of a client and rendezvous choice, each beside the usual way.
#include <benchmark/benchmark.h>

#include <array>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "hash/keyed.hpp"
#include "hash/owner.hpp"
#include "hash/rendezvous.hpp"

namespace limpet::hash {
namespace {

constexpr Key seed = {0x0123456789abcdefULL, 0xfedcba9876543210ULL};

void keyed_words(benchmark::State& state) {
  std::uint64_t x = 1;
  for (auto _ : state) {
    x = keyed(seed, x, 7);  // each waits for the one before: latency
  }
  benchmark::DoNotOptimize(x);
}

void keyed_text(benchmark::State& state) {
  const std::string text(static_cast<std::size_t>(state.range(0)), 'x');
  for (auto _ : state) {
    benchmark::DoNotOptimize(keyed(seed, text));
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void std_hash_text(benchmark::State& state) {
  const std::string text(static_cast<std::size_t>(state.range(0)), 'x');
  for (auto _ : state) {
    benchmark::DoNotOptimize(std::hash<std::string>{}(text));
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void owner_table(benchmark::State& state) {
  const Owner owner(4);
  std::uint32_t n = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(owner.owner(net::IpAddress::v4(++n)));
  }
}

void owner_bitwise(benchmark::State& state) {
  const Owner owner(4);
  std::uint32_t n = 0;
  for (auto _ : state) {
    std::array<std::uint8_t, 4> bytes{};
    store_be<std::uint32_t>(bytes.data(), ++n);
    benchmark::DoNotOptimize(toeplitz_bitwise(owner.key(), bytes));
  }
}

std::vector<std::uint64_t> names(std::int64_t count) {
  std::vector<std::uint64_t> result;
  for (std::int64_t i = 0; i < count; ++i) {
    result.push_back(keyed({}, "backend" + std::to_string(i)));
  }
  return result;
}

void rendezvous_choice(benchmark::State& state) {
  const auto backends = names(state.range(0));
  std::uint64_t key = 0;
  for (auto _ : state) {
    const std::uint64_t session = session_hash(seed, ++key, 0);
    std::size_t best = 0;
    Score lowest;
    for (std::size_t i = 0; i < backends.size(); ++i) {
      if (const Score cost = score(candidate_hash(seed, backends[i], session), 10); cost < lowest) {
        lowest = cost;
        best = i;
      }
    }
    benchmark::DoNotOptimize(best);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void rendezvous_floating_point(benchmark::State& state) {
  const auto backends = names(state.range(0));
  std::uint64_t key = 0;
  for (auto _ : state) {
    const std::uint64_t session = session_hash(seed, ++key, 0);
    std::size_t best = 0;
    double lowest = HUGE_VAL;
    for (std::size_t i = 0; i < backends.size(); ++i) {
      const auto uniform = (static_cast<double>(candidate_hash(seed, backends[i], session) >> 11) + 0.5) * 0x1p-53;
      if (const double cost = -std::log2(uniform) / 10; cost < lowest) {
        lowest = cost;
        best = i;
      }
    }
    benchmark::DoNotOptimize(best);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

BENCHMARK(keyed_words);
BENCHMARK(keyed_text)->Arg(8)->Arg(40)->Arg(400);
BENCHMARK(std_hash_text)->Arg(8)->Arg(40)->Arg(400);
BENCHMARK(owner_table);
BENCHMARK(owner_bitwise);
BENCHMARK(rendezvous_choice)->Arg(3)->Arg(100);
BENCHMARK(rendezvous_floating_point)->Arg(3)->Arg(100);

}  // namespace
}  // namespace limpet::hash
