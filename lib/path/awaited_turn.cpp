#include "path/awaited_turn.hpp"

#include <algorithm>

#include "l3/segment.hpp"
#include "net/parse.hpp"
#include "splice/offer.hpp"

namespace limpet::path {
namespace {

using splice::Phase;

constexpr unsigned syns_max = 3;        // to one backend
constexpr Millis syn_again_ms = 500;    // doubled each time
constexpr Millis look_again_ms = 1000;  // at what should have been seen to at once

}  // namespace

void begin_syns(State& state, Awaited& one, Millis now_ms) noexcept {
  one.refused = false;
  one.syns = 1;
  one.due_ms = now_ms + syn_again_ms;
  state.awaited.want(one, Wants::syn);
}

void tend_awaited(State& state, Millis now_ms) noexcept {
  state.awaited.each_due(now_ms, [&](Awaited& one) {
    splice::Entry* const entry = state.spliced.find(one.key);
    if (tend_owned(state, entry, one, now_ms)) {
      return;
    }
    if (one.held == 0 && state.awaited.has_ready()) {
      return;  // its only packet may be on its way
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
                           .flags = net::tcp_flag::syn,
                           .window = static_cast<std::uint16_t>(std::min(window << one.offer.shift(), 0xffffu)),
                           .options = options.bytes()});
}

}  // namespace limpet::path
