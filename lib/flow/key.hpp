// What identifies a flow and what is kept about it, as values. Direction::forward runs from client to backend and
// is keyed by the listener's slot; Direction::back runs from backend to client and is keyed by the endpoint's.
// A NAT flow has an entry for each direction, a flow whose replies pass by only the forward one.
#pragma once

#include <cstdint>

#include "base/time.hpp"
#include "hash/keyed.hpp"
#include "net/address.hpp"

namespace limpet::flow {

enum class Direction : std::uint8_t { forward, back };
/// At most 7 states: an entry keeps state + 1 in 3 bits, 0 being an empty entry.
enum class State : std::uint8_t { embryonic, established, closing, udp };
inline constexpr unsigned state_count = 4;

namespace flag {
inline constexpr std::uint8_t client_fin = 1;  // FIN seen from the client
inline constexpr std::uint8_t server_fin = 2;  // FIN seen from the backend
inline constexpr std::uint8_t answered = 4;    // the backend has answered
inline constexpr std::uint8_t recorded = 8;    // a record stands behind the flow
inline constexpr std::uint8_t counted = 16;    // counted as a session of its backend
inline constexpr std::uint8_t limited = 32;    // forward: counted as a connection of its source
inline constexpr std::uint8_t local = 64;      // full NAT: a local address of ours stands for the client
inline constexpr std::uint8_t rests = 128;     // back: its flow is over, its local port not yet to be used again
// Of one direction alone, on bits that have a meaning for the other one:
inline constexpr std::uint8_t owes = rests;      // forward: its backend is yet to be told of the client
inline constexpr std::uint8_t owed = limited;    // back: the same
inline constexpr std::uint8_t opened = counted;  // back, while owed: the backend has answered the SYN
}  // namespace flag

/// IPv4 flows of a listener with one address and one port. 69 bits.
struct NarrowKey {
  std::uint32_t client = 0;  // IPv4, host order
  std::uint16_t client_port = 0;
  std::uint32_t slot = 0;  // forward: listener (16 bits); back: endpoint (20 bits)
  Direction direction = Direction::forward;
  friend constexpr bool operator==(const NarrowKey&, const NarrowKey&) noexcept = default;
};

/// All other flows. Full NAT: `client` of a back key is the local address, `client_port` the local port, and the VIP of
/// a forward key is none, as its listener has only one.
struct WideKey {
  net::IpAddress client{};
  net::IpAddress vip{};  // forward: part of the key. back: not looked at, see Carried
  std::uint16_t client_port = 0;
  std::uint16_t server_port = 0;  // of any-port listeners and endpoints; 0 elsewhere
  std::uint32_t slot = 0;         // forward: listener (16 bits); back: endpoint (20 bits)
  Direction direction = Direction::forward;
  friend constexpr bool operator==(const WideKey& one, const WideKey& other) noexcept {
    return one.client == other.client && one.client_port == other.client_port && one.server_port == other.server_port &&
           one.slot == other.slot && one.direction == other.direction &&
           (one.direction == Direction::back || one.vip == other.vip);
  }
};

/// The way back of an IPv4 flow whose entry is wide: it would be taken for a narrow one of the same port.
constexpr bool is_wide_v4_way_back(const NarrowKey&) noexcept {
  return false;
}
inline bool is_wide_v4_way_back(const WideKey& key) noexcept {
  return key.direction == Direction::back && key.client.is_v4();
}

struct Value {
  std::uint32_t peer = 0;  // forward: backend slot (20 bits); back: listener slot (16 bits)
  State state = State::embryonic;
  std::uint8_t flags = 0;
  Tick16 used{};
  friend constexpr bool operator==(const Value&, const Value&) noexcept = default;
};

/// What only wide entries have room for. `back`: the VIP to write as source and the client's own port where it was
/// rewritten. `forward`: the rewritten client port (0: none); its vip is the key's. Full NAT: `vip` is the client's
/// address (back) or the local address (forward), `translated_port` the client's or the local port; `vip_port` of a
/// forward entry is the low half of a TCP sequence number, of the client's first byte, where its backend is told of it.
struct Carried {
  net::IpAddress vip{};
  std::uint16_t vip_port = 0;
  std::uint16_t translated_port = 0;
  friend constexpr bool operator==(const Carried&, const Carried&) noexcept = default;
};

inline std::uint64_t hash_of(const hash::Key& seed, const NarrowKey& key) noexcept {
  const std::uint64_t where = std::uint64_t{key.slot} << 1 | static_cast<std::uint64_t>(key.direction);
  return hash::keyed(seed, std::uint64_t{key.client} << 16 | key.client_port, where);
}

inline std::uint64_t hash_of(const hash::Key& seed, const WideKey& key) noexcept {
  const std::uint64_t where = std::uint64_t{key.slot} << 1 | static_cast<std::uint64_t>(key.direction);
  const std::uint64_t ports = std::uint64_t{key.client_port} << 16 | key.server_port;
  std::uint64_t addresses = hash::keyed(seed, key.client.high(), key.client.low());
  if (key.direction == Direction::forward) {
    addresses = hash::keyed(seed, key.vip.high() ^ addresses, key.vip.low());
  }
  return hash::keyed(seed, addresses, ports << 32 | where);
}

}  // namespace limpet::flow
