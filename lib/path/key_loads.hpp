// About how many live connections each key has on one worker: a count-min sketch, so bounded whatever clients send.
// Never too few; too many by a few parts in ten thousand of all connections. Only for keys that may be split.
// Worker's thread only.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace limpet::path {

class KeyLoads {
 public:
  void add(std::uint64_t key_hash) noexcept {
    for (std::uint32_t* cell : cells(key_hash)) {
      ++*cell;
    }
  }
  void remove(std::uint64_t key_hash) noexcept {
    for (std::uint32_t* cell : cells(key_hash)) {
      *cell -= *cell != 0 ? 1 : 0;
    }
  }
  [[nodiscard]] std::uint32_t estimate(std::uint64_t key_hash) const noexcept {
    return std::min(rows_[0][first(key_hash)], rows_[1][second(key_hash)]);
  }

 private:
  static constexpr std::size_t width = 4096;
  static std::size_t first(std::uint64_t hash) noexcept { return hash >> 20 & (width - 1); }
  static std::size_t second(std::uint64_t hash) noexcept { return hash >> 44 & (width - 1); }
  std::array<std::uint32_t*, 2> cells(std::uint64_t hash) noexcept {
    return {&rows_[0][first(hash)], &rows_[1][second(hash)]};
  }
  std::array<std::array<std::uint32_t, width>, 2> rows_{};
};

}  // namespace limpet::path
