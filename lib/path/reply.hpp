// What backends answer on connections whose service learns of it, rewrites it or puts a cookie into it: heads of HTTP
// responses, read in order; and what was done to one, done again as often as the backend sends it again, until its
// client has it. A response begins behind what the client had got when it asked. Where it does not, as with clients
// that ask on before they were answered, no more of the connection is read; nor behind a ServerHello, which is learnt
// of and left as it is.
//
// Worker's thread only.
#pragma once

#include "extract/http_head.hpp"
#include "path/flows.hpp"
#include "path/packet.hpp"
#include "path/segment.hpp"
#include "plan/session_key.hpp"

namespace limpet::path {

class Response {
 public:
  /// Of one connection of this listener, joined.
  Response(State& state, const plan::Plan& plan, Flows& flows, const Connection& c, const plan::Listener& listener,
           splice::Entry& entry) noexcept
      : state_(state),
        plan_(plan),
        flows_(flows),
        c_(c),
        listener_(listener),
        entry_(entry),
        reply_(entry.replying ? state.replies.find(entry.key()) : nullptr) {}

  /// The connection begins; its first response gets a cookie, or none.
  void expect(bool owes_cookie) noexcept;

  /// What was put into what the backend says, as it counts.
  [[nodiscard]] net::Inserted inserted() const noexcept {
    return reply_ == nullptr ? net::Inserted{} : reply_->inserted();
  }

  /// A backend's packet, its numbers the backend's still. False: it has been dropped.
  bool read(Packet& packet, net::Parsed& parsed, Item& item, Millis now_ms) noexcept;
  /// The client acknowledges so much, by its own numbers, and says something with it or not.
  void note_client(std::uint32_t acknowledgment, bool says) noexcept;
  /// What it says is more than it had said when it asked last: it asks again.
  [[nodiscard]] bool asks_again(std::uint32_t acknowledgment) const noexcept {
    return static_cast<std::int32_t>(acknowledgment - entry_.waiting - 1) > 0;
  }

 private:
  [[nodiscard]] bool wants_heads() const noexcept;
  [[nodiscard]] bool wants_response(std::string_view begin) const noexcept;
  bool find_begin(const Packet& packet, const Segment& segment) noexcept;
  void begin(const Packet& packet, const Segment& segment, std::uint32_t number) noexcept;
  void lose_step() noexcept;
  void note_received(std::uint32_t number) noexcept;
  void add(const Packet& packet, const Segment& segment) noexcept;
  void digest(Millis now_ms) noexcept;
  void take_whole(const extract::Head& head, Millis now_ms) noexcept;
  void digest_hello(Millis now_ms) noexcept;
  void insert(const extract::Head& head, Millis now_ms) noexcept;
  void rewrite(const extract::Head& head, Millis now_ms) noexcept;
  template <class Said>
  void learn_of(const Said& said, Millis now_ms) noexcept;
  std::uint32_t learn(const plan::Persist& persist, const record::Key& key, const plan::Backend& backend,
                      Millis now_ms) noexcept;
  void note_record(std::uint32_t place) noexcept;
  void stop_reading(bool missed) noexcept;
  bool apply(Packet& packet, net::Parsed& parsed, Item& item, const Segment& segment) noexcept;
  bool apply_inserted(Packet& packet, net::Parsed& parsed, std::size_t at) noexcept;
  void token(const plan::Persist& persist, char* to, Millis now_ms) noexcept;
  [[nodiscard]] const plan::Backend* backend() noexcept;
  [[nodiscard]] const plan::Persist* own_token_profile() noexcept;
  void settle() noexcept;

  State& state_;
  const plan::Plan& plan_;
  Flows& flows_;
  const Connection& c_;
  const plan::Listener& listener_;
  splice::Entry& entry_;
  splice::Reply* reply_;
};

}  // namespace limpet::path
