#include "path/owned.hpp"

#include "l3/segment.hpp"
#include "net/parse.hpp"

namespace limpet::path {
namespace {

using splice::Phase;
namespace tcp = net::tcp_flag;

constexpr Millis own_after_ms = 40;
constexpr Millis again_ms = 200;     // doubled each time
constexpr unsigned repeats_max = 6;  // about 12 s

Awaited* owned_of(State& state, const splice::Entry& entry) noexcept {
  return entry.owned ? state.awaited.find_owner(entry.key()) : nullptr;
}

}  // namespace

bool belongs(State& state, const splice::Entry* entry, const Awaited& one) noexcept {
  if (entry == nullptr) {
    return false;
  }
  return entry->phase == Phase::spliced ? entry->owned && state.awaited.find_owner(one.key) == &one
                                        : entry->waiting == state.awaited.index_of(one);
}

void note_piece(State& state, Awaited& one, const Segment& segment, std::uint16_t mss, Millis now_ms) noexcept {
  if (segment.size != 0 && segment.size < mss && one.due_ms == one.late_ms && !one.late &&
      state.awaited.contents(one).size() > one.owned && state.awaited.can_own(one)) {
    one.due_ms = std::min(one.late_ms, now_ms + own_after_ms);
  }
}

void note_repeated(State& state, Awaited& one, const Segment& segment) noexcept {
  if (segment.size != 0 && state.awaited.is_owned(one, segment.end() - 1)) {
    state.awaited.want(one, Wants::acknowledgment);
  }
}

std::size_t make_acknowledgment(State& state, Awaited& one, std::span<std::uint8_t> out) noexcept {
  const Packet* const like = state.awaited.first_packet(one);
  const auto said = static_cast<std::uint32_t>(state.awaited.contents(one).size());
  if (like == nullptr || said == 0 || !state.awaited.can_own(one)) {
    return 0;
  }
  net::Parsed parsed;
  net::parse(like->data, like->contiguous, like->size, parsed);
  std::copy_n(like->data, std::min<std::size_t>(like->size, out.size()), out.data());
  const auto left = AwaitedConnections::held_bytes_of_one_max -
                    std::min<std::uint32_t>(said, AwaitedConnections::held_bytes_of_one_max);
  const std::uint32_t rounded_up = (left + (1u << one.shift) - 1) >> one.shift;
  net::Mac own;
  std::copy_n(like->data, own.bytes.size(), own.bytes.begin());
  const auto stamps = splice::stamp_option({one.own_sequence, one.heard_stamp});
  const std::size_t size =
      l3::answer_segment({out.data(), like->size, static_cast<std::uint32_t>(out.size())}, parsed, own,
                         {.sequence = one.own_sequence + 1,
                          .acknowledgment = one.client_sequence + 1 + said,
                          .flags = tcp::ack,
                          .window = static_cast<std::uint16_t>(rounded_up),
                          .options = std::span(stamps).first(one.offer.stamps ? stamps.size() : 0)});
  if (size != 0) {
    one.owned = std::max(one.owned, said);
    state.counters.add(Counter::delayed_owned);
  }
  return size;
}

void release_joined(State& state, splice::Entry& entry, Awaited& one, Millis now_ms) noexcept {
  entry.owned = one.owned != 0;
  if (!entry.owned) {
    return state.awaited.release(one);
  }
  one.repeats = 0;
  one.due_ms = now_ms + again_ms;
  state.awaited.want(one, Wants::copies);
  state.awaited.release_owner(one);
}

void note_backend(State& state, splice::Entry& entry, const net::Parsed& parsed,
                  std::uint32_t acknowledgment) noexcept {
  Awaited* const one = owned_of(state, entry);
  if (one == nullptr) {
    return;
  }
  if ((parsed.tcp_flags & tcp::rst) != 0) {
    state.awaited.end(*one);
    entry.owned = false;
  } else if ((parsed.tcp_flags & tcp::ack) != 0) {
    entry.owned = !state.awaited.end_owned(*one, acknowledgment);
  }
}

bool end_if_lost(State& state, splice::Entry& entry) noexcept {
  Awaited* const one = owned_of(state, entry);
  if (!entry.owned || (one != nullptr && !one->refused)) {
    return false;
  }
  if (one != nullptr) {
    state.awaited.end(*one);
  }
  entry.owned = false;
  return true;
}

bool tend_owned(State& state, splice::Entry* entry, Awaited& one, Millis now_ms) noexcept {
  if (!belongs(state, entry, one)) {  // it ended
    state.awaited.end(one);
    return true;
  }
  if (entry->phase == Phase::open && !one.late && now_ms < one.late_ms) {
    one.due_ms = one.late_ms;
    state.awaited.want(one, Wants::acknowledgment);
    return true;
  }
  if (entry->phase != Phase::spliced) {
    return false;
  }
  if (one.held != 0 && one.repeats < repeats_max) {
    state.counters.add(Counter::delayed_owned_again, one.held);
    state.awaited.want(one, Wants::copies);
    one.due_ms = now_ms + (again_ms << ++one.repeats);
    return true;
  }
  one.refused = true;
  return false;
}

}  // namespace limpet::path
