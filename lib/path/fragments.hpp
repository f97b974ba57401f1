// Datagrams in fragments: the first one is decided like any packet, the others follow it, and those that come before
// it are held. Fixed memory, taken at start. Packets stay as they are; nothing is put together. Worker's thread only.
#pragma once

#include <memory>

#include "counters/counters.hpp"
#include "path/burst.hpp"
#include "path/limits.hpp"
#include "path/pieces.hpp"

namespace limpet::path {

/// RFC 791, section 3.2: source, destination, protocol, identification. RFC 8200, section 4.5: no protocol (0 here).
struct DatagramKey {
  net::IpAddress source;
  net::IpAddress destination;
  std::uint32_t id = 0;
  std::uint8_t protocol = 0;
  friend bool operator==(const DatagramKey&, const DatagramKey&) noexcept = default;
};

struct Datagram {
  enum class Stage : std::uint8_t {
    free,
    waiting,  // for its first fragment
    decided,  // by `item`
    refused,  // by what was decided, or for fragments that contradict each other: the rest is dropped
  };
  DatagramKey key;
  Pieces pieces;
  Millis since_ms = 0;
  Stage stage = Stage::free;
  Item item;  // of the first fragment, bound; its pointers mean nothing later, the slots below do
  ListenerSlot listener;
  BackendSlot backend;
  std::uint32_t first_held = ~0u, last_held = ~0u;  // in order of arrival
  std::uint32_t held = 0;
  std::uint32_t older = ~0u, newer = ~0u;  // among the waiting ones
};

class Fragments {
 public:
  static constexpr unsigned held_of_one_max = 64;  // fragments of one datagram: 64 KiB in packets of 1 KiB

  explicit Fragments(const Limits& limits);

  /// The datagram, made where there is none; it may take the place of an older one. `hash`: keyed, of `key`.
  [[nodiscard]] Datagram& find_or_make(const DatagramKey& key, std::uint64_t hash, Millis now_ms,
                                       counters::Block& counters) noexcept;
  /// A later fragment waits for its first. False: no room, and nothing has changed.
  [[nodiscard]] bool hold(Datagram& datagram, const Packet& packet, InterfaceIndex interface,
                          counters::Block& counters) noexcept;
  /// What waits for the first fragment may follow it, as `item` says.
  void decide(Datagram& datagram, const Item& item) noexcept;
  /// What waits ends, counted for `reason`, as will what comes.
  void refuse(Datagram& datagram, counters::Block& counters, Counter reason) noexcept;
  /// The datagram is over.
  void forget(Datagram& datagram) noexcept;
  /// Ends what has waited too long.
  void expire(Millis now_ms, counters::Block& counters) noexcept {
    while (oldest_ != none && now_ms - datagrams_[oldest_].since_ms >= limits_.fragment_timeout_ms)
      [[unlikely]] {
        end(datagrams_[oldest_], counters, Counter::drop_fragment_timeout);
      }
  }
  /// Ends what waits, uncounted.
  void end_all() noexcept;

  /// Packets that are decided or ended since the last call; they are the caller's. How many.
  unsigned take_ready(Packet* packets, Item* items, unsigned max) noexcept;
  unsigned take_ended(Packet* packets, unsigned max) noexcept;
  [[nodiscard]] bool has_released() const noexcept { return ready_.first != none || ended_.first != none; }

  [[nodiscard]] std::uint32_t held() const noexcept { return held_; }

 private:
  static constexpr std::uint32_t none = ~0u;
  static constexpr unsigned ways = 4;

  struct Held {
    Packet packet;
    Item item;  // `interface` alone until it is decided
    std::uint32_t next = none;
  };
  struct List {
    std::uint32_t first = none, last = none;
  };

  void end(Datagram& datagram, counters::Block& counters, Counter reason) noexcept;
  void unlink(Datagram& datagram) noexcept;
  void append(Datagram& datagram) noexcept;
  void move_held(Datagram& datagram, List& to) noexcept;
  bool make_room(const Datagram& but, std::uint32_t bytes, counters::Block& counters) noexcept;
  [[nodiscard]] bool is_over(const Datagram& datagram, Millis now_ms) const noexcept;
  [[nodiscard]] std::uint32_t index_of(const Datagram& datagram) const noexcept {
    return static_cast<std::uint32_t>(&datagram - datagrams_.get());
  }
  std::uint32_t pop(List& list) noexcept;

  const Limits limits_;
  const std::uint32_t buckets_;  // a power of two
  std::unique_ptr<Datagram[]> datagrams_;
  std::unique_ptr<Held[]> slots_;
  List free_, ready_, ended_;
  std::uint32_t oldest_ = none, newest_ = none;  // of the waiting ones
  std::uint32_t held_ = 0;                       // packets of waiting datagrams
  std::uint64_t held_bytes_ = 0;
};

}  // namespace limpet::path
