// The options of a TCP header (RFC 9293, section 3.1).
#pragma once

#include <cstdint>
#include <span>

#include "net/headers.hpp"

namespace limpet::net {

/// RFC 7323, section 3.2.
struct Timestamps {
  std::uint32_t value = 0;  // of the sender's clock
  std::uint32_t echo = 0;   // of the receiver's, as last heard; of no meaning without ACK
  friend constexpr bool operator==(const Timestamps&, const Timestamps&) noexcept = default;
};

/// What timestamps take of each segment, with the two no-operations before them (RFC 7323, appendix A).
inline constexpr std::uint16_t timestamps_room = 12;

/// Calls `f(kind, option)` for each but no-operations, as far as lengths make sense; `option`: all its bytes.
template <class Byte, class F>
void each_tcp_option(std::span<Byte> options, F&& f) noexcept {
  while (options.size() >= 2 && options[0] != tcp_option::end) {
    if (options[0] == tcp_option::no_operation) {
      options = options.subspan(1);
      continue;
    }
    const std::size_t length = options[1];
    if (length < 2 || length > options.size()) {
      return;
    }
    f(options[0], options.first(length));
    options = options.subspan(length);
  }
}

}  // namespace limpet::net
