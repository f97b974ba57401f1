#include "path/reply.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "extract/http_response.hpp"
#include "extract/server_hello.hpp"
#include "net/tcp_edit.hpp"
#include "path/claims.hpp"
#include "path/commit.hpp"
#include "path/records.hpp"
#include "plan/replies.hpp"

namespace limpet::path {
namespace {

using counters::Counter;
using extract::Found;
using splice::Reply;

constexpr std::string_view response_begin = "HTTP/1.";
constexpr char hello_begin = 22;  // a record of handshake messages (RFC 8446, section 5.1)

/// Another response follows for the same request (RFC 9110, section 15.2). Behind 101 comes another protocol.
bool is_interim(const extract::Head& head) noexcept {
  return !extract::is_final(head) && head.status != 101;
}

}  // namespace

void Response::expect(bool owes_cookie) noexcept {
  entry_.owes_cookie = owes_cookie;
  entry_.requested = wants_heads();
  settle();
}

bool Response::wants_heads() const noexcept {
  const plan::Service& service = plan_.service_of(listener_);
  return !entry_.unread && (entry_.owes_cookie || service.reads_replies || service.reads_hellos);
}

/// It begins, as far as it is there, like one that the service reads.
bool Response::wants_response(std::string_view begin) const noexcept {
  const plan::Service& service = plan_.service_of(listener_);
  if (begin.starts_with(hello_begin)) {
    return service.reads_hellos;
  }
  return (entry_.owes_cookie || service.reads_replies) &&
         begin.substr(0, response_begin.size()) == response_begin.substr(0, begin.size());
}

void Response::lose_step() noexcept {
  entry_.unread = true;
  entry_.owes_cookie = entry_.requested = false;
}

/// Whether anything is left to be done to what the backend says.
void Response::settle() noexcept {
  if (reply_ != nullptr && !reply_->reads && reply_->text_size == 0) {
    state_.replies.erase(*reply_);
    reply_ = nullptr;
  }
  const plan::Service& service = plan_.service_of(listener_);
  entry_.replying = reply_ != nullptr;
  entry_.edited = entry_.replying || wants_heads() || service.reads_requests;
}

bool Response::read(Packet& packet, net::Parsed& parsed, Item& item, Millis now_ms) noexcept {
  const std::size_t offset = std::size_t{parsed.l4_offset} + net::tcp_header_size(packet.data, parsed);
  const std::size_t end = std::size_t{parsed.l3_offset} + parsed.l3_size;
  if (parsed.fragment || offset > end || offset > packet.contiguous) {
    if (entry_.replying || entry_.owes_cookie) {
      item.drop(parsed.fragment ? Counter::drop_reply_early : Counter::drop_malformed);
    }
    return item.verdict == Verdict::undecided;
  }
  const Segment segment = segment_of(packet, parsed);
  if (segment.size != 0 && entry_.requested && !find_begin(packet, segment)) {
    item.drop(Counter::drop_reply_early);
    return false;
  }
  if (segment.size != 0 && reply_ != nullptr && reply_->reads) {
    if (ahead(segment.sequence, reply_->next()) > 0) {
      item.drop(Counter::drop_reply_early);
      return false;
    }
    if (ahead(segment.end(), reply_->next()) > 0) {
      add(packet, segment);
      digest(now_ms);
      if (reply_->reads && reply_->next() != segment.end()) {  // the rest lies in other segments
        stop_reading(true);
        lose_step();
      }
    }
  }
  const bool goes_on = reply_ == nullptr || reply_->text_size == 0 || apply(packet, parsed, item, segment);
  settle();
  return goes_on;
}

/// Whether the packet begins the response, or comes before it. False: what lies between is yet to come.
bool Response::find_begin(const Packet& packet, const Segment& segment) noexcept {
  const std::uint32_t number = entry_.waiting + 1 - entry_.difference;
  if (!wants_heads() || ahead(segment.end(), number) <= 0) {
    return true;
  }
  if (ahead(segment.sequence, number) > 0) {
    return false;
  }
  entry_.requested = false;
  begin(packet, segment, number);
  return true;
}

/// The packet has the byte of this number, with which a response begins.
void Response::begin(const Packet& packet, const Segment& segment, std::uint32_t number) noexcept {
  const std::size_t offset = segment.offset + (number - segment.sequence);
  const std::size_t end = std::min<std::size_t>(segment.offset + segment.size, packet.contiguous);
  const std::string_view here(reinterpret_cast<const char*>(packet.data) + offset, end - std::min(offset, end));
  if (reply_ != nullptr || !wants_response(here)) {
    return lose_step();  // what was done to the last one may still be asked for
  }
  reply_ = state_.replies.add(entry_.key(), [&](const splice::ConnectionKey& key) {
    const splice::Entry* const entry = state_.spliced.find(key);
    return entry == nullptr || !entry->replying;
  });
  if (reply_ == nullptr) {
    state_.counters.add(Counter::replies_missed);
    return lose_step();
  }
  reply_->reads = true;
  reply_->tls = here.starts_with(hello_begin);
  reply_->begin = number;
}

/// What is new of the head.
void Response::add(const Packet& packet, const Segment& segment) noexcept {
  const std::size_t known = reply_->next() - segment.sequence;
  const std::size_t here = std::min<std::size_t>(segment.size, packet.contiguous - segment.offset);
  const std::size_t size = std::min<std::size_t>(here - std::min(known, here), Reply::head_max - reply_->head_size);
  std::memcpy(reply_->head + reply_->head_size, packet.data + segment.offset + known, size);
  reply_->head_size = static_cast<std::uint16_t>(reply_->head_size + size);
}

void Response::stop_reading(bool missed) noexcept {
  reply_->reads = false;
  state_.counters.add(Counter::replies_missed, missed ? 1 : 0);
}

/// The id is learnt when all of the message is there; nothing behind it is looked at.
void Response::digest_hello(Millis now_ms) noexcept {
  extract::HelloScratch scratch;
  const extract::Value id = extract::given_session_id(reply_->head_view(), scratch);
  if (id.found == Found::incomplete && reply_->head_size != Reply::head_max) {
    return;
  }
  if (id.found == Found::value) {
    learn_of(id, now_ms);
  }
  stop_reading(id.found == Found::incomplete);
  lose_step();
}

void Response::digest(Millis now_ms) noexcept {
  if (reply_->tls) {
    return digest_hello(now_ms);
  }
  extract::Head head = extract::read_response(reply_->head_view());
  while (head.found == Found::value && is_interim(head)) {
    const extract::Value whole = extract::whole_head(head);
    if (whole.found != Found::value) {
      head.found = whole.found;
      break;
    }
    const std::size_t rest = reply_->head_size - whole.bytes.size();
    std::memmove(reply_->head, reply_->head + whole.bytes.size(), rest);
    reply_->begin += static_cast<std::uint32_t>(whole.bytes.size());
    reply_->head_size = static_cast<std::uint16_t>(rest);
    head = extract::read_response(reply_->head_view());
  }
  if (head.found == Found::value) {
    take_whole(head, now_ms);
  } else if (head.found != Found::incomplete || reply_->head_size == Reply::head_max) {
    stop_reading(head.found == Found::incomplete);
    lose_step();
  }
}

/// The first line of the final response is there, and as much as has come of the fields.
void Response::take_whole(const extract::Head& head, Millis now_ms) noexcept {
  const plan::Service& service = plan_.service_of(listener_);
  if (entry_.owes_cookie) {
    insert(head, now_ms);
  }
  if (head.status == 101) {
    lose_step();
  }
  if (!service.reads_replies) {
    return stop_reading(false);
  }
  if (!reply_->changed) {
    rewrite(head, now_ms);
  }
  const Found whole = extract::whole_head(head).found;
  if (whole == Found::incomplete && reply_->head_size != Reply::head_max) {
    return;
  }
  if (whole == Found::value) {
    learn_of(head, now_ms);
  }
  stop_reading(whole == Found::incomplete);
}

const plan::Backend* Response::backend() noexcept {
  const plan::Backend* found = nullptr;
  flows_.with_any_forward(listener_, c_, [&](auto& flow) { found = flows_.backend_of(flow.peer()); });
  return found;
}

/// All profiles that learn of it: a head, or a session id.
template <class Said>
void Response::learn_of(const Said& said, Millis now_ms) noexcept {
  const plan::Backend* const from = backend();
  if (from == nullptr) {
    return;
  }
  std::uint32_t place = record::Table::nowhere;
  for (const plan::Persist& persist : plan_.profiles_with(plan_.service_of(listener_), *from)) {
    if (const auto key = persist.learns ? plan::learnt_key(plan_, persist, said) : std::nullopt) {
      const std::uint32_t its = learn(persist, *key, *from, now_ms);
      place = place == record::Table::nowhere ? its : place;
    }
  }
  if (place != record::Table::nowhere) {
    note_record(place);
  }
}

/// Its backend's word counts, whatever was known of that value. Where the record lies.
std::uint32_t Response::learn(const plan::Persist& persist, const record::Key& key, const plan::Backend& from,
                              Millis now_ms) noexcept {
  record::Table& records = state_.node.records;
  const std::uint64_t hash = records.hash(key);
  const auto now_s = static_cast<std::uint32_t>(now_ms / 1000);
  const auto count = [&] {
    state_.counters.add(Counter::record_learned);
    persist.use->add(state_.index, counters::ProfileCounter::learned);
  };
  if (const auto record = records.find(key, hash)) {
    if (record->backend != from.slot &&
        records.replace(key, hash, record->backend, from.slot, now_s, record::at_home)) {
      const auto length = static_cast<std::uint8_t>(c_.client.is_v4() ? 32 : 128);
      note_move(state_,
                {now_ms, c_.client, length, Reason::token, listener_.slot, record->backend, from.slot, true, key});
      count();
    } else {
      records.touch(key, hash, now_s);
    }
  } else if (count_claim(state_.counters,
                         records.claim(key, hash, from.slot, now_s, record::Share::live, persist.room()))) {
    count();
  }
  return records.place_of(key, hash);
}

/// The connection keeps it in use from now on; its flow counts no longer beside the records.
void Response::note_record(std::uint32_t place) noexcept {
  using namespace flow::flag;
  state_.spliced.set_record(entry_, place);
  flows_.with_any_forward(listener_, c_, [&](auto& entry) {
    if ((entry.flags() & (counted | recorded)) == counted) {
      entry.set_flags(entry.flags() | recorded);
      add_relaxed(state_.uses[entry.peer()].flows_alone, -1);
    }
  });
}

void Response::note_client(std::uint32_t acknowledgment, bool says) noexcept {
  const bool asks = asks_again(acknowledgment);
  note_received(acknowledgment - entry_.difference);
  if (!entry_.edited || !asks || (reply_ != nullptr && reply_->reads)) {
    return;
  }
  if (says) {
    entry_.waiting = acknowledgment - 1;
    entry_.requested = wants_heads();
  } else if (entry_.requested) {
    lose_step();  // it has got what was not read
    settle();
  }
}

/// The client has got everything up to this number: the backend's, but for what was inserted.
void Response::note_received(std::uint32_t number) noexcept {
  if (reply_ == nullptr || reply_->text_size == 0 || ahead(number, reply_->at + reply_->text_size) < 0) {
    return;
  }
  entry_.difference += reply_->inserted().size;
  std::atomic_signal_fence(std::memory_order_seq_cst);  // a process killed in between leaves what a restart drops
  reply_->text_size = 0;
  reply_->inserts = false;
  settle();
}

}  // namespace limpet::path
