#include "splice/edit.hpp"

#include <array>

#include "net/tcp_edit.hpp"

namespace limpet::splice {

void edit_sack(const Entry& entry, std::uint8_t* l4) noexcept {
  const net::Parsed at_hand;  // its TCP header is where `l4` points to
  if (entry.blanks_sack) {
    constexpr std::array<std::uint8_t, 1> sack{net::tcp_option::sack};
    net::blank_tcp_options(l4, at_hand, sack);
  } else {
    net::move_sack(l4, at_hand, 0 - entry.difference);
  }
}

void edit_stamps(std::uint8_t* l4, const net::Timestamps& by) noexcept {
  const net::Parsed at_hand;
  net::move_timestamps(l4, at_hand, by);
}

}  // namespace limpet::splice
