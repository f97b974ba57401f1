#include "l3/answer.hpp"

#include "net/headers.hpp"

namespace limpet::l3 {

bool is_echo_request(const Parsed& parsed) noexcept {
  if (parsed.kind != net::Kind::ip || parsed.fragment) {
    return false;
  }
  return parsed.source.is_v4()
             ? parsed.protocol == net::ip_protocol::icmp && parsed.icmp_type == net::icmp::echo_request
             : parsed.protocol == net::ip_protocol::icmpv6 && parsed.icmp_type == net::icmpv6::echo_request;
}

bool has_plain_echo(const Parsed& parsed) noexcept {
  const std::size_t header = parsed.source.is_v4() ? net::ipv4::size : net::ipv6::size;
  return is_echo_request(parsed) && parsed.l4_offset == parsed.l3_offset + header;
}

std::optional<Question> question_of(const Buffer& buffer, const Parsed& parsed) noexcept {
  const std::span<const std::uint8_t> frame{buffer.data, buffer.size};
  if (parsed.kind == net::Kind::arp) {
    const auto message = read_arp(frame, parsed);
    if (!message || message->reply || message->sender == message->target) {  // the last: an announcement
      return std::nullopt;
    }
    return Question{Question::Kind::arp, message->target};
  }
  if (parsed.kind != net::Kind::ip || parsed.fragment) {
    return std::nullopt;
  }
  const bool v4 = parsed.source.is_v4();
  if (!v4 && parsed.protocol == net::ip_protocol::icmpv6 && parsed.icmp_type == net::icmpv6::neighbour_solicitation) {
    const auto message = read_nd(frame, parsed);
    return message ? std::optional(Question{Question::Kind::solicitation, message->target}) : std::nullopt;
  }
  if (is_echo_request(parsed)) {
    return Question{Question::Kind::echo, parsed.destination};
  }
  return std::nullopt;
}

std::size_t answer_in_place(const Buffer& buffer, const Parsed& parsed, const Question& question,
                            const Mac& own) noexcept {
  switch (question.kind) {
    case Question::Kind::arp:
      return arp_reply_in_place(buffer, parsed, own);
    case Question::Kind::solicitation:
      return advertisement_in_place(buffer, parsed, own);
    case Question::Kind::echo:
      return echo_reply_in_place(buffer, parsed, own);
  }
  return 0;
}

}  // namespace limpet::l3
