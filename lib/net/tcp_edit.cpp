#include "net/tcp_edit.hpp"

#include <algorithm>
#include <array>

#include "net/checksum.hpp"

namespace limpet::net {
namespace {

constexpr std::size_t options_max = 40;

/// Calls `f(kind, option)` for each, as each_tcp_option() does; it may change the option.
template <class F>
void edit_options(std::uint8_t* frame, const Parsed& parsed, F&& f) noexcept {
  std::uint8_t* const l4 = frame + parsed.l4_offset;
  const std::size_t size = tcp_header_size(frame, parsed) - tcp::size;
  std::array<std::uint8_t, options_max> before;
  std::memcpy(before.data(), l4 + tcp::size, size);
  each_tcp_option(std::span(l4 + tcp::size, size), f);
  Delta delta;
  delta.change(before.data(), l4 + tcp::size, size);
  delta.apply(l4 + tcp::checksum);
}

void blank(std::span<std::uint8_t> option) noexcept {
  std::fill(option.begin(), option.end(), tcp_option::no_operation);
}

void move_field(std::uint8_t* frame, const Parsed& parsed, std::size_t field, std::uint32_t by) noexcept {
  std::uint8_t* const l4 = frame + parsed.l4_offset;
  const auto before = load_be<std::uint32_t>(l4 + field);
  store_be<std::uint32_t>(l4 + field, before + by);
  Delta delta;
  delta.change32(before, before + by);
  delta.apply(l4 + tcp::checksum);
}

void swap_bytes(std::uint8_t* one, std::uint8_t* other, std::size_t size) noexcept {
  std::swap_ranges(one, one + size, other);
}

}  // namespace

void move_sequence(std::uint8_t* frame, const Parsed& parsed, std::uint32_t by) noexcept {
  move_field(frame, parsed, tcp::sequence, by);
}

void move_acknowledgment(std::uint8_t* frame, const Parsed& parsed, std::uint32_t by) noexcept {
  move_field(frame, parsed, tcp::acknowledgment, by);
}

void move_sack(std::uint8_t* frame, const Parsed& parsed, std::uint32_t by) noexcept {
  move_sack(frame, parsed, by, {});
}

void move_sack(std::uint8_t* frame, const Parsed& parsed, std::uint32_t by, const Inserted& inserted) noexcept {
  if (tcp_header_size(frame, parsed) == tcp::size) {
    return;
  }
  edit_options(frame, parsed, [&](std::uint8_t kind, std::span<std::uint8_t> option) {
    for (std::size_t at = 2; kind == tcp_option::sack && at + 4 <= option.size(); at += 4) {
      store_be<std::uint32_t>(&option[at], inserted.to_sender(load_be<std::uint32_t>(&option[at]) + by));
    }
  });
}

std::optional<Timestamps> tcp_timestamps(const std::uint8_t* frame, const Parsed& parsed) noexcept {
  const std::size_t size = tcp_header_size(frame, parsed) - tcp::size;
  std::optional<Timestamps> found;
  each_tcp_option(std::span(frame + parsed.l4_offset + tcp::size, size),
                  [&](std::uint8_t kind, std::span<const std::uint8_t> option) {
                    if (kind == tcp_option::timestamps && option.size() == tcp_option::timestamps_size) {
                      found = {load_be<std::uint32_t>(&option[2]), load_be<std::uint32_t>(&option[6])};
                    }
                  });
  return found;
}

void move_timestamps(std::uint8_t* frame, const Parsed& parsed, const Timestamps& by) noexcept {
  edit_options(frame, parsed, [&](std::uint8_t kind, std::span<std::uint8_t> option) {
    if (kind == tcp_option::timestamps && option.size() == tcp_option::timestamps_size) {
      store_be<std::uint32_t>(&option[2], load_be<std::uint32_t>(&option[2]) + by.value);
      store_be<std::uint32_t>(&option[6], load_be<std::uint32_t>(&option[6]) + by.echo);
    }
  });
}

bool has_tcp_option(const std::uint8_t* frame, const Parsed& parsed, std::uint8_t kind) noexcept {
  const std::size_t size = tcp_header_size(frame, parsed) - tcp::size;
  bool found = false;
  each_tcp_option(std::span(frame + parsed.l4_offset + tcp::size, size),
                  [&](std::uint8_t its_kind, std::span<const std::uint8_t>) { found = found || its_kind == kind; });
  return found;
}

void blank_tcp_options(std::uint8_t* frame, const Parsed& parsed, std::span<const std::uint8_t> kinds) noexcept {
  edit_options(frame, parsed, [&](std::uint8_t kind, std::span<std::uint8_t> option) {
    if (std::find(kinds.begin(), kinds.end(), kind) != kinds.end()) {
      blank(option);
    }
  });
}

void blank_sack_below(std::uint8_t* frame, const Parsed& parsed, std::uint32_t first) noexcept {
  edit_options(frame, parsed, [&](std::uint8_t kind, std::span<std::uint8_t> option) {
    bool below = false;
    for (std::size_t at = 2; kind == tcp_option::sack && at + 8 <= option.size(); at += 8) {
      below = below || static_cast<std::int32_t>(load_be<std::uint32_t>(&option[at]) - first) < 0;
    }
    if (below) {
      blank(option);
    }
  });
}

void turn_acknowledgment(std::uint8_t* frame, const Parsed& parsed) noexcept {
  std::uint8_t* const ip = frame + parsed.l3_offset;
  std::uint8_t* const l4 = frame + parsed.l4_offset;
  if (parsed.source.is_v4()) {
    swap_bytes(ip + ipv4::source, ip + ipv4::destination, 4);
  } else {
    swap_bytes(ip + ipv6::source, ip + ipv6::destination, 16);
  }
  swap_bytes(l4 + tcp::source_port, l4 + tcp::destination_port, 2);
  swap_bytes(l4 + tcp::sequence, l4 + tcp::acknowledgment, 4);
  const std::size_t size = tcp_header_size(frame, parsed);
  each_tcp_option(std::span(l4 + tcp::size, size - tcp::size), [](std::uint8_t kind, std::span<std::uint8_t> option) {
    if (kind == tcp_option::timestamps && option.size() == tcp_option::timestamps_size) {
      swap_bytes(&option[2], &option[6], 4);
    } else {
      blank(option);
    }
  });
  store_be<std::uint16_t>(l4 + tcp::checksum, 0);
  store_be<std::uint16_t>(l4 + tcp::checksum,
                          l4_checksum(parsed.destination, parsed.source, ip_protocol::tcp, l4, size));
}

}  // namespace limpet::net
