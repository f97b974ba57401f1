// What Limpet answers by itself: ARP and ND for its addresses and VIPs, and ping. Workers; in place, no state.
#pragma once

#include "l3/messages.hpp"

namespace limpet::l3 {

enum class Answer : std::uint8_t { none, reply };

/// A question that someone may have to answer, and the address it is about.
struct Question {
  enum class Kind : std::uint8_t { arp, solicitation, echo } kind;
  IpAddress address;
};

/// A whole echo request (RFC 792; RFC 4443, section 4.1).
[[nodiscard]] bool is_echo_request(const Parsed& parsed) noexcept;

/// The same with nothing between IP and ICMP headers: its answer changes no byte behind them, wherever those lie.
[[nodiscard]] bool has_plain_echo(const Parsed& parsed) noexcept;

/// The question that the frame asks, if it asks one; `parsed` has no error.
[[nodiscard]] std::optional<Question> question_of(const Buffer& buffer, const Parsed& parsed) noexcept;

/// Turns the frame into the answer that `own` gives; the size of it, or 0.
[[nodiscard]] std::size_t answer_in_place(const Buffer& buffer, const Parsed& parsed, const Question& question,
                                          const Mac& own) noexcept;

/// Answers the frame in `buffer`, whose size changes, when it asks about an address for which `ours(address)` is
/// true on the interface it came on. The answer leaves there, with the tags it came with, to the sender's MAC.
template <class Ours>
[[nodiscard]] Answer answer(Buffer& buffer, const Parsed& parsed, const Mac& own, Ours&& ours) {
  const auto question = question_of(buffer, parsed);
  if (!question || !ours(question->address)) {
    return Answer::none;
  }
  const std::size_t size = answer_in_place(buffer, parsed, *question, own);
  if (size == 0) {
    return Answer::none;
  }
  buffer.size = size;
  return Answer::reply;
}

}  // namespace limpet::l3
