// Lines out of bytes: however they arrive, however long they are.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "api/wire.hpp"

namespace limpet::api {
namespace {

using Status = LineReader::Status;

/// Everything the reader says after the bytes came in pieces of `step`; "!" stands for too_large.
std::vector<std::string> read_all(std::string_view bytes, std::size_t step, std::size_t max) {
  LineReader reader(max);
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < bytes.size(); i += step) {
    reader.feed(bytes.substr(i, step));
    for (auto next = reader.next(); next.status != Status::more; next = reader.next()) {
      lines.push_back(next.status == Status::line ? next.line : "!");
    }
    EXPECT_LE(reader.held_bytes(), max);
  }
  return lines;
}

TEST(LineReader, gives_the_same_lines_however_the_bytes_arrive) {
  const struct {
    std::string bytes;
    std::vector<std::string> lines;
  } rows[] = {
      {"a\nbb\n", {"a", "bb"}},
      {"a\r\nbb\r\n", {"a", "bb"}},
      {"\n\n", {"", ""}},
      {"a", {}},
      {"12345678\n", {"12345678"}},
      {"123456789\n", {"!"}},
      {"123456789\nok\n", {"!", "ok"}},
      {"ok\n1234567890123456789012345678901234567890\nok\n", {"ok", "!", "ok"}},
      {std::string("\0\xff\n", 3), {std::string("\0\xff", 2)}},
      {"1234567\r\n", {"1234567"}},
  };
  for (const auto& row : rows) {
    for (const std::size_t step : {1u, 2u, 3u, 7u, 100u}) {
      EXPECT_EQ(read_all(row.bytes, step, 8), row.lines) << row.bytes << " in steps of " << step;
    }
  }
}

TEST(LineReader, keeps_half_a_line_and_says_so) {
  LineReader reader(8);
  EXPECT_FALSE(reader.unfinished());
  reader.feed("ab");
  EXPECT_EQ(reader.next().status, Status::more);
  EXPECT_TRUE(reader.unfinished());
  reader.feed("c\n");
  EXPECT_EQ(reader.next().line, "abc");
  EXPECT_EQ(reader.next().status, Status::more);
  EXPECT_FALSE(reader.unfinished());
}

TEST(LineReader, tells_an_endless_line_once_and_holds_none_of_it) {
  LineReader reader(1000);
  unsigned told = 0;
  for (int i = 0; i < 10'000; ++i) {
    reader.feed(std::string(999, 'x'));
    for (auto next = reader.next(); next.status != Status::more; next = reader.next()) {
      ++told;
    }
    EXPECT_LE(reader.held_bytes(), 1000u);
  }
  EXPECT_EQ(told, 1u);
  EXPECT_TRUE(reader.unfinished());
}

}  // namespace
}  // namespace limpet::api
