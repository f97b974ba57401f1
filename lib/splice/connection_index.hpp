// Which of a fixed number of places has what belongs to a connection: chains of places by a keyed hash, so that no
// client can make one of them long. Memory is taken at start. Private to its worker.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>

#include "splice/table.hpp"

namespace limpet::splice {

class ConnectionIndex {
 public:
  static constexpr std::uint32_t none = ~0u;
  static constexpr std::size_t place_bytes = 2 * sizeof(std::uint32_t);

  ConnectionIndex(std::uint32_t places, const hash::Key& seed)
      : places_(places),
        seed_(seed),
        next_(std::make_unique<std::uint32_t[]>(places)),
        heads_(std::make_unique<std::uint32_t[]>(places)) {
    std::fill_n(heads_.get(), places, none);
  }

  /// The place of this connection; none. `key_of(place)` is the key that it was added with.
  template <class KeyOf>
  [[nodiscard]] std::uint32_t find(const ConnectionKey& key, KeyOf&& key_of) const noexcept {
    std::uint32_t place = head_of(key);
    while (place != none && !(key_of(place) == key)) {
      place = next_[place];
    }
    return place;
  }
  /// A place that is not in.
  void add(const ConnectionKey& key, std::uint32_t place) noexcept {
    std::uint32_t& head = head_of(key);
    next_[place] = head;
    head = place;
  }
  /// A place that is in, with this key.
  void remove(const ConnectionKey& key, std::uint32_t place) noexcept {
    std::uint32_t* link = &head_of(key);
    while (*link != place) {
      link = &next_[*link];
    }
    *link = next_[place];
  }

 private:
  [[nodiscard]] std::uint32_t& head_of(const ConnectionKey& key) const noexcept {
    return heads_[((hash_of(key, seed_) >> 32) * places_) >> 32];
  }

  const std::uint32_t places_;
  const hash::Key seed_;
  std::unique_ptr<std::uint32_t[]> next_;
  std::unique_ptr<std::uint32_t[]> heads_;
};

}  // namespace limpet::splice
