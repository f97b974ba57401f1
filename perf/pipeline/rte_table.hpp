// DPDK's hash table as a floor, in memory of ours, so that both sides have 2 MiB pages.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "memory.hpp"
#include "net/address.hpp"

struct rte_hash;

namespace limpet::perf {

inline constexpr unsigned look_ups_at_once = 32;

/// A 5-tuple as a key of 16 bytes without holes.
struct Tuple {
  std::uint32_t client = 0;
  std::uint32_t vip = 0;
  std::uint16_t client_port = 0;
  std::uint16_t vip_port = 0;
  std::uint32_t protocol = 6;
};
static_assert(sizeof(Tuple) == 16);

/// The same of IPv6, of 40 bytes.
struct WideTuple {
  std::array<std::uint8_t, 16> client{};
  std::array<std::uint8_t, 16> vip{};
  std::uint16_t client_port = 0;
  std::uint16_t vip_port = 0;
  std::uint32_t protocol = 6;
};
static_assert(sizeof(WideTuple) == 40);

/// As Limpet names flow number `flow` to others.
template <class Key>
[[nodiscard]] Key tuple_of(std::uint32_t flow, unsigned generation = 0) noexcept;
template <>
Tuple tuple_of(std::uint32_t flow, unsigned generation) noexcept;
template <>
WideTuple tuple_of(std::uint32_t flow, unsigned generation) noexcept;

enum class Readers : std::uint8_t { one, lock_free };

class RteTable {
 public:
  /// Room for `keys` at a load of at most 0.8, rte_hash_crc. Starts an EAL, once a process, without huge pages or
  /// devices. Throws std::runtime_error.
  RteTable(std::uint32_t keys, std::uint32_t key_bytes, Readers readers);
  RteTable(const RteTable&) = delete;
  RteTable& operator=(const RteTable&) = delete;
  ~RteTable();

  /// How many of the keys, 32 at most, are there.
  [[nodiscard]] unsigned find(std::span<const void* const> keys) const noexcept;
  bool add(const void* key) noexcept;
  bool erase(const void* key) noexcept;

 private:
  std::string name_;
  Readers readers_;
  HugeMemory memory_;
  rte_hash* table_ = nullptr;
};

}  // namespace limpet::perf
