#include "path/delay.hpp"

#include "net/tcp_edit.hpp"
#include "path/admit.hpp"
#include "path/awaited_turn.hpp"
#include "path/offers.hpp"
#include "path/reset.hpp"
#include "plan/hearing.hpp"
#include "plan/own_token.hpp"
#include "splice/cookie.hpp"

namespace limpet::path {
namespace {

using splice::Offer;
using splice::Phase;
namespace tcp = net::tcp_flag;

constexpr Millis backend_held_ms = 12'000;  // a session waits for its backend to be up again
constexpr Millis backend_again_ms = 1000;

/// True of one packet in 64: a connection that has so many more since a SYN came is no other client's by now.
bool goes_on_for_long(const Packet& packet, const net::Parsed& parsed) noexcept {
  return packet.data[parsed.l4_offset + net::tcp::checksum] % 64 == 0;
}

/// What a backend may send in a segment that something is put into.
std::uint16_t room_left(std::uint16_t mss, std::uint16_t taken) noexcept {
  return static_cast<std::uint16_t>(std::max(mss - taken, mss / 2));
}

splice::Opening opening_of(const Connection& c, std::uint32_t sequence) noexcept {
  return {{c.client, c.client_port}, {c.vip, c.vip_port}, sequence};
}

}  // namespace

std::optional<flow::State> Delay::flow_state(const Connection& c, const plan::Listener& listener) noexcept {
  std::optional<flow::State> state;
  const auto note = [&](auto& entry) { state = entry.state(); };
  flows_.with_any_forward(listener, c, note);
  return state;
}

void Delay::end_flow(const Connection& c, const plan::Listener& listener) noexcept {
  const auto end = [&](const auto& key) {
    const std::uint64_t hash = state_.flows.hash(key);
    auto* const entry = state_.flows.find(key, hash);
    if (entry != nullptr) {
      flows_.end(listener, key, hash, *entry);
    }
    return entry != nullptr;
  };
  with_forward_key(listener, c, end) || (listener.narrow && end(wide_forward(listener, c)));
}

std::optional<Offer> Delay::cookie(const Connection& c, const Packet& packet,
                                   const net::Parsed& parsed) const noexcept {
  if ((parsed.tcp_flags & (tcp::ack | tcp::syn | tcp::rst)) != tcp::ack) {
    return std::nullopt;
  }
  const splice::Cookies cookies(plan_.cookie_seed);
  return cookies.read(opening_of(c, net::tcp_sequence(packet.data, parsed) - 1),
                      net::tcp_acknowledgment(packet.data, parsed) - 1, plan::wall_ms(plan_, now_ms_));
}

/// The client has begun anew from the port of a connection that waits, and has shown its address again.
bool Delay::opens_in_place(const splice::Entry& entry, const Connection& c, const Packet& packet,
                           const net::Parsed& parsed) const noexcept {
  return entry.asked_anew &&
         net::tcp_acknowledgment(packet.data, parsed) - 1 != state_.awaited.at(entry.waiting).own_sequence &&
         cookie(c, packet, parsed);
}

Stand Delay::stand(const Connection& c, Packet& packet, const net::Parsed& parsed, Item& item) noexcept {
  const plan::Listener& listener = *item.listener;
  entry_ = state_.spliced.find(spliced_key(listener, c));
  if (!is_whole(packet, parsed)) {
    if (parsed.fragment && flow_state(c, listener)) {
      return Stand::goes_on;
    }
    item.drop(Counter::drop_malformed);
    return Stand::ended;
  }
  if (opens_connection(parsed) && state_.burst.source.origin == Origin::self) {
    return Stand::goes_on;  // it is ours, to the backend
  }
  splice::Entry* const entry = entry_;
  if (opens_connection(parsed) && (listener.delays || entry != nullptr)) {
    if (entry != nullptr) {
      entry->asked_anew = true;
    }
    answer_syn(c, packet, parsed, item);
    return Stand::ended;
  }
  if (entry != nullptr && entry->phase != Phase::spliced) {
    if (!opens_in_place(*entry, c, packet, parsed)) {
      return wait(c, *entry, packet, parsed, item);
    }
    give_up(c, *entry, listener);
    entry_ = nullptr;
    return open(c, packet, parsed, item);
  }
  if (entry != nullptr && entry->owned && end_if_lost(state_, *entry)) {
    reset_sender(state_, plan_, packet, parsed, item, Counter::drop_no_backend);
    end_flow(c, listener);
    state_.spliced.erase(*entry);
    return Stand::ended;
  }
  const auto live = flow_state(c, listener);
  const bool may_be_over = live && (*live == flow::State::closing || (entry != nullptr && entry->asked_anew));
  const bool is_own =
      entry != nullptr && splice::Entry::mark_of(net::tcp_acknowledgment(packet.data, parsed) - 1) == entry->own_mark;
  if (live && (!may_be_over || is_own || !cookie(c, packet, parsed))) {
    if (entry != nullptr && entry->asked_anew && goes_on_for_long(packet, parsed)) {
      entry->asked_anew = false;
    }
    return entry != nullptr && is_of_storm(entry->key(), packet, parsed, item) ? Stand::ended : Stand::goes_on;
  }
  if (entry == nullptr && !listener.delays) {
    return Stand::goes_on;
  }
  if (live) {
    end_flow(c, listener);
  }
  if (entry != nullptr) {
    state_.spliced.erase(*entry);
    entry_ = nullptr;
  }
  return open(c, packet, parsed, item);
}

void Delay::answer_syn(const Connection& c, Packet& packet, const net::Parsed& parsed, Item& item) noexcept {
  const plan::Service& service = plan_.service_of(*item.listener);
  if (const plan::Gate* const gate = service.gate.get()) {
    if (const auto admission = path::admission(state_, {plan_, *gate, c.client}, now_ms_);
        admission != Admission::admitted) {
      return item.drop(drop_of(admission));
    }
  }
  if ((parsed.tcp_flags & (tcp::fin | tcp::rst)) != 0) {
    return item.drop(Counter::drop_malformed);
  }
  const Offer promise = promise_of(service, c.client.family());
  Offer offer = accepted(promise, splice::read_offer(packet.data, parsed));
  const std::uint32_t sequence = net::tcp_sequence(packet.data, parsed);
  const splice::Cookies cookies(plan_.cookie_seed);
  const auto cookie_of = [&] { return cookies.make(opening_of(c, sequence), offer, plan::wall_ms(plan_, now_ms_)); };
  std::uint32_t own = cookie_of();
  if (entry_ != nullptr && splice::Entry::mark_of(own) == entry_->own_mark) {
    // Rather a little less than a number that the connection there cannot be told from.
    offer.mss = static_cast<std::uint16_t>(std::max<std::uint16_t>(offer.mss, 1) - 1);
    own = cookie_of();
  }
  const splice::OfferOptions options = answering_options(promise, offer, own);
  answer_sender(plan_, packet, parsed, item,
                {.sequence = own,
                 .acknowledgment = sequence + 1,
                 .flags = tcp::syn | tcp::ack,
                 .window = AwaitedConnections::held_bytes_of_one_max,
                 .options = options.bytes()},
                Counter::drop_no_syn_cookie);
  state_.counters.add(Counter::syn_cookies);
}

Stand Delay::open(const Connection& c, Packet& packet, const net::Parsed& parsed, Item& item) noexcept {
  const auto offer = cookie(c, packet, parsed);
  if (!offer) {
    // What comes before what should have come first says nothing of its connection; it comes again, after that.
    const splice::Cookies cookies(plan_.cookie_seed);
    const bool early = cookies.may_be(opening_of(c, 0), net::tcp_acknowledgment(packet.data, parsed) - 1,
                                      plan::wall_ms(plan_, now_ms_));
    early ? item.drop(Counter::drop_no_syn_cookie)
          : reset_sender(state_, plan_, packet, parsed, item, Counter::drop_no_syn_cookie);
    return Stand::ended;
  }
  const splice::ConnectionKey key = spliced_key(*item.listener, c);
  Awaited* const one = state_.awaited.add(key);
  splice::Entry* const entry = one == nullptr ? nullptr : state_.spliced.insert(key);
  if (entry == nullptr) {
    one != nullptr ? state_.awaited.end(*one) : hurry(state_.awaited.oldest_that_hears());
    item.drop(Counter::drop_held_full);
    return Stand::ended;
  }
  one->client_sequence = net::tcp_sequence(packet.data, parsed) - 1;
  one->own_sequence = net::tcp_acknowledgment(packet.data, parsed) - 1;
  one->offer = *offer;
  one->opened_ms = now_ms_;
  begin_stamps(*one, net::tcp_timestamps(packet.data, parsed));
  const plan::Service& service = plan_.service_of(*item.listener);
  one->offer.mss = room_left(one->offer.mss, service.reply_room);
  one->late_ms = one->due_ms = now_ms_ + service.inspect_delay_ms;
  one->shift = offer->scale == Offer::no_scale ? std::uint8_t{0} : service.window_scale;
  entry->waiting = state_.awaited.index_of(*one);
  state_.counters.add(Counter::delayed_opened);
  return wait(c, *entry, packet, parsed, item);
}

/// It gets a backend by what its client has said so far.
void Delay::hurry(Awaited* one) noexcept {
  if (one != nullptr && one->hears) {
    one->late = true;
    state_.awaited.stop_hearing(*one);
    state_.awaited.bring_up(*one);
  }
}

/// What can't be held is dropped. Where there is no room for anybody, who has waited longest makes some.
void Delay::refuse_to_hold(Awaited& one, AwaitedConnections::Hold hold, const Segment& segment, Item& item) noexcept {
  using Hold = AwaitedConnections::Hold;
  if (hold == Hold::full) {
    hurry(state_.awaited.oldest_that_hears());
  } else if (hold == Hold::much) {
    one.full = true;
    hurry(&one);
  }
  note_repeated(state_, one, segment);
  item.drop(hold == Hold::duplicate ? Counter::drop_held_again : Counter::drop_held_full);
}

/// A packet of a connection without a backend.
Stand Delay::wait(const Connection& c, splice::Entry& entry, Packet& packet, const net::Parsed& parsed,
                  Item& item) noexcept {
  Awaited& one = state_.awaited.at(entry.waiting);
  const Segment segment = segment_of(packet, parsed);
  if ((parsed.tcp_flags & tcp::rst) != 0) {
    if (segment.sequence - one.client_sequence - 1 < AwaitedConnections::held_bytes_of_one_max) {
      give_up(c, entry, *item.listener);
    }
    item.drop(Counter::drop_consumed);
    return Stand::ended;
  }
  const bool is_own = state_.burst.source.origin == Origin::self;
  if (one.waits_for_backend && !is_own) {  // it has said enough; the rest comes again
    item.drop(Counter::drop_backend_held);
    return Stand::ended;
  }
  note_stamps(one, segment.sequence, net::tcp_timestamps(packet.data, parsed));
  const auto hold = state_.awaited.hold(one, packet, segment);
  if (hold != AwaitedConnections::Hold::held) {
    refuse_to_hold(one, hold, segment, item);
    return Stand::ended;
  }
  state_.counters.add(Counter::delayed_held);
  item.verdict = Verdict::keep;
  if ((entry.phase == Phase::connecting && !one.refused) || (!is_own && state_.awaited.is_brought_up(one))) {
    return Stand::ended;
  }
  if (one.tried_count == one.tried.size()) {
    state_.awaited.give_back(one);
    reset_sender(state_, plan_, packet, parsed, item, Counter::drop_no_backend);
    give_up(c, entry, *item.listener);
    return Stand::ended;
  }
  const plan::Service& service = plan_.service_of(*item.listener);
  const std::uint16_t mss = full_size(service, one);
  const auto said = state_.awaited.contents(one);
  payload_ = payload_of(said, one.late || !AwaitedConnections::has_room(said.size(), 1));
  payload_.full = one.full || !AwaitedConnections::has_room(said.size(), mss);
  const plan::Tuple tuple = tuple_of(*item.listener, c);
  const plan::Heard heard = plan::hear(service, tuple, payload_);
  if (heard == plan::Heard::broken) {
    state_.awaited.give_back(one);
    state_.counters.add(Counter::delayed_no_header);
    reset_sender(state_, plan_, packet, parsed, item, Counter::drop_no_proxy_header);
    give_up(c, entry, *item.listener);
    return Stand::ended;
  }
  found_ = plan::find_key(plan_, service, tuple, &payload_);
  if (entry.phase == Phase::open && (heard == plan::Heard::waits || found_.waits)) {
    note_piece(state_, one, segment, mss, now_ms_);
    return Stand::ended;
  }
  state_.awaited.give_back(one);
  item.verdict = Verdict::undecided;
  if (entry.phase == Phase::connecting) {
    end_flow(c, *item.listener);
    state_.counters.add(Counter::delayed_redispatched);
  }
  tried_ = {one.tried.data(), one.tried_count};
  decided_before_ = one.waits_for_backend || one.tried_count != 0;
  return Stand::begins;
}

/// The backend of its session is down, and no other may have it: it is asked for again after a while.
bool Delay::holds_for_backend(const splice::Entry& entry, Awaited& one, const Item& item) noexcept {
  if (item.verdict != Verdict::drop || item.reason != Counter::drop_backend_held || entry.phase != Phase::open) {
    return false;
  }
  if (!one.waits_for_backend) {
    if (!state_.awaited.hold_for_backend(one, true)) {
      return false;
    }
    one.late = true;
    one.late_ms = now_ms_ + backend_held_ms;
    state_.awaited.stop_hearing(one);
  }
  one.due_ms = now_ms_ + backend_again_ms;
  return now_ms_ < one.late_ms;
}

void Delay::chosen(const Connection& c, Packet& packet, const net::Parsed& parsed, Item& item,
                   std::uint32_t record) noexcept {
  splice::Entry* const entry = state_.spliced.find(spliced_key(*item.listener, c));
  Awaited& one = state_.awaited.at(entry->waiting);
  const bool stays = holds_for_backend(*entry, one, item);
  if (!stays && item.verdict == Verdict::drop && item.reason != Counter::drop_consumed) {
    reset_sender(state_, plan_, packet, parsed, item, item.reason);
  }
  if (!stays && item.verdict != Verdict::undecided) {
    return give_up(c, *entry, *item.listener);
  }
  item.verdict = Verdict::keep;
  if (state_.awaited.hold(one, packet, segment_of(packet, parsed)) != AwaitedConnections::Hold::held) {
    item.drop(Counter::drop_held_full);
  }
  if (stays) {
    return;
  }
  state_.awaited.hold_for_backend(one, false);
  entry->phase = Phase::connecting;
  state_.spliced.set_record(*entry, record);
  state_.awaited.stop_hearing(one);
  one.tried[one.tried_count++] = item.backend->slot;
  begin_syns(state_, one, now_ms_);
}

/// The connection ends; what it holds, too.
void Delay::give_up(const Connection& c, splice::Entry& entry, const plan::Listener& listener) noexcept {
  if (entry.phase == Phase::connecting) {
    end_flow(c, listener);
  }
  state_.awaited.end(state_.awaited.at(entry.waiting));
  state_.spliced.erase(entry);
}

plan::Payload Delay::payload_of(std::span<const std::uint8_t> bytes, bool last) const noexcept {
  return {.bytes = bytes,
          .last = last,
          .now_s = now_s(),
          .scratch = plan_.scratch_of(state_.index),
          .records = &state_.node.records};
}

}  // namespace limpet::path
