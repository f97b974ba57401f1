// DPDK's hash table in memory of ours, so that both sides have 2 MiB pages: an external heap of an EAL that runs
// without huge pages.
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_log.h>
#include <rte_malloc.h>

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <stdexcept>

#include "cases.hpp"
#include "floor.hpp"
#include "memory.hpp"

namespace limpet::perf {
namespace {

constexpr const char* heap_name = "floor";

void start_eal() {
  std::array<std::string, 9> words = {"pipeline", "--no-huge", "--no-pci",    "-m",     "64",
                                      "--lcores", "0",         "--log-level", "lib.*:4"};
  std::array<char*, words.size()> arguments{};
  for (std::size_t i = 0; i < words.size(); ++i) {
    arguments[i] = words[i].data();
  }
  if (rte_eal_init(static_cast<int>(arguments.size()), arguments.data()) < 0) {
    throw std::runtime_error(fmt::format("EAL: {}", rte_strerror(rte_errno)));
  }
}

/// A heap of DPDK's in memory of ours; its number of socket.
int make_heap(const HugeMemory& memory) {
  const auto bytes = memory.bytes();
  const bool made = rte_malloc_heap_create(heap_name) == 0 &&
                    rte_malloc_heap_memory_add(heap_name, bytes.data(), bytes.size(), nullptr,
                                               static_cast<unsigned>(bytes.size() / HugeMemory::page_bytes),
                                               HugeMemory::page_bytes) == 0;
  if (!made) {
    throw std::runtime_error(fmt::format("external heap: {}", rte_strerror(rte_errno)));
  }
  return rte_malloc_heap_get_socket(heap_name);
}

using Table = std::unique_ptr<rte_hash, decltype([](rte_hash* table) { rte_hash_free(table); })>;

Table make_table(std::uint32_t flows, int socket) {
  rte_hash_parameters parameters{};
  parameters.name = "flows";
  parameters.entries = std::max(flows + flows / 4, 64u);  // a load of 0.8, as in Limpet's table
  parameters.key_len = sizeof(Tuple);
  parameters.hash_func = rte_hash_crc;
  parameters.socket_id = socket;
  Table table(rte_hash_create(&parameters));
  if (table == nullptr) {
    throw std::runtime_error(fmt::format("rte_hash_create: {}", rte_strerror(rte_errno)));
  }
  for (std::uint32_t flow = 0; flow < flows; ++flow) {
    const Tuple tuple = tuple_of(flow);
    if (rte_hash_add_key(table.get(), &tuple) < 0) {
      throw std::runtime_error("rte_hash_add_key: no room");
    }
  }
  return table;
}

void measure_size(const Options& options, Report& report, std::uint32_t flows, int socket) {
  const std::string name = fmt::format("floor rte_hash {}", count_text(flows));
  if (!wanted(options, name)) {
    return;
  }
  const Table table = make_table(flows, socket);
  report.add(figure(name,
                    measure_look_up(options, flows,
                                    [&](const Tuples& tuples) {
                                      std::array<const void*, tuples_at_once> keys;
                                      std::array<std::int32_t, tuples_at_once> positions;
                                      for (unsigned i = 0; i < tuples_at_once; ++i) {
                                        keys[i] = &tuples[i];
                                      }
                                      rte_hash_lookup_bulk(table.get(), keys.data(), tuples_at_once, positions.data());
                                      unsigned found = 0;
                                      for (const std::int32_t position : positions) {
                                        found += position >= 0 ? 1u : 0u;
                                      }
                                      return found;
                                    }),
                    "rte_hash_lookup_bulk alone"));
}

/// What the whole path costs, in look-ups of rte_hash.
void add_ratio(Report& report, std::uint32_t flows) {
  const std::string size = count_text(flows);
  const Figure* path = report.find("v4 nat hit " + size);
  const Figure* look_up = report.find("floor rte_hash " + size);
  if (path != nullptr && look_up != nullptr && look_up->median > 0) {
    Figure ratio = figure(fmt::format("v4 nat hit {} / rte_hash", size), {path->median / look_up->median});
    ratio.unit = "ratio";
    report.add(std::move(ratio));
  }
}

}  // namespace

void measure_rte_hash(const Options& options, Report& report) {
  const std::uint32_t flows_max = options.quick ? 1000 : 10'000'000;
  const HugeMemory memory((std::size_t{flows_max} * 5 / 4) * 96 + (std::size_t{64} << 20));
  start_eal();
  const int socket = make_heap(memory);
  for (const std::uint32_t flows : {1000u, 1'000'000u, 10'000'000u}) {
    if (flows <= flows_max) {
      measure_size(options, report, flows, socket);
      add_ratio(report, flows);
    }
  }
  rte_eal_cleanup();
}

}  // namespace limpet::perf
