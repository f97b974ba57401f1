// Delayed binding: connections of services that must know more than a SYN tells before a backend is chosen. Limpet
// itself answers the SYN, with a cookie and without keeping anything (RFC 4987, section 3.6); whoever acknowledges it
// has shown its address. What the client then says waits, not acknowledged, until it is known which backend it is for;
// that one gets a SYN with the client's own number, so that nothing the client says is ever shifted, and when it has
// answered, what waits goes on like any packet. From then on only the numbers of what the backend says are moved, by
// the difference of its own first number and the cookie.
//
// Worker's thread only.
#pragma once

#include "path/bind.hpp"
#include "path/decide.hpp"
#include "path/flows.hpp"
#include "path/owned.hpp"
#include "path/records.hpp"

namespace limpet::path {

/// What becomes of a client's packet.
enum class Stand : std::uint8_t {
  goes_on,  // its connection has a backend, or never waited for one
  begins,   // a backend can be chosen now
  ended,    // answered, kept or dropped: the item says which
};

class Delay {
 public:
  Delay(State& state, const plan::Plan& plan, Flows& flows, Millis now_ms) noexcept
      : state_(state), plan_(plan), flows_(flows), now_ms_(now_ms) {}

  /// A client's packet to a listener that splices.
  [[nodiscard]] Stand stand(const Connection& c, Packet& packet, const net::Parsed& parsed, Item& item) noexcept;
  /// What there is to choose a backend by, once a connection begins; good until chosen() is called.
  [[nodiscard]] const plan::Payload& payload() const noexcept { return payload_; }
  /// The key in that.
  [[nodiscard]] const plan::Found& found() const noexcept { return found_; }
  /// Backends that have refused it or not answered.
  [[nodiscard]] std::span<const BackendSlot> tried() const noexcept { return tried_; }
  /// It has been decided, and admitted, before.
  [[nodiscard]] bool decided_before() const noexcept { return decided_before_; }
  /// The item is bound to a backend, which is asked to open, or refused, and the client told so.
  /// `record`: where that of its session lies, or 0.
  void chosen(const Connection& c, Packet& packet, const net::Parsed& parsed, Item& item,
              std::uint32_t record) noexcept;

  /// A client's packet, bound after stand(): as its backend numbers.
  void edit_inward(const Connection& c, Packet& packet, const net::Parsed& parsed, const Item& item) noexcept;
  /// A backend's packet, before it is bound: as its client numbers. False: it has been answered.
  bool edit_outward(const Connection& c, Packet& packet, net::Parsed& parsed, Item& item) noexcept;
  /// A backend's packet, bound after edit_outward(): its answer to the SYN ends here.
  void note_answer(const Connection& c, Packet& packet, const net::Parsed& parsed, Item& item) noexcept;

  /// The backend's number of what it has said, of the client's.
  [[nodiscard]] std::uint32_t backends_number(const Connection& c, const plan::Listener& listener,
                                              std::uint32_t clients) noexcept;
  /// A backend's packet, after edit_outward() turned into one for the backend: as it numbers.
  void edit_turned(const Connection& c, const Packet& packet, const net::Parsed& parsed,
                   const plan::Listener& listener) noexcept;
  /// A client's packet, bound, asks for another backend than its connection has, on a service that closes for it. True:
  /// both sides are told.
  bool conflicts(const Connection& c, Packet& packet, const net::Parsed& parsed, Item& item) noexcept;
  /// An ICMP error to the client, about a packet with this number. True: it is about the SYN to its backend, which is
  /// then as refused, and the client's no business.
  bool note_error(const Connection& c, const plan::Listener& listener, std::uint32_t sequence) noexcept;

 private:
  /// A segment of a spliced connection, whose TCP header lies at hand; a further one of an ACK storm is dropped.
  [[nodiscard]] bool is_of_storm(const splice::ConnectionKey& key, const Packet& packet, const net::Parsed& parsed,
                                 Item& item) noexcept;
  [[nodiscard]] std::uint32_t now_s() const noexcept { return static_cast<std::uint32_t>(now_ms_ / 1000); }
  [[nodiscard]] std::optional<flow::State> flow_state(const Connection& c, const plan::Listener& listener) noexcept;
  void end_flow(const Connection& c, const plan::Listener& listener) noexcept;
  [[nodiscard]] std::optional<splice::Offer> cookie(const Connection& c, const Packet& packet,
                                                    const net::Parsed& parsed) const noexcept;
  void answer_syn(const Connection& c, Packet& packet, const net::Parsed& parsed, Item& item) noexcept;
  [[nodiscard]] Stand open(const Connection& c, Packet& packet, const net::Parsed& parsed, Item& item) noexcept;
  [[nodiscard]] Stand wait(const Connection& c, splice::Entry& entry, Packet& packet, const net::Parsed& parsed,
                           Item& item) noexcept;
  [[nodiscard]] bool opens_in_place(const splice::Entry& entry, const Connection& c, const Packet& packet,
                                    const net::Parsed& parsed) const noexcept;
  void hurry(Awaited* one) noexcept;
  void refuse_to_hold(Awaited& one, AwaitedConnections::Hold hold, const Segment& segment, Item& item) noexcept;
  [[nodiscard]] bool holds_for_backend(const splice::Entry& entry, Awaited& one, const Item& item) noexcept;
  void give_up(const Connection& c, splice::Entry& entry, const plan::Listener& listener) noexcept;
  [[nodiscard]] plan::Payload payload_of(std::span<const std::uint8_t> bytes, bool last) const noexcept;
  [[nodiscard]] bool owes_cookie(const Connection& c, const plan::Listener& listener, const Awaited& one) noexcept;
  void splice(const Connection& c, const plan::Listener& listener, splice::Entry& entry, Awaited& one,
              const splice::Offer& backend, std::uint32_t sequence) noexcept;

  State& state_;
  const plan::Plan& plan_;
  Flows& flows_;
  Millis now_ms_;
  splice::Entry* entry_ = nullptr;  // of the connection that the last packet was of
  plan::Payload payload_;
  plan::Found found_;
  std::span<const BackendSlot> tried_;
  bool decided_before_ = false;
};

}  // namespace limpet::path
