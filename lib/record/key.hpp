// What a record is found by and what it says, as values. Addresses stay readable: a source key gives its prefix back.
#pragma once

#include <cstdint>

#include "base/id.hpp"
#include "hash/keyed.hpp"
#include "net/address.hpp"

namespace limpet::record {

/// In Key::scope: the addresses in the key are IPv4 ones. Keeps them apart from IPv6 ones with the same bits.
inline constexpr std::uint32_t scope_v4 = 1u << 31;
/// In Key::scope: the key is a keyed fingerprint of what does not fit into 128 bits.
inline constexpr std::uint32_t scope_fingerprint = 1u << 30;
/// Scopes proper lie below this; the bits from here on say what kind of key it is.
inline constexpr std::uint32_t scopes_max = 1u << 16;

/// Narrow: 64 bits in `high`, `low` 0. Wide: 128 bits. All fields are part of the identity.
struct Key {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::uint32_t scope = 0;
  bool wide = false;
  friend constexpr bool operator==(const Key&, const Key&) noexcept = default;
};

/// What a record keeps of a backend's slot that its session had to leave while that was down: the low bits.
inline constexpr std::uint16_t home_mask = 0x7ff;
inline constexpr std::uint16_t at_home = 0xffff;
constexpr std::uint16_t home_of(BackendSlot slot) noexcept {
  return static_cast<std::uint16_t>(slot.value() & home_mask);
}

constexpr std::uint32_t scope_of(const Key& key) noexcept {
  return key.scope & (scopes_max - 1);
}
constexpr bool same_scope(const Key& one, const Key& other) noexcept {
  return scope_of(one) == scope_of(other);
}

struct Record {
  BackendSlot backend{};
  std::uint32_t created_s = 0;  // since boot, as used_s; when the record got this backend
  std::uint32_t used_s = 0;
  bool provisional = false;      // the client has not shown its address yet
  std::uint16_t home = at_home;  // home_of() the backend it would return to
  friend constexpr bool operator==(const Record&, const Record&) noexcept = default;
};

/// The key of a client by its prefix: 0..32 bits of an IPv4, 0..128 of an IPv6 address. Wide only for IPv6 prefixes
/// longer than 64. `scope` is below scopes_max.
inline Key source_key(const net::IpAddress& client, unsigned prefix4, unsigned prefix6, std::uint32_t scope) noexcept {
  if (client.is_v4()) {
    const std::uint32_t mask = prefix4 == 0 ? 0 : ~std::uint32_t{0} << (32 - prefix4);
    return {client.v4_host() & mask, 0, scope | scope_v4, false};
  }
  if (prefix6 <= 64) {
    const std::uint64_t mask = prefix6 == 0 ? 0 : ~std::uint64_t{0} << (64 - prefix6);
    return {client.high() & mask, 0, scope, false};
  }
  return {client.high(), client.low() & (~std::uint64_t{0} << (128 - prefix6)), scope, true};
}

/// What source_key() was given, host bits gone; the lengths are those of the key's profile.
inline net::Prefix prefix_of(const Key& key, unsigned prefix4, unsigned prefix6) noexcept {
  if ((key.scope & scope_v4) != 0) {
    return {net::IpAddress::v4(static_cast<std::uint32_t>(key.high)), static_cast<std::uint8_t>(prefix4)};
  }
  std::uint8_t bytes[16];
  store_be<std::uint64_t>(bytes, key.high);
  store_be<std::uint64_t>(bytes + 8, key.low);
  return {net::IpAddress::v6(bytes), static_cast<std::uint8_t>(prefix6)};
}

inline std::uint64_t hash_of(const hash::Key& seed, const Key& key) noexcept {
  const std::uint64_t where = std::uint64_t{key.scope} << 1 | static_cast<std::uint64_t>(key.wide);
  const std::uint64_t high = key.wide ? hash::keyed(seed, key.high, key.low) : key.high;
  return hash::keyed(seed, high, where);
}

}  // namespace limpet::record
