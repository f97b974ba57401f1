#include "splice/offer.hpp"

#include <algorithm>

#include "net/tcp_edit.hpp"
#include "net/tcp_options.hpp"

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
                         }
                       });
  return offer;
}

OfferOptions::OfferOptions(const Offer& offer) noexcept {
  const auto put = [&](std::initializer_list<std::uint8_t> bytes) {
    std::copy(bytes.begin(), bytes.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += bytes.size();
  };
  put({option::mss, option::mss_size, static_cast<std::uint8_t>(offer.mss >> 8), static_cast<std::uint8_t>(offer.mss)});
  if (offer.sack) {
    put({option::no_operation, option::no_operation, option::sack_permitted, option::sack_permitted_size});
  }
  if (offer.scale != Offer::no_scale) {
    put({option::no_operation, option::window_scale, option::window_scale_size, offer.scale});
  }
}

}  // namespace limpet::splice
