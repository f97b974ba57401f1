#include "net/mss.hpp"

#include <algorithm>

#include "net/checksum.hpp"
#include "net/tcp_options.hpp"

namespace limpet::net {
namespace {

/// Where the value of the first MSS option lies in the TCP header of `size` bytes; 0: nowhere.
std::size_t find_mss(const std::uint8_t* tcp, std::size_t size) noexcept {
  if (size < tcp::size) {
    return 0;
  }
  std::span<const std::uint8_t> first;
  each_tcp_option(std::span(tcp + tcp::size, size - tcp::size),
                  [&](std::uint8_t kind, std::span<const std::uint8_t> option) {
                    first = first.empty() && kind == tcp_option::mss ? option : first;
                  });
  return first.size() == tcp_option::mss_size ? static_cast<std::size_t>(first.data() + 2 - tcp) : 0;
}

/// As two words of the sum see it: one byte in each where the value starts at an odd offset.
std::uint16_t as_summed(std::uint16_t value, std::size_t at) noexcept {
  return at % 2 == 0 ? value : static_cast<std::uint16_t>(value << 8 | value >> 8);
}

/// `value(asked)` takes the place of what is asked for.
template <class F>
void change_mss(std::uint8_t* frame, const Parsed& parsed, F&& value) noexcept {
  if (parsed.protocol != ip_protocol::tcp || parsed.l4_offset == 0 || (parsed.tcp_flags & tcp_flag::syn) == 0) {
    return;
  }
  std::uint8_t* const tcp = frame + parsed.l4_offset;
  const std::size_t at = find_mss(tcp, std::size_t{tcp[tcp::data_offset]} / 16 * 4);
  const auto asked = at == 0 ? std::uint16_t{0} : load_be<std::uint16_t>(tcp + at);
  const std::uint16_t given = value(asked);
  if (at == 0 || asked == given) {
    return;
  }
  store_be<std::uint16_t>(tcp + at, given);
  Delta delta;
  delta.change16(as_summed(asked, at), as_summed(given, at));
  delta.apply(tcp + tcp::checksum);
}

}  // namespace

void clamp_mss(std::uint8_t* frame, const Parsed& parsed, std::uint16_t max) noexcept {
  change_mss(frame, parsed, [max](std::uint16_t asked) { return std::min(asked, max); });
}

void lower_mss(std::uint8_t* frame, const Parsed& parsed, std::uint16_t by) noexcept {
  change_mss(frame, parsed,
             [by](std::uint16_t asked) { return asked > by ? static_cast<std::uint16_t>(asked - by) : asked; });
}

}  // namespace limpet::net
