// Bytes put into a TCP stream on its way: what stands behind them has other numbers for who receives it. Any thread.
#pragma once

#include <algorithm>
#include <cstdint>

namespace limpet::net {

struct Inserted {
  std::uint32_t at = 0;    // number of the byte that they stand before, as its sender counts
  std::uint32_t size = 0;  // 0: none

  /// The receiver's number of what has number `sender` for the sender: of a byte, or of the end of what was sent.
  [[nodiscard]] constexpr std::uint32_t to_receiver(std::uint32_t sender) const noexcept {
    return static_cast<std::int32_t>(sender - at) > 0 ? sender + size : sender;
  }
  /// The sender's number of what the receiver acknowledges so; the inserted bytes are none of the sender's.
  [[nodiscard]] constexpr std::uint32_t to_sender(std::uint32_t receiver) const noexcept {
    const auto ahead = static_cast<std::int32_t>(receiver - at);
    return ahead <= 0 ? receiver : receiver - std::min(static_cast<std::uint32_t>(ahead), size);
  }
};

}  // namespace limpet::net
