// Which worker owns a client: the one pure function that NIC set-up, software steering, replay and recovery
// share. Toeplitz over the client's address, then an indirection table, exactly as a NIC does it, so that RSS
// can bring packets to their owner by itself. No ports in it: fragments and ICMP follow. Const after start.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "hash/toeplitz.hpp"
#include "net/address.hpp"

namespace limpet::hash {

/// Bytes of a NIC's RSS key; NICs with 40 take the first 40.
using RssKey = std::array<std::uint8_t, 52>;

/// The client's address, of the two that a NIC hashes.
struct LoneAddress {
  bool source = true;
  bool v4 = true;  // of IPv4 packets, else of IPv6 packets
};
/// A key for NICs that can't hash one address alone: under it Owner::bucket() of that address is what a hash of both
/// has in its low 7 bits, as the key is 0 where it counts for the other one. One key can't do that for both families.
/// The one for IPv4 spreads IPv6 by most of the same address.
[[nodiscard]] RssKey lone_key(LoneAddress which) noexcept;

class Owner {
 public:
  /// 1 .. 65535 workers; more than indirection_size leaves the rest without clients.
  explicit Owner(unsigned workers);

  static constexpr std::size_t indirection_size = 128;

  /// 0 .. workers() - 1.
  [[nodiscard]] unsigned owner(const net::IpAddress& client) const noexcept {
    if (workers_ == 1) {
      return 0;
    }
    return indirection_[bucket(client)];
  }
  /// The indirection table's entry for a client: the same whatever the number of workers.
  [[nodiscard]] std::size_t bucket(const net::IpAddress& client) const noexcept {
    return rss_hash(client) % indirection_size;
  }

  /// The worker that a backend's answer to a local address of ours belongs to (full NAT): addresses and ports hashed,
  /// so that the port can be chosen for the worker.
  [[nodiscard]] unsigned owner_of_answer(const net::Endpoint& backend, const net::Endpoint& local) const noexcept {
    if (workers_ == 1) {
      return 0;
    }
    return indirection_[bucket_of_answer(backend, local)];
  }
  /// Its entry: what a NIC with key() that hashes addresses and ports computes over the answer.
  [[nodiscard]] std::size_t bucket_of_answer(const net::Endpoint& backend, const net::Endpoint& local) const noexcept {
    return hash_of_word(answer_word(backend, local)) % indirection_size;
  }

  /// Ports come in blocks of as many as the table has entries; in each block one port leads to each entry.
  static constexpr unsigned port_blocks = 65536 / indirection_size;
  /// The local port of a block (0 .. port_blocks - 1) for which bucket_of_answer() is `bucket`.
  [[nodiscard]] std::uint16_t local_port(const net::Endpoint& backend, const net::IpAddress& local, unsigned block,
                                         std::size_t bucket) const noexcept {
    const auto first = static_cast<std::uint16_t>(block * indirection_size);
    return static_cast<std::uint16_t>(first | low_bits_[bucket ^ bucket_of_answer(backend, {local, first})]);
  }
  /// One of the entries that lead to a worker, which has some; `draw`: any number.
  [[nodiscard]] std::size_t bucket_of_worker(unsigned worker, std::uint64_t draw) const noexcept {
    return places_[worker + workers_ * (draw % buckets_of_worker(worker))];
  }
  [[nodiscard]] std::size_t buckets_of_worker(unsigned worker) const noexcept {
    return worker < indirection_size ? (indirection_size - worker + workers_ - 1) / workers_ : 0;
  }

  /// What a NIC with key() computes over this address alone, as source or as destination. The key repeats every
  /// 32 bits, so that a word counts alike in all places: an IPv6 address is the XOR of its four words.
  [[nodiscard]] std::uint32_t rss_hash(const net::IpAddress& client) const noexcept {
    return hash_of_word(word_of(client));
  }

  /// The RSS key for NICs that can hash one address alone, and for answers of full NAT.
  [[nodiscard]] std::span<const std::uint8_t> key() const noexcept;
  [[nodiscard]] std::span<const std::uint16_t> indirection() const noexcept { return indirection_; }
  [[nodiscard]] unsigned workers() const noexcept { return workers_; }

 private:
  static std::uint32_t word_of(const net::IpAddress& address) noexcept {
    if (address.is_v4()) {
      return address.v4_host();
    }
    const std::uint64_t folded = address.high() ^ address.low();
    return static_cast<std::uint32_t>(folded ^ (folded >> 32));
  }
  static std::uint32_t answer_word(const net::Endpoint& backend, const net::Endpoint& local) noexcept {
    return word_of(backend.address) ^ word_of(local.address) ^
           (std::uint32_t{backend.l4_port} << 16 | local.l4_port);  // in the order in which an answer has them
  }
  [[nodiscard]] std::uint32_t hash_of_word(std::uint32_t word) const noexcept {
    std::uint8_t bytes[4];
    store_be<std::uint32_t>(bytes, word);
    return toeplitz_(bytes);
  }

  unsigned workers_;
  Toeplitz<4> toeplitz_;
  std::array<std::uint8_t, indirection_size>
      low_bits_{};                                       // of a word, for each entry that they may change the hash's to
  std::array<std::uint8_t, indirection_size> places_{};  // entries in the order in which workers are dealt to them
  std::array<std::uint16_t, indirection_size> indirection_{};
};

}  // namespace limpet::hash
