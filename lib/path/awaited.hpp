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
  splice::Offer offer;                // of the client, as far as it was promised; the SYN's timestamp is its first
  std::uint32_t heard_stamp = 0;      // its timestamp that is to be echoed (RFC 7323, section 4.3)
  Millis opened_ms = 0;               // when its client had shown its address
  Millis due_ms = 0;                  // when something must be done
  Millis late_ms = 0;                 // when nothing more is waited for
  std::uint32_t owned = 0;            // of the client's first bytes, so many were acknowledged: they are Limpet's
  std::uint32_t first_held = ~0u;     // by sequence number
  std::uint16_t held = 0;
  std::uint8_t syns = 0;  // sent to this backend
  std::uint8_t tried_count = 0;
  std::array<BackendSlot, 3> tried;  // this one too
  bool late = false;                 // nothing more is waited for
  bool hears = true;                 // in line with those whose client may still say more
  bool waits_for_backend = false;    // which is down, and its session may have no other
  bool full = false;                 // its client has said as much as is held of one
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
  /// Of those whose client may still say more; null: there are none.
  [[nodiscard]] Awaited* oldest_that_hears() noexcept {
    return hearing_.oldest == none ? nullptr : &awaited_[hearing_.oldest];
  }
  /// Its client is waited for no longer.
  void stop_hearing(Awaited& one) noexcept;
  /// It waits for a backend that is down, or no longer. False: as many do as may, which is half of all.
  bool hold_for_backend(Awaited& one, bool waits) noexcept;
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

  enum class Hold : std::uint8_t {
    held,
    duplicate,
    outside,  // of the window that its client was given, or behind a gap that no room is left beyond
    much,     // one holds no more packets, and they have no gap
    full,     // all together hold no more
  };
  /// The packet is kept among the others by its number; those whose data it has, too, end, and where it fills a gap
  /// and there are too many, so does the last one: its client sends that again.
  Hold hold(Awaited& one, const Packet& packet, const Segment& segment) noexcept;
  /// The last packet that hold() kept is none of these any more.
  void give_back(Awaited& one) noexcept;
  /// The first packet is bound anew, by itself.
  void bring_up(Awaited& one) noexcept;
  /// What its client said first is on its way to be bound.
  [[nodiscard]] bool is_brought_up(const Awaited& one) const noexcept {
    return (one.late || one.refused) && one.first_held != none &&
           ahead(slots_[one.first_held].segment.sequence, one.client_sequence + 1) > 0;
  }
  /// The client's data from its first byte on, as far as there is no gap. Good until the next call, or until a packet
  /// of this connection ends.
  [[nodiscard]] std::span<const std::uint8_t> contents(const Awaited& one) noexcept;
  /// More data behind contents(), of some `bytes`, could be held, too.
  [[nodiscard]] static bool has_room(std::size_t contents_bytes, std::size_t bytes) noexcept {
    return contents_bytes + bytes <= held_bytes_of_one_max;
  }
  /// All of each packet held lies at hand.
  [[nodiscard]] bool can_own(const Awaited& one) const noexcept;
  /// Calls `f(packet, segment)` for each, by sequence number.
  template <class F>
  void each_held(const Awaited& one, F&& f) const noexcept {
    for (std::uint32_t slot = one.first_held; slot != none; slot = slots_[slot].next) {
      f(slots_[slot].packet, slots_[slot].segment);
    }
  }
  /// Calls `f(index, awaited)` for each connection that has one of the `places` places from `from` on. Where to go on;
  /// capacity() at the end.
  template <class F>
  std::uint32_t walk(std::uint32_t from, std::uint32_t places, F&& f) const noexcept {
    const std::uint32_t end = from + std::min(places, awaited_max_ - std::min(from, awaited_max_));
    for (; from < end; ++from) {
      if (!awaited_[from].key.client.is_none()) {
        f(from, awaited_[from]);
      }
    }
    return from;
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
  [[nodiscard]] bool has_ready() const noexcept { return ready_.first != none; }
  [[nodiscard]] bool has_released() const noexcept { return has_ready() || ended_.first != none || wanted_count_ != 0; }

  /// Calls `f(awaited)` for a few of those that something is due for, all round.
  template <class F>
  void each_due(Millis now_ms, F&& f) noexcept {
    for (Line* const line : {&hearing_, &others_}) {
      for (unsigned i = 0; i < looks_a_turn && line->oldest != none; ++i) {
        if (line->next_look == none) {
          line->next_look = line->oldest;
        }
        Awaited& one = awaited_[line->next_look];
        line->next_look = one.newer;
        if (one.due_ms <= now_ms) {
          f(one);
        }
      }
    }
  }

  [[nodiscard]] unsigned count() const noexcept { return count_; }
  [[nodiscard]] std::uint32_t capacity() const noexcept { return awaited_max_; }
  [[nodiscard]] std::uint32_t held() const noexcept { return held_; }
  [[nodiscard]] std::uint32_t held_max() const noexcept { return held_max_; }
  /// Memory for connections, and for what is known of packets; these themselves lie elsewhere.
  [[nodiscard]] std::uint64_t connections_bytes() const noexcept {
    return std::uint64_t{awaited_max_} * (sizeof(Awaited) + sizeof wanted_[0] + splice::ConnectionIndex::place_bytes) +
           held_bytes_of_one_max;
  }
  [[nodiscard]] std::uint64_t packets_bytes() const noexcept { return std::uint64_t{held_max_} * sizeof(Held); }

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
  /// Connections in order of age in it.
  struct Line {
    std::uint32_t oldest = none, newest = none;
    std::uint32_t next_look = none;
  };

  void append(List& list, std::uint32_t slot) noexcept;
  std::uint32_t pop(List& list) noexcept;
  unsigned take(List& list, Packet* packets, unsigned max) noexcept;
  void unhold(Awaited& one, std::uint32_t slot, List& to) noexcept;
  void end_superfluous(Awaited& one) noexcept;
  void join_small(Awaited& one) noexcept;
  /// One more packet, from this number on, is no more than one connection may hold.
  [[nodiscard]] Hold make_room(Awaited& one, std::uint32_t sequence) noexcept;
  void forget(Awaited& one) noexcept;
  [[nodiscard]] Line& line_of(const Awaited& one) noexcept { return one.hears ? hearing_ : others_; }
  void enter_line(Awaited& one) noexcept;
  void leave_line(const Awaited& one) noexcept;

  std::unique_ptr<Awaited[]> awaited_;
  std::unique_ptr<Held[]> slots_;
  std::unique_ptr<std::uint8_t[]> together_;  // what lies in several packets
  std::unique_ptr<std::uint32_t[]> wanted_;   // something by these; as many as there may be connections
  splice::ConnectionIndex owners_;
  const std::uint32_t awaited_max_, held_max_;
  List free_, ready_, ended_;
  std::uint32_t free_awaited_ = none;
  Line hearing_, others_;
  std::uint32_t last_held_ = none;
  std::uint32_t held_ = 0;
  unsigned count_ = 0;
  unsigned for_backend_ = 0;                      // of these, so many wait for a backend that is down
  unsigned wanted_first_ = 0, wanted_count_ = 0;  // of a ring
};

}  // namespace limpet::path
