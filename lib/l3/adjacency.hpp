// Neighbours' MAC addresses as workers read them: (interface, IP address) -> MAC and state.
// One writer (control), any number of readers (workers), no locks, no allocation after construction. A reader costs
// one hash and, normally, one cache line. An entry's MAC and state are one 8-byte word; its key is guarded by a
// sequence number, so that a reader never pairs one neighbour's key with another's MAC when a slot is reused.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/id.hpp"
#include "net/address.hpp"

namespace limpet::l3 {

enum class AdjacencyState : std::uint8_t {
  none,        // never asked for, or forgotten: tell control (Want)
  incomplete,  // asked for, no answer yet: hold the packet
  reachable,   // `mac` is good
  failed,      // did not answer: drop
};

struct Adjacency {
  AdjacencyState state = AdjacencyState::none;
  net::Mac mac;  // where reachable
  friend bool operator==(const Adjacency&, const Adjacency&) = default;
};

class AdjacencyTable {
 public:
  /// Room for `capacity` entries. `seed` keeps outsiders from choosing addresses that collide.
  explicit AdjacencyTable(std::uint32_t capacity, std::uint64_t seed = 0);

  /// What is known of a neighbour. Any thread. Marks the entry as used (see take_used).
  [[nodiscard]] Adjacency find(InterfaceIndex interface, const net::IpAddress& address) const noexcept;

  /// Adds or changes an entry; `state` is not none. False when the table is full. Writer only.
  bool set(InterfaceIndex interface, const net::IpAddress& address, AdjacencyState state, const net::Mac& mac) noexcept;
  /// Forgets an entry, if there. Writer only.
  void remove(InterfaceIndex interface, const net::IpAddress& address) noexcept;
  /// Whether a reader found the entry since the last call. Writer only.
  bool take_used(InterfaceIndex interface, const net::IpAddress& address) noexcept;

  /// Another number after each change that a reader could see. Any thread.
  [[nodiscard]] std::uint32_t version() const noexcept { return version_.load(std::memory_order_acquire); }

  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }  // writer only
  [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }

 private:
  // writer: control; readers: workers (who also set `used`)
  struct alignas(32) Entry {
    std::atomic<std::uint32_t> sequence{0};  // odd while the key is being written
    std::atomic<std::uint16_t> interface { 0 };
    std::atomic<bool> used{false};
    std::atomic<std::uint64_t> high{0};
    std::atomic<std::uint64_t> low{0};
    std::atomic<std::uint64_t> value{0};  // MAC in the low 48 bits, state above; 0: never used, ends a search
  };
  static_assert(sizeof(Entry) == 32);

  [[nodiscard]] std::size_t first_slot(InterfaceIndex interface, const net::IpAddress& address) const noexcept {
    std::uint64_t mixed = (address.high() ^ seed_) * 0x9e3779b97f4a7c15ULL;
    mixed = (mixed ^ (mixed >> 32) ^ address.low() ^ (std::uint64_t{interface.value()} << 48)) * 0xd6e8feb86659fd93ULL;
    mixed = (mixed ^ (mixed >> 32) ^ seed_) * 0xd6e8feb86659fd93ULL;
    return static_cast<std::size_t>(mixed >> 32) & mask_;
  }
  [[nodiscard]] Entry* entry_of(InterfaceIndex interface, const net::IpAddress& address) noexcept;
  [[nodiscard]] Entry* free_slot(InterfaceIndex interface, const net::IpAddress& address) noexcept;

  std::uint32_t capacity_;
  std::size_t mask_;
  std::uint64_t seed_;
  std::uint32_t count_ = 0;
  std::atomic<std::uint32_t> version_{0};  // writer: control; readers: workers
  void changed() noexcept { version_.store(version_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }
  std::unique_ptr<Entry[]> entries_;  // twice the capacity at least
};

}  // namespace limpet::l3
