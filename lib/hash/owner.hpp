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
    return indirection_[rss_hash(client) % indirection_size];
  }

  /// What a NIC with key() computes over this address alone, as source or as destination. The key repeats every
  /// 32 bits, so that a word counts alike in all places: an IPv6 address is the XOR of its four words.
  [[nodiscard]] std::uint32_t rss_hash(const net::IpAddress& client) const noexcept {
    std::uint32_t word = 0;
    if (client.is_v4()) {
      word = client.v4_host();
    } else {
      const std::uint64_t folded = client.high() ^ client.low();
      word = static_cast<std::uint32_t>(folded ^ (folded >> 32));
    }
    std::uint8_t bytes[4];
    store_be<std::uint32_t>(bytes, word);
    return toeplitz_(bytes);
  }

  /// The RSS key to program: 52 bytes; NICs with 40-byte keys take the first 40.
  [[nodiscard]] std::span<const std::uint8_t> key() const noexcept;
  [[nodiscard]] std::span<const std::uint16_t> indirection() const noexcept { return indirection_; }
  [[nodiscard]] unsigned workers() const noexcept { return workers_; }

 private:
  unsigned workers_;
  Toeplitz<4> toeplitz_;
  std::array<std::uint16_t, indirection_size> indirection_{};
};

}  // namespace limpet::hash
