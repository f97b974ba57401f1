// Against ACK storms: two sides that disagree about what was said acknowledge each other's acknowledgments for ever, as
// fast as the way between them lets them (RFC 5961, section 7, names the attack that brings them to it). The same
// acknowledgment, without data, passes some times a second and no more. A fixed number of places, each of which keeps
// what comes most often, whatever else falls into it; nothing is kept with connections. Private to its worker.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/time.hpp"
#include "hash/keyed.hpp"
#include "splice/edit.hpp"

namespace limpet::splice {

class AckGuard {
 public:
  /// In a second: more than those by which a sender learns of loss (RFC 5681, section 3.2), where they do not say more
  /// in a selective acknowledgment.
  static constexpr unsigned same_max = 64;

  explicit AckGuard(const hash::Key& seed) noexcept : seed_(seed) {}

  /// A segment of a connection of this hash; `size`: of its TCP header and data. False: it says nothing but what its
  /// side has said too often.
  [[nodiscard]] bool passes(std::uint64_t connection, const std::uint8_t* l4, std::size_t size, Tick16 now) noexcept {
    return !is_bare(l4, size) || passes_bare(connection, l4, now);
  }

 private:
  struct Place {
    std::uint32_t tag = 0;
    Tick16 second;
    std::uint16_t count = 0;
  };
  static_assert(sizeof(Place) == 8);

  /// An acknowledgment without data, whose only option may be timestamps.
  static bool is_bare(const std::uint8_t* l4, std::size_t size) noexcept {
    using namespace net::tcp_flag;
    return size == detail::header_size(l4) && size <= detail::stamps_end &&
           (l4[net::tcp::flags] & (syn | fin | rst | ack)) == ack &&
           (size == net::tcp::size || detail::begins_with_stamps(l4));
  }

  [[gnu::noinline]] bool passes_bare(std::uint64_t connection, const std::uint8_t* l4, Tick16 now) noexcept {
    const auto numbers = load_be<std::uint64_t>(l4 + net::tcp::sequence);  // and the one acknowledged
    const std::uint64_t hash = hash::keyed(seed_, connection, numbers);
    const auto tag = static_cast<std::uint32_t>(hash);
    Place& place = places_[hash >> 32 & (places_.size() - 1)];
    if (place.tag == tag && place.second == now) {
      if (place.count > same_max) {
        return false;
      }
      return ++place.count <= same_max;
    }
    if (place.count == 0 || place.second != now) {
      place = {tag, now, 1};
    } else {
      --place.count;
    }
    return true;
  }

  const hash::Key seed_;
  std::array<Place, 1024> places_{};
};

}  // namespace limpet::splice
