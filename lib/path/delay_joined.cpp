#include "net/tcp_edit.hpp"
#include "path/delay.hpp"
#include "path/offers.hpp"
#include "path/reply.hpp"
#include "path/reset.hpp"
#include "plan/hearing.hpp"
#include "plan/replies.hpp"
#include "splice/edit.hpp"

namespace limpet::path {

using splice::Offer;
using splice::Phase;
namespace tcp = net::tcp_flag;

bool Delay::is_of_storm(const splice::ConnectionKey& key, const Packet& packet, const net::Parsed& parsed,
                        Item& item) noexcept {
  const std::size_t size = net::tcp_header_size(packet.data, parsed) + net::tcp_payload_size(packet.data, parsed);
  if (state_.ack_guard.passes(state_.spliced.hash(key), packet.data + parsed.l4_offset, size, Tick16(now_ms_))) {
    return false;
  }
  item.drop(Counter::drop_ack_storm);
  return true;
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
  entry_ = state_.spliced.find(spliced_key(*item.listener, c));
  if (entry_ == nullptr || entry_->phase != Phase::spliced) {
    return true;
  }
  if (!has_tcp_header(packet, parsed)) {
    item.drop(Counter::drop_malformed);
    return false;
  }
  if ((parsed.tcp_flags & tcp::syn) != 0) {  // the acknowledgment of its SYN-ACK got lost
    const auto said = net::tcp_timestamps(packet.data, parsed);
    const auto stamps = splice::stamp_option(said ? net::Timestamps{said->echo, said->value} : net::Timestamps{});
    answer_sender(plan_, packet, parsed, item,
                  {.sequence = net::tcp_acknowledgment(packet.data, parsed),
                   .acknowledgment = net::tcp_sequence(packet.data, parsed) + 1,
                   .flags = tcp::ack,
                   .window = AwaitedConnections::held_bytes_of_one_max,
                   .options = std::span(stamps).first(said ? stamps.size() : 0)},
                  Counter::drop_no_syn_cookie);
    return false;
  }
  if (is_of_storm(entry_->key(), packet, parsed, item)) {
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
  if (entry->phase != Phase::connecting || !is_whole(packet, parsed) || (parsed.tcp_flags & tcp::ack) == 0) {
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
  splice::Entry* const entry = state_.spliced.find(spliced_key(listener, c));
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
  if (entry == nullptr || entry->stamped || entry->unread || entry->phase != Phase::spliced ||
      !is_whole(packet, parsed) ||
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
  const splice::Entry* const entry = state_.spliced.find(spliced_key(listener, c));
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

}  // namespace limpet::path
