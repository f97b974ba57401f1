// What the simulator's parts tell each other: connections as clients know them, and packets of theirs.
#pragma once

#include <compare>
#include <cstdint>
#include <iterator>
#include <random>
#include <string>

#include "net/address.hpp"
#include "net/parsed.hpp"

namespace limpet::sim {

using Random = std::mt19937_64;

/// 0 .. n - 1.
inline unsigned below(Random& random, std::size_t n) {
  return static_cast<unsigned>(random() % n);
}
/// True once in n times.
inline bool once_in(Random& random, unsigned n) {
  return random() % n == 0;
}
template <class List>
const auto& one_of(Random& random, const List& list) {
  return *std::next(std::begin(list), below(random, std::size(list)));
}

/// One connection, or one UDP exchange, by its addresses.
struct Stream {
  std::string service;
  net::Endpoint client;
  net::Endpoint vip;
  auto operator<=>(const Stream&) const = default;
};

enum class Side : std::uint8_t { client, backend };

struct Packet {
  Stream stream;
  Side from = Side::client;
  std::uint8_t tcp_flags = 0;  // 0 for UDP
  [[nodiscard]] bool opens() const {
    return (tcp_flags & (net::tcp_flag::syn | net::tcp_flag::ack)) == net::tcp_flag::syn;
  }
  [[nodiscard]] bool resets() const { return (tcp_flags & net::tcp_flag::rst) != 0; }
  [[nodiscard]] bool ends() const { return (tcp_flags & (net::tcp_flag::fin | net::tcp_flag::rst)) != 0; }
};

}  // namespace limpet::sim
