// Which bytes of a datagram have been seen, as a few ranges in units of 8: fragments that are in order make one.
#pragma once

#include <array>
#include <cstdint>

#include "net/fragment.hpp"

namespace limpet::path {

class Pieces {
 public:
  static constexpr unsigned ranges_max = 16;
  static constexpr std::uint32_t datagram_max =
      65535;  // bytes, headers included (RFC 791; RFC 8200 without jumbograms)

  enum class Result : std::uint8_t {
    fresh,
    duplicate,  // all of it was seen
    overlap,    // part of it was seen, or it denies where the datagram ends
    scattered,  // more gaps than are kept track of
  };

  /// `piece`: not empty, within datagram_max, and of a multiple of 8 bytes unless it is the last.
  [[nodiscard]] Result add(const net::Fragment& piece) noexcept {
    const auto from = static_cast<std::uint16_t>(piece.offset / 8);
    const auto to = static_cast<std::uint16_t>((piece.offset + piece.size + 7) / 8);
    const std::uint32_t end = piece.offset + piece.size;
    if (end_ != 0 && (piece.more ? end >= end_ : end != end_)) {
      return Result::overlap;
    }
    unsigned place = 0;  // of the first range that does not end before this one
    while (place < count_ && ranges_[place].to < from) {
      ++place;
    }
    for (unsigned i = place; i < count_ && ranges_[i].from < to; ++i) {
      if (ranges_[i].to > from) {
        return ranges_[i].from <= from && to <= ranges_[i].to ? Result::duplicate : Result::overlap;
      }
    }
    if (!piece.more) {
      if (count_ != 0 && ranges_[count_ - 1].to > from) {
        return Result::overlap;  // more was seen behind the end
      }
      end_ = end;
    }
    return insert(place, from, to);
  }

  /// Everything from the first to the last byte was seen.
  [[nodiscard]] bool complete() const noexcept {
    return end_ != 0 && count_ == 1 && ranges_[0].from == 0 && ranges_[0].to == (end_ + 7) / 8;
  }

 private:
  struct Range {
    std::uint16_t from, to;
  };

  /// Puts [from, to) before the range at `place`, joined to its neighbours where they touch.
  Result insert(unsigned place, std::uint16_t from, std::uint16_t to) noexcept {
    const bool joins_left = place < count_ && ranges_[place].to == from;
    const unsigned right = joins_left ? place + 1 : place;
    const bool joins_right = right < count_ && ranges_[right].from == to;
    if (joins_left && joins_right) {
      ranges_[place].to = ranges_[right].to;
      for (unsigned i = right + 1; i < count_; ++i) {
        ranges_[i - 1] = ranges_[i];
      }
      --count_;
    } else if (joins_left) {
      ranges_[place].to = to;
    } else if (joins_right) {
      ranges_[right].from = from;
    } else if (count_ == ranges_max) {
      return Result::scattered;
    } else {
      for (unsigned i = count_; i > place; --i) {
        ranges_[i] = ranges_[i - 1];
      }
      ranges_[place] = {from, to};
      ++count_;
    }
    return Result::fresh;
  }

  std::array<Range, ranges_max> ranges_{};  // by place, apart from each other
  std::uint32_t end_ = 0;                   // of the datagram; 0: not known
  unsigned count_ = 0;
};

}  // namespace limpet::path
