// Of Response, what changes the response: its cookie goes in, as a line of its own or in place of a placeholder, in
// every segment that has bytes of it, however often that is sent.
#include <algorithm>

#include "extract/http_response.hpp"
#include "net/payload_edit.hpp"
#include "path/reply.hpp"
#include "plan/own_token.hpp"
#include "plan/replies.hpp"

namespace limpet::path {
namespace {

using counters::Counter;
using extract::Found;

/// Room that later stages may need before the packet: a larger IP header, a VLAN tag.
constexpr std::size_t headroom_left = 32;

/// As many equal characters as a token has, or the first of them.
bool is_placeholder(std::string_view value, bool whole) noexcept {
  return !value.empty() && value.size() <= extract::cookie_token_bytes &&
         (!whole || value.size() == extract::cookie_token_bytes) &&
         value.find_first_not_of(value.front()) == std::string_view::npos;
}

}  // namespace

const plan::Persist* Response::own_token_profile() noexcept {
  const plan::Backend* const from = backend();
  return from == nullptr ? nullptr : plan::own_token_profile(plan_.profiles_with(plan_.service_of(listener_), *from));
}

void Response::token(const plan::Persist& persist, char* to, Millis now_ms) noexcept {
  const plan::Backend* const from = backend();
  if (from == nullptr) {
    reply_->text_size = 0;
    return;
  }
  const std::uint64_t nonce = hash::keyed(plan_.cookie_seed, std::uint64_t{entry_.waiting} << 32 | reply_->at, now_ms);
  plan::write_own_token(plan_, persist, *from, static_cast<std::uint32_t>(now_ms / 1000),
                        static_cast<std::uint32_t>(nonce),
                        std::span<char, extract::cookie_token_bytes>(to, extract::cookie_token_bytes));
}

/// A line of its own, the first of the fields.
void Response::insert(const extract::Head& head, Millis now_ms) noexcept {
  entry_.owes_cookie = false;
  const plan::Persist* const persist = own_token_profile();
  if (persist == nullptr || persist->by != model::By::insert) {
    return;  // the plan has changed
  }
  const model::CookieLine& line = persist->own->line;
  reply_->inserts = true;
  reply_->at = reply_->begin + static_cast<std::uint32_t>(head.fields_at);
  reply_->text_size = static_cast<std::uint16_t>(line.size());
  char* const value = std::copy(line.before.begin(), line.before.end(), reply_->text);
  std::copy(line.behind.begin(), line.behind.end(), value + extract::cookie_token_bytes);
  token(*persist, value, now_ms);
  state_.counters.add(Counter::cookies_inserted, reply_->text_size != 0 ? 1 : 0);
}

/// The placeholder may not be whole yet: what is there of it goes out changed.
void Response::rewrite(const extract::Head& head, Millis now_ms) noexcept {
  const plan::Persist* const persist = own_token_profile();
  if (persist == nullptr || persist->by != model::By::rewrite) {
    return;
  }
  const extract::Value value = extract::set_cookie(head, persist->name);
  const std::string_view text =
      value.found == Found::incomplete ? extract::unfinished_set_cookie(head, persist->name) : value.bytes;
  if (!is_placeholder(text, value.found == Found::value)) {
    return;
  }
  reply_->at = reply_->begin + static_cast<std::uint32_t>(text.data() - reply_->head);
  reply_->text_size = extract::cookie_token_bytes;
  reply_->changed = true;
  token(*persist, reply_->text, now_ms);
  state_.counters.add(Counter::cookies_rewritten, reply_->text_size != 0 ? 1 : 0);
}

/// False: there is no room in the packet, which is dropped.
bool Response::apply(Packet& packet, net::Parsed& parsed, Item& item, const Segment& segment) noexcept {
  if (reply_->inserts) {
    if (segment.has(reply_->at) && !apply_inserted(packet, parsed, segment.offset + (reply_->at - segment.sequence))) {
      item.drop(Counter::drop_no_headroom);
    }
    return item.verdict == Verdict::undecided;
  }
  const std::int32_t first = std::max(ahead(reply_->at, segment.sequence), 0);
  const std::int32_t last = std::min<std::int32_t>(ahead(reply_->at + reply_->text_size, segment.sequence),
                                                   static_cast<std::int32_t>(segment.size));
  if (first >= last) {
    return true;
  }
  const std::size_t at = segment.offset + static_cast<std::size_t>(first);
  const auto size = static_cast<std::size_t>(last - first);
  if (at + size > packet.contiguous) {
    item.drop(Counter::drop_no_headroom);
    return false;
  }
  const std::uint32_t from = segment.sequence + static_cast<std::uint32_t>(first) - reply_->at;
  net::overwrite(packet.data, parsed, at, reply_->text_view().substr(from, size));
  return true;
}

/// Before the packet where there is room, as few bytes stand there; else behind it.
bool Response::apply_inserted(Packet& packet, net::Parsed& parsed, std::size_t at) noexcept {
  const std::size_t size = reply_->text_size;
  net::Delta delta;
  if (packet.headroom >= size + headroom_left && at <= packet.contiguous) {
    begin_earlier(packet, static_cast<std::ptrdiff_t>(size));
    net::open_gap(packet.data, parsed, at, size, delta);
  } else if (packet.contiguous == packet.size && packet.capacity >= packet.size + size) {
    packet.size += static_cast<std::uint32_t>(size);
    packet.contiguous = static_cast<std::uint16_t>(packet.contiguous + size);
    net::open_gap_behind(packet.data, parsed, at, size, delta);
  } else {
    return false;
  }
  net::fill_gap(packet.data, parsed, at, reply_->text_view(), delta);
  return true;
}

}  // namespace limpet::path
