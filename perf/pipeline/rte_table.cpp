#include "rte_table.hpp"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_log.h>
#include <rte_malloc.h>
#include <sched.h>

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <stdexcept>

#include "network.hpp"

namespace limpet::perf {
namespace {

/// CPUs that this process may use: the EAL would tie it to the first one otherwise.
std::string own_cpus() {
  cpu_set_t set;
  sched_getaffinity(0, sizeof set, &set);
  std::string text;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) {
      text += fmt::format("{}{}", text.empty() ? "" : ",", cpu);
    }
  }
  return text;
}

/// Nothing of it is shared with other processes, which may run DPDK at the same time.
void start_eal() {
  std::array<std::string, 11> words = {"pipeline",    "--no-huge",      "--no-pci",
                                       "--no-shconf", "--no-telemetry", "-m",
                                       "64",          "--lcores",       fmt::format("0@({})", own_cpus()),
                                       "--log-level", "lib.*:4"};
  std::array<char*, words.size()> arguments{};
  for (std::size_t i = 0; i < words.size(); ++i) {
    arguments[i] = words[i].data();
  }
  if (rte_eal_init(static_cast<int>(arguments.size()), arguments.data()) < 0) {
    throw std::runtime_error(fmt::format("EAL: {}", rte_strerror(rte_errno)));
  }
}

std::uint32_t room_for(std::uint32_t keys) {
  return std::max(keys + keys / 4, 64u);
}

std::size_t bytes_for(std::uint32_t keys, std::uint32_t key_bytes) {
  const std::size_t slots = std::bit_ceil(room_for(keys) + 1);
  const std::size_t key_slot = (key_bytes + sizeof(void*) + 15) / 16 * 16;
  return room_for(keys) * key_slot + slots * (8 + 8) + (std::size_t{16} << 20);  // keys; buckets and free slots
}

/// A heap of DPDK's in memory of ours; its number of socket.
int make_heap(const std::string& name, std::span<std::byte> bytes) {
  if (rte_malloc_heap_create(name.c_str()) != 0 ||
      rte_malloc_heap_memory_add(name.c_str(), bytes.data(), bytes.size(), nullptr,
                                 static_cast<unsigned>(bytes.size() / HugeMemory::page_bytes),
                                 HugeMemory::page_bytes) != 0) {
    throw std::runtime_error(fmt::format("external heap: {}", rte_strerror(rte_errno)));
  }
  return rte_malloc_heap_get_socket(name.c_str());
}

std::string next_name() {
  static unsigned made = 0;
  if (made == 0) {
    start_eal();
  }
  return fmt::format("floor{}", made++);
}

}  // namespace

template <>
Tuple tuple_of(std::uint32_t flow, unsigned generation) noexcept {
  return {0x0a000000u | client_of(flow), 0xc6120000u | service_of(flow, Estate{}.services),
          client_port_of(flow, first_port(generation)), vip_port};
}

template <>
WideTuple tuple_of(std::uint32_t flow, unsigned generation) noexcept {
  WideTuple tuple{{0x20, 0x01, 0x0d, 0xb8, 0x01},
                  {0x20, 0x01, 0x0d, 0xb8, 0, 2},
                  client_port_of(flow, first_port(generation)),
                  vip_port};
  const std::uint32_t client = client_of(flow);
  std::memcpy(tuple.client.data() + 5, &client, 3);
  tuple.client[15] = 1;
  tuple.vip[15] = static_cast<std::uint8_t>(service_of(flow, Estate{}.services));
  return tuple;
}

RteTable::RteTable(std::uint32_t keys, std::uint32_t key_bytes, Readers readers)
    : name_(next_name()), readers_(readers), memory_(bytes_for(keys, key_bytes)) {
  rte_hash_parameters parameters{};
  parameters.name = name_.c_str();
  parameters.entries = room_for(keys);
  parameters.key_len = key_bytes;
  parameters.hash_func = rte_hash_crc;
  parameters.socket_id = make_heap(name_, memory_.bytes());
  parameters.extra_flag = readers == Readers::lock_free ? RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF : 0;
  table_ = rte_hash_create(&parameters);
  if (table_ == nullptr) {
    throw std::runtime_error(fmt::format("rte_hash_create: {}", rte_strerror(rte_errno)));
  }
}

RteTable::~RteTable() {
  rte_hash_free(table_);
  rte_malloc_heap_memory_remove(name_.c_str(), memory_.bytes().data(), memory_.bytes().size());
  rte_malloc_heap_destroy(name_.c_str());
}

unsigned RteTable::find(std::span<const void* const> keys) const noexcept {
  std::array<std::int32_t, look_ups_at_once> positions;
  rte_hash_lookup_bulk(table_, const_cast<const void**>(keys.data()), static_cast<std::uint32_t>(keys.size()),
                       positions.data());
  unsigned found = 0;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    found += positions[i] >= 0 ? 1u : 0u;
  }
  return found;
}

bool RteTable::add(const void* key) noexcept {
  return rte_hash_add_key(table_, key) >= 0;
}

bool RteTable::erase(const void* key) noexcept {
  const std::int32_t position = rte_hash_del_key(table_, key);
  // With lock-free readers a place is not free before the caller says that nobody reads it any more.
  return position >= 0 && (readers_ == Readers::one || rte_hash_free_key_with_position(table_, position) == 0);
}

}  // namespace limpet::perf
