// Connections that a backend is still to be found or won for, and the packets of theirs that wait: in sequence order
// and not acknowledged, so that the client still answers for each byte. Fixed memory, taken at start. Packets stay as
// they are, but that small ones are put together when there are too many. Worker's thread only.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <span>

#include "path/limits.hpp"
#include "path/packet.hpp"
#include "path/segment.hpp"
#include "splice/connection_index.hpp"
#include "splice/cookie.hpp"

namespace limpet::path {

/// What is to be made for one of them.
enum class Wants : std::uint8_t {
  nothing,
  acknowledgment,  // to its client, of what is held
  syn,             // to its backend
  copies,          // to its backend, of what its client got an acknowledgment of
};

/// What one of them is waiting for.
struct Awaited {
  splice::ConnectionKey key;
  std::uint32_t client_sequence = 0;  // of the client's SYN
  std::uint32_t own_sequence = 0;     // of the SYN-ACK that it got
  splice::Offer offer;                // of the client
  Millis due_ms = 0;                  // when something must be done
  Millis late_ms = 0;                 // when nothing more is waited for
  std::uint32_t owned = 0;            // of the client's first bytes, so many were acknowledged: they are Limpet's
  std::uint32_t first_held = ~0u;     // by sequence number
  std::uint16_t held = 0;
  std::uint8_t syns = 0;  // sent to this backend
  std::uint8_t tried_count = 0;
  std::array<BackendSlot, 3> tried;  // this one too
  bool late = false;                 // nothing more is waited for
  bool refused = false;              // by the backend
  std::uint8_t repeats = 0;          // of what is owned
  std::uint8_t shift = 0;            // of windows given to the client
  Wants wants = Wants::nothing;
  std::uint32_t older = ~0u, newer = ~0u;
  bool is_owner = false;  // of bytes of a joined connection
};

class AwaitedConnections {
 public:
  static constexpr std::uint32_t none = ~0u;
  static constexpr unsigned held_of_one_max = 16;
  static constexpr std::uint16_t held_bytes_of_one_max = 16384;  // and the window that a client is given

  AwaitedConnections(const Limits& limits, const hash::Key& seed);

  /// Null: there are too many.
  [[nodiscard]] Awaited* add(const splice::ConnectionKey& key) noexcept;
  [[nodiscard]] Awaited& at(std::uint32_t index) noexcept { return awaited_[index]; }
  /// Null: there are none.
  [[nodiscard]] Awaited* oldest() noexcept { return oldest_ == none ? nullptr : &awaited_[oldest_]; }
  [[nodiscard]] std::uint32_t index_of(const Awaited& one) const noexcept {
    return static_cast<std::uint32_t>(&one - awaited_.get());
  }
  /// What it holds may go on; it is forgotten. Of what is owned, nothing yet.
  void release(Awaited& one) noexcept;
  /// The same of a joined connection, found from now on by its key.
  void release_owner(Awaited& one) noexcept;
  /// Null: nothing of this connection is owned.
  [[nodiscard]] Awaited* find_owner(const splice::ConnectionKey& key) noexcept;
  /// What is owned and lies before this number ends. True: nothing is left, and it is forgotten.
  bool end_owned(Awaited& one, std::uint32_t number) noexcept;
  [[nodiscard]] bool is_owned(const Awaited& one, std::uint32_t number) const noexcept {
    return number - one.client_sequence - 1 < one.owned;
  }
  /// What it holds ends; it is forgotten.
  void end(Awaited& one) noexcept;
  void end_all() noexcept;

  enum class Hold : std::uint8_t { held, duplicate, full };
  /// The packet is kept among the others by its number; those whose data it has, too, end.
  Hold hold(Awaited& one, const Packet& packet, const Segment& segment) noexcept;
  /// The last packet that hold() kept is none of these any more.
  void give_back(Awaited& one) noexcept;
  /// The first packet is bound anew, by itself.
  void bring_up(Awaited& one) noexcept;
  /// The client's data from its first byte on, as far as there is no gap. Good until the next call, or until a packet
  /// of this connection ends.
  [[nodiscard]] std::span<const std::uint8_t> contents(const Awaited& one) noexcept;
  /// All of each packet held lies at hand.
  [[nodiscard]] bool can_own(const Awaited& one) const noexcept;
  template <class F>
  void each_held(const Awaited& one, F&& f) const noexcept {
    for (std::uint32_t slot = one.first_held; slot != none; slot = slots_[slot].next) {
      f(slots_[slot].packet);
    }
  }
  /// The packet that a further one is made like, or null.
  [[nodiscard]] const Packet* first_packet(const Awaited& one) const noexcept;

  /// Packets that wait no longer, and ended ones; they are the caller's. How many.
  unsigned take_ready(Packet* packets, unsigned max) noexcept { return take(ready_, packets, max); }
  unsigned take_ended(Packet* packets, unsigned max) noexcept { return take(ended_, packets, max); }
  /// One that wants something made: `wants` says what, and is then the caller's to unset.
  [[nodiscard]] Awaited* take_wanted() noexcept;
  void want(Awaited& one, Wants what) noexcept;
  /// Nobody waits, and nothing is left of those who did.
  [[nodiscard]] bool empty() const noexcept { return count_ == 0 && !has_released(); }
  [[nodiscard]] bool has_released() const noexcept {
    return ready_.first != none || ended_.first != none || wanted_count_ != 0;
  }

  /// Calls `f(awaited)` for a few of those that something is due for, all round.
  template <class F>
  void each_due(Millis now_ms, F&& f) noexcept {
    for (unsigned i = 0; i < std::min(count_, looks_a_turn); ++i) {
      if (next_look_ == none) {
        next_look_ = oldest_;
      }
      Awaited& one = awaited_[next_look_];
      next_look_ = one.newer;
      if (one.due_ms <= now_ms) {
        f(one);
      }
    }
  }

  [[nodiscard]] unsigned count() const noexcept { return count_; }
  [[nodiscard]] std::uint32_t held() const noexcept { return held_; }

 private:
  static constexpr unsigned looks_a_turn = 4;

  struct Held {
    Packet packet;
    Segment segment;
    std::uint32_t next = none;
  };
  struct List {
    std::uint32_t first = none, last = none;
  };

  void append(List& list, std::uint32_t slot) noexcept;
  std::uint32_t pop(List& list) noexcept;
  unsigned take(List& list, Packet* packets, unsigned max) noexcept;
  void unhold(Awaited& one, std::uint32_t slot, List& to) noexcept;
  void end_superfluous(Awaited& one) noexcept;
  void join_small(Awaited& one) noexcept;
  void forget(Awaited& one) noexcept;

  std::unique_ptr<Awaited[]> awaited_;
  std::unique_ptr<Held[]> slots_;
  std::unique_ptr<std::uint8_t[]> together_;  // what lies in several packets
  std::unique_ptr<std::uint32_t[]> wanted_;   // something by these; as many as there may be connections
  splice::ConnectionIndex owners_;
  const std::uint32_t awaited_max_;
  List free_, ready_, ended_;
  std::uint32_t free_awaited_ = none;
  std::uint32_t oldest_ = none, newest_ = none;
  std::uint32_t next_look_ = none;
  std::uint32_t last_held_ = none;
  std::uint32_t held_ = 0;
  unsigned count_ = 0;
  unsigned wanted_first_ = 0, wanted_count_ = 0;  // of a ring
};

}  // namespace limpet::path
