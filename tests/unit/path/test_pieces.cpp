// Which bytes of a datagram were seen: against a map of all of them.
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "path/pieces.hpp"

namespace limpet::path {
namespace {

using Result = Pieces::Result;

net::Fragment piece(std::uint32_t offset, std::uint32_t size, bool more) {
  return {.id = 1, .offset = offset, .size = size, .more = more};
}

/// Units of 8 bytes, one by one.
struct Plain {
  std::vector<bool> seen = std::vector<bool>(8193);
  std::uint32_t end = 0;

  Result add(const net::Fragment& part) {
    const std::uint32_t last = part.offset + part.size;
    if (end != 0 && (part.more ? last >= end : last != end)) {
      return Result::overlap;
    }
    unsigned old = 0, count = 0;
    for (std::uint32_t unit = part.offset / 8; unit * 8 < last; ++unit, ++count) {
      old += seen[unit] ? 1 : 0;
    }
    if (old != 0) {
      return old == count ? Result::duplicate : Result::overlap;
    }
    if (!part.more) {
      for (std::uint32_t unit = (last + 7) / 8; unit < seen.size(); ++unit) {
        if (seen[unit]) {
          return Result::overlap;
        }
      }
      end = last;
    }
    for (std::uint32_t unit = part.offset / 8; unit * 8 < last; ++unit) {
      seen[unit] = true;
    }
    return Result::fresh;
  }
  [[nodiscard]] bool complete() const {
    for (std::uint32_t unit = 0; unit * 8 < end; ++unit) {
      if (!seen[unit]) {
        return false;
      }
    }
    return end != 0;
  }
};

TEST(Pieces, AgreeWithAMapOfAllBytes) {
  std::mt19937 generator(7);
  const auto random = [&] { return static_cast<std::uint32_t>(generator()); };
  unsigned completed = 0, overlaps = 0, duplicates = 0;
  for (unsigned round = 0; round < 20000; ++round) {
    Pieces pieces;
    Plain plain;
    const std::uint32_t units = 1 + random() % 12;
    for (unsigned step = 0; step < 20; ++step) {
      const std::uint32_t offset = random() % units * 8;
      const bool more = random() % 4 != 0;
      const std::uint32_t size = more ? (1 + random() % 3) * 8 : 1 + random() % 16;
      const Result result = pieces.add(piece(offset, size, more));
      ASSERT_EQ(result, plain.add(piece(offset, size, more))) << round << " " << offset << " " << size << " " << more;
      ASSERT_EQ(pieces.complete(), plain.complete()) << round;
      overlaps += result == Result::overlap ? 1 : 0;
      duplicates += result == Result::duplicate ? 1 : 0;
    }
    completed += pieces.complete() ? 1 : 0;
  }
  EXPECT_GT(completed, 100u);
  EXPECT_GT(overlaps, 1000u);
  EXPECT_GT(duplicates, 1000u);
}

TEST(Pieces, TheWholeRange) {
  Pieces pieces;
  for (std::uint32_t at = 0; at < 65528; at += 8) {
    ASSERT_EQ(pieces.add(piece(at, 8, true)), Result::fresh);
    ASSERT_FALSE(pieces.complete());
  }
  EXPECT_EQ(pieces.add(piece(65528, 7, false)), Result::fresh);
  EXPECT_TRUE(pieces.complete());
}

TEST(Pieces, ScatteredBeyondWhatIsKept) {
  Pieces pieces;
  for (std::uint32_t i = 0; i < Pieces::ranges_max; ++i) {
    EXPECT_EQ(pieces.add(piece(16 * i + 8, 8, true)), Result::fresh);
  }
  EXPECT_EQ(pieces.add(piece(16 * Pieces::ranges_max + 8, 8, true)), Result::scattered);
  EXPECT_EQ(pieces.add(piece(16, 8, true)), Result::fresh);  // closes a gap
}

}  // namespace
}  // namespace limpet::path
