#include "splice/offer.hpp"

#include <algorithm>

#include "net/tcp_edit.hpp"

namespace limpet::splice {
namespace {

namespace option = net::tcp_option;

constexpr std::uint8_t scale_max = 14;

}  // namespace

Offer read_offer(const std::uint8_t* frame, const net::Parsed& parsed) noexcept {
  Offer offer;
  const std::size_t size = net::tcp_header_size(frame, parsed) - net::tcp::size;
  net::each_tcp_option(std::span(frame + parsed.l4_offset + net::tcp::size, size),
                       [&](std::uint8_t kind, std::span<const std::uint8_t> bytes) {
                         if (kind == option::mss && bytes.size() == option::mss_size) {
                           offer.mss = load_be<std::uint16_t>(&bytes[2]);
                         } else if (kind == option::sack_permitted && bytes.size() == option::sack_permitted_size) {
                           offer.sack = true;
                         } else if (kind == option::window_scale && bytes.size() == option::window_scale_size) {
                           offer.scale = std::min(bytes[2], scale_max);
                         } else if (kind == option::timestamps && bytes.size() == option::timestamps_size) {
                           offer.stamps = {load_be<std::uint32_t>(&bytes[2]), load_be<std::uint32_t>(&bytes[6])};
                         }
                       });
  return offer;
}

std::array<std::uint8_t, 12> stamp_option(const net::Timestamps& stamps) noexcept {
  std::array<std::uint8_t, 12> bytes{option::no_operation, option::no_operation, option::timestamps,
                                     option::timestamps_size};
  store_be<std::uint32_t>(&bytes[4], stamps.value);
  store_be<std::uint32_t>(&bytes[8], stamps.echo);
  return bytes;
}

OfferOptions::OfferOptions(const Offer& offer) noexcept {
  using Word = std::array<std::uint8_t, 4>;
  const auto put = [&](std::span<const std::uint8_t> bytes) {
    std::copy(bytes.begin(), bytes.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += bytes.size();
  };
  put(Word{option::mss, option::mss_size, static_cast<std::uint8_t>(offer.mss >> 8),
           static_cast<std::uint8_t>(offer.mss)});
  if (offer.stamps) {
    auto stamps = stamp_option(*offer.stamps);
    if (offer.sack) {  // in the place of the no-operations
      stamps[0] = option::sack_permitted;
      stamps[1] = option::sack_permitted_size;
    }
    put(stamps);
  } else if (offer.sack) {
    put(Word{option::no_operation, option::no_operation, option::sack_permitted, option::sack_permitted_size});
  }
  if (offer.scale != Offer::no_scale) {
    put(Word{option::no_operation, option::window_scale, option::window_scale_size, offer.scale});
  }
}

}  // namespace limpet::splice
