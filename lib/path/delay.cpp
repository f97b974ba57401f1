#include "path/delay.hpp"

#include "l3/segment.hpp"
#include "net/parse.hpp"
#include "net/tcp_edit.hpp"
#include "path/admit.hpp"
#include "path/offers.hpp"
#include "path/reply.hpp"
#include "path/reset.hpp"
#include "plan/hearing.hpp"
#include "plan/own_token.hpp"
#include "plan/replies.hpp"
#include "splice/cookie.hpp"
#include "splice/edit.hpp"

namespace limpet::path {
namespace {

using splice::Offer;
using splice::Phase;
namespace tcp = net::tcp_flag;

constexpr unsigned syns_max = 3;        // to one backend
constexpr Millis syn_again_ms = 500;    // doubled each time
constexpr Millis look_again_ms = 1000;  // at what should have been seen to at once

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

/// All of the TCP header lies at hand.
bool has_header(const Packet& packet, const net::Parsed& parsed) noexcept {
  const std::size_t header = net::tcp_header_size(packet.data, parsed);
  return header >= net::tcp::size && parsed.l4_offset - parsed.l3_offset + header <= parsed.l3_size &&
         parsed.l4_offset + header <= packet.contiguous;
}

bool is_sane(const Packet& packet, const net::Parsed& parsed) noexcept {
  return !parsed.fragment && has_header(packet, parsed);
}

void answer(const plan::Plan& plan, Packet& packet, const net::Parsed& parsed, Item& item,
            const l3::Segment& segment) noexcept {
  const l3::Buffer buffer{packet.data, packet.size, packet.capacity};
  const std::size_t size = l3::answer_segment(buffer, parsed, plan.interfaces[item.interface.value()].mac, segment);
  if (size == 0) {
    return item.drop(Counter::drop_no_syn_cookie);
  }
  packet.size = static_cast<std::uint32_t>(size);
  packet.contiguous = static_cast<std::uint16_t>(size);
  item.verdict = Verdict::reply;
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

Stand Delay::stand(const Connection& c, Packet& packet, const net::Parsed& parsed, Item& item) noexcept {
  const plan::Listener& listener = *item.listener;
  entry_ = state_.spliced.find(key_of(c, listener));
  if (!is_sane(packet, parsed)) {
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
    return wait(c, *entry, packet, parsed, item);
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
    return Stand::goes_on;
  }
  if (entry != nullptr) {
    state_.spliced.erase(*entry);
    entry_ = nullptr;
  } else if (!listener.delays) {
    return Stand::goes_on;
  }
  if (live) {
    end_flow(c, listener);
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
  answer(plan_, packet, parsed, item,
         {.sequence = own,
          .acknowledgment = sequence + 1,
          .flags = tcp::syn | tcp::ack,
          .window = AwaitedConnections::held_bytes_of_one_max,
          .options = options.bytes()});
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
  const splice::ConnectionKey key = key_of(c, *item.listener);
  Awaited* const one = state_.awaited.add(key);
  splice::Entry* const entry = one == nullptr ? nullptr : state_.spliced.insert(key);
  if (entry == nullptr) {
    one != nullptr ? state_.awaited.end(*one) : hurry_oldest();
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

/// Who has waited longest for its client to say something gets a backend without, and its place is free.
void Delay::hurry_oldest() noexcept {
  if (Awaited* const oldest = state_.awaited.oldest_that_hears()) {
    oldest->late = true;
    state_.awaited.stop_hearing(*oldest);
    state_.awaited.bring_up(*oldest);
  }
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
  note_stamps(one, segment.sequence, net::tcp_timestamps(packet.data, parsed));
  const auto hold = state_.awaited.hold(one, packet, segment);
  if (hold == AwaitedConnections::Hold::full) {
    hurry_oldest();
  }
  if (hold != AwaitedConnections::Hold::held) {
    note_repeated(state_, one, segment);
    item.drop(hold == AwaitedConnections::Hold::full ? Counter::drop_held_full : Counter::drop_held_again);
    return Stand::ended;
  }
  state_.counters.add(Counter::delayed_held);
  item.verdict = Verdict::keep;
  if (entry.phase == Phase::connecting && !one.refused) {
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
  payload_.full = !AwaitedConnections::has_room(said.size(), mss);
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
  return Stand::begins;
}

void Delay::chosen(const Connection& c, Packet& packet, const net::Parsed& parsed, Item& item) noexcept {
  splice::Entry* const entry = state_.spliced.find(key_of(c, *item.listener));
  Awaited& one = state_.awaited.at(entry->waiting);
  if (item.verdict == Verdict::drop && item.reason != Counter::drop_consumed) {
    reset_sender(state_, plan_, packet, parsed, item, item.reason);
  }
  if (item.verdict != Verdict::undecided) {
    return give_up(c, *entry, *item.listener);
  }
  item.verdict = Verdict::keep;
  if (state_.awaited.hold(one, packet, segment_of(packet, parsed)) != AwaitedConnections::Hold::held) {
    item.drop(Counter::drop_held_full);
  }
  entry->phase = Phase::connecting;
  state_.awaited.stop_hearing(one);
  one.tried[one.tried_count++] = item.backend->slot;
  one.refused = false;
  one.syns = 1;
  one.due_ms = now_ms_ + syn_again_ms;
  state_.awaited.want(one, Wants::syn);
}

/// The connection ends; what it holds, too.
void Delay::give_up(const Connection& c, splice::Entry& entry, const plan::Listener& listener) noexcept {
  if (entry.phase == Phase::connecting) {
    end_flow(c, listener);
  }
  state_.awaited.end(state_.awaited.at(entry.waiting));
  state_.spliced.erase(entry);
}

void Delay::edit_inward(const Connection& c, Packet& packet, const net::Parsed& parsed, const Item& item) noexcept {
  if (entry_ == nullptr || entry_->phase != Phase::spliced || (parsed.tcp_flags & tcp::syn) != 0) {
    return;
  }
  std::uint8_t* const l4 = packet.data + parsed.l4_offset;
  if (!entry_->edited) {
    return splice::edit_inward(*entry_, l4);
  }
  Response response(state_, plan_, flows_, c, *item.listener, *entry_);
  if ((parsed.tcp_flags & tcp::ack) != 0) {
    const std::uint32_t clients = net::tcp_acknowledgment(packet.data, parsed);
    const std::uint32_t number = clients - entry_->difference;
    net::move_acknowledgment(packet.data, parsed, response.inserted().to_sender(number) - clients);
    if (entry_->blanks_sack) {
      constexpr std::array<std::uint8_t, 1> sack{net::tcp_option::sack};
      net::blank_tcp_options(packet.data, parsed, sack);
    } else {
      net::move_sack(packet.data, parsed, 0 - entry_->difference, response.inserted());
    }
    response.note_client(clients, !parsed.fragment && net::tcp_payload_size(packet.data, parsed) != 0);
  }
  splice::shift_window(l4, static_cast<int>(entry_->shift_in));
}

bool Delay::edit_outward(const Connection& c, Packet& packet, net::Parsed& parsed, Item& item) noexcept {
  entry_ = state_.spliced.find(key_of(c, *item.listener));
  if (entry_ == nullptr || entry_->phase != Phase::spliced) {
    return true;
  }
  if (!has_header(packet, parsed)) {
    item.drop(Counter::drop_malformed);
    return false;
  }
  if ((parsed.tcp_flags & tcp::syn) != 0) {  // the acknowledgment of its SYN-ACK got lost
    const auto said = net::tcp_timestamps(packet.data, parsed);
    const auto stamps = splice::stamp_option(said ? net::Timestamps{said->echo, said->value} : net::Timestamps{});
    answer(plan_, packet, parsed, item,
           {.sequence = net::tcp_acknowledgment(packet.data, parsed),
            .acknowledgment = net::tcp_sequence(packet.data, parsed) + 1,
            .flags = tcp::ack,
            .window = AwaitedConnections::held_bytes_of_one_max,
            .options = std::span(stamps).first(said ? stamps.size() : 0)});
    return false;
  }
  if (entry_->owned) [[unlikely]] {
    note_backend(state_, *entry_, parsed, net::tcp_acknowledgment(packet.data, parsed));
  }
  if (!entry_->edited) {
    splice::edit_outward(*entry_, packet.data + parsed.l4_offset);
    return true;
  }
  const std::uint32_t number = net::tcp_sequence(packet.data, parsed);
  const std::uint32_t by = entry_->difference;
  Response response(state_, plan_, flows_, c, *item.listener, *entry_);
  if (!response.read(packet, parsed, item, now_ms_)) {
    return false;
  }
  net::move_sequence(packet.data, parsed, by + response.inserted().to_receiver(number) - number);
  splice::shift_window(packet.data + parsed.l4_offset, entry_->shift_out());
  return true;
}

void Delay::note_answer(const Connection& c, Packet& packet, const net::Parsed& parsed, Item& item) noexcept {
  splice::Entry* const entry = entry_;
  if (entry == nullptr || entry->phase == Phase::spliced || item.verdict != Verdict::undecided) {
    return;
  }
  item.drop(Counter::drop_consumed);
  Awaited& one = state_.awaited.at(entry->waiting);
  if (entry->phase != Phase::connecting || !is_sane(packet, parsed) || (parsed.tcp_flags & tcp::ack) == 0) {
    return;
  }
  if (net::tcp_acknowledgment(packet.data, parsed) != one.client_sequence + 1) {
    // Of a connection between the same ends that the backend has not ended yet (RFC 9293, section 3.10.7.3).
    return reset_sender(state_, plan_, packet, parsed, item, Counter::drop_consumed);
  }
  if ((parsed.tcp_flags & tcp::rst) != 0) {
    one.refused = true;
    return state_.awaited.bring_up(one);
  }
  if ((parsed.tcp_flags & tcp::syn) == 0) {
    return;
  }
  const plan::Service& service = plan_.service_of(*item.listener);
  const Offer backend = splice::read_offer(packet.data, parsed);
  if (!keeps_promise(one, backend)) {
    state_.counters.add(Counter::option_mismatch);
    one.refused = true;
    state_.awaited.bring_up(one);
    net::move_acknowledgment(packet.data, parsed, 0u - header_room(service, c.client.family()));
    return reset_sender(state_, plan_, packet, parsed, item, Counter::drop_consumed);
  }
  splice(c, *item.listener, *entry, one, backend, net::tcp_sequence(packet.data, parsed));
}

std::uint32_t Delay::backends_number(const Connection& c, const plan::Listener& listener,
                                     std::uint32_t clients) noexcept {
  splice::Entry* const entry = state_.spliced.find(key_of(c, listener));
  if (entry == nullptr || entry->phase != Phase::spliced) {
    return clients;
  }
  return Response(state_, plan_, flows_, c, listener, *entry).inserted().to_sender(clients - entry->difference);
}

void Delay::edit_turned(const Connection& c, const Packet& packet, const net::Parsed& parsed,
                        const plan::Listener& listener) noexcept {
  const std::uint32_t number = net::tcp_acknowledgment(packet.data, parsed);
  net::move_acknowledgment(packet.data, parsed, backends_number(c, listener, number) - number);
  if (entry_ != nullptr && entry_->phase == Phase::spliced && entry_->stamped) {
    net::move_timestamps(packet.data, parsed, {0, 0 - entry_->waiting});
  }
}

bool Delay::conflicts(const Connection& c, Packet& packet, const net::Parsed& parsed, Item& item) noexcept {
  const plan::Service& service = plan_.service_of(*item.listener);
  splice::Entry* const entry = service.reads_requests ? entry_ : nullptr;
  if (entry == nullptr || entry->stamped || entry->phase != Phase::spliced || !is_sane(packet, parsed) ||
      !Response(state_, plan_, flows_, c, *item.listener, *entry)
           .asks_again(net::tcp_acknowledgment(packet.data, parsed))) {
    return false;
  }
  const Segment segment = segment_of(packet, parsed);
  const std::size_t size = std::min<std::size_t>(segment.size, packet.contiguous - segment.offset);
  plan::Payload said = payload_of({packet.data + segment.offset, size}, true);
  said.branch = plan::route(service, said).branch;
  const Question question{
      .plan = plan_, .listener = *item.listener, .tuple = tuple_of(*item.listener, c), .payload = &said};
  const plan::Backend* const named = size == 0 ? nullptr : plan::named_again(plan_, service, question.tuple, said);
  if (named == nullptr || named == item.backend || !reaches(question, *named) ||
      must_leave(plan_, pool_of(question), named->slot, state_.node.backends, nullptr)) {
    return false;
  }
  const std::uint32_t clients = net::tcp_acknowledgment(packet.data, parsed);
  edit_inward(c, packet, parsed, item);
  const net::Endpoint from{item.client.address.is_none() ? c.client : item.client.address,
                           item.client.l4_port != 0 ? item.client.l4_port : c.client_port};
  net::Endpoint to = item.backend->endpoint(from.address.family());
  to.l4_port = to.l4_port != 0 ? to.l4_port : c.vip_port;
  reset_receiver(state_, plan_, packet, parsed, from, to);
  net::move_acknowledgment(packet.data, parsed, clients - net::tcp_acknowledgment(packet.data, parsed));
  end_flow(c, *item.listener);
  reset_sender(state_, plan_, packet, parsed, item, Counter::drop_conflict);
  return true;
}

bool Delay::note_error(const Connection& c, const plan::Listener& listener, std::uint32_t sequence) noexcept {
  const splice::Entry* const entry = state_.spliced.find(key_of(c, listener));
  if (entry == nullptr || entry->phase != Phase::connecting) {
    return false;
  }
  Awaited& one = state_.awaited.at(entry->waiting);
  if (sequence == one.client_sequence) {
    one.refused = true;
    state_.awaited.bring_up(one);
  }
  return true;
}

plan::Payload Delay::payload_of(std::span<const std::uint8_t> bytes, bool last) const noexcept {
  return {.bytes = bytes, .last = last, .now_s = now_s(), .scratch = plan_.scratch_of(state_.index)};
}

/// The client of a connection that is joined has not shown what names its backend.
bool Delay::owes_cookie(const Connection& c, const plan::Listener& listener, const Awaited& one) noexcept {
  const plan::Service& service = plan_.service_of(listener);
  const plan::Backend* const backend =
      service.reply_room == 0 ? nullptr : plan_.backend(one.tried[one.tried_count - 1u]);
  if (backend == nullptr) {
    return false;
  }
  const plan::Tuple tuple = tuple_of(listener, c);
  plan::Payload said = payload_of(state_.awaited.contents(one), true);
  static_cast<void>(plan::hear(service, tuple, said));
  return plan::owes_cookie(plan_, service, tuple, said, *backend);
}

/// Both sides are joined: what the client was promised, and what the backend keeps to.
void Delay::splice(const Connection& c, const plan::Listener& listener, splice::Entry& entry, Awaited& one,
                   const Offer& backend, std::uint32_t sequence) noexcept {
  const plan::Service& service = plan_.service_of(listener);
  entry.join(joint_of(service, one, backend, sequence));
  state_.counters.add(Counter::delayed_spliced);
  if (!entry.stamped) {  // else its service has begun to change what is said since the SYN was answered, and does not
    Response(state_, plan_, flows_, c, listener, entry).expect(owes_cookie(c, listener, one));
  }
  release_joined(state_, entry, one, now_ms_);
}

void tend_awaited(State& state, Millis now_ms) noexcept {
  state.awaited.each_due(now_ms, [&](Awaited& one) {
    splice::Entry* const entry = state.spliced.find(one.key);
    if (tend_owned(state, entry, one, now_ms)) {
      return;
    }
    if (one.held == 0) {  // its service is gone: nobody has taken the last packet back
      state.spliced.erase(*entry);
      return state.awaited.end(one);
    }
    one.due_ms = now_ms + look_again_ms;
    if (entry->phase == Phase::spliced) {
      return state.awaited.bring_up(one);
    }
    if (entry->phase == Phase::open) {
      one.late = true;
      state.awaited.stop_hearing(one);
      return state.awaited.bring_up(one);
    }
    if (one.syns < syns_max) {
      one.due_ms = now_ms + (syn_again_ms << one.syns);
      ++one.syns;
      return state.awaited.want(one, Wants::syn);
    }
    one.refused = true;
    state.awaited.bring_up(one);
  });
}

std::size_t make_syn(State& state, const Awaited& one, std::span<std::uint8_t> out) noexcept {
  const Packet& like = *state.awaited.first_packet(one);
  net::Parsed parsed;
  net::parse(like.data, like.contiguous, like.size, parsed);
  const std::uint32_t window = load_be<std::uint16_t>(like.data + parsed.l4_offset + net::tcp::window);
  const splice::OfferOptions options(one.offer);
  return l3::segment_like(out, like.data, parsed,
                          {.sequence = one.client_sequence,
                           .flags = tcp::syn,
                           .window = static_cast<std::uint16_t>(std::min(window << one.offer.shift(), 0xffffu)),
                           .options = options.bytes()});
}

}  // namespace limpet::path
