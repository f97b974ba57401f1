// Patterns compiled and scanned for, beside a search by hand and std::regex.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <numa.h>

#include <array>
#include <cstring>
#include <random>
#include <regex>
#include <set>

#include "match/scan.hpp"

namespace limpet::match {
namespace {

using testing::HasSubstr;

Database compiled(const std::vector<Pattern>& patterns) {
  auto made = Database::compile(patterns);
  EXPECT_TRUE(made) << (made ? "" : made.error().text);
  return std::move(*made);
}
Scratch scratch_for(const Database& database) {
  const Database* all[] = {&database};
  auto made = Scratch::create(all);
  EXPECT_TRUE(made);
  return std::move(*made);
}
std::string refused(const Pattern& pattern) {
  const auto made = Database::compile(std::span(&pattern, 1));
  EXPECT_FALSE(made);
  return made ? "" : made.error().text;
}

TEST(FirstEnd, is_that_of_the_pattern_asked_for) {
  const Database database = compiled({{1, "id="}, {2, "[0-9]{3}"}, {3, "none"}, {4, "a.*z"}, {5, "ID=", false, true}});
  Scratch scratch = scratch_for(database);
  const auto end = [&](std::string_view bytes, std::uint32_t id) { return first_end(database, scratch, bytes, id); };
  EXPECT_EQ(end("xx id=1234 id=5", 1), 6u);
  EXPECT_EQ(end("xx id=1234 id=5", 2), 9u);
  EXPECT_EQ(end("xx id=1234 id=5", 3), std::nullopt);
  EXPECT_EQ(end("xx Id=1234 id=5", 1), 14u);
  EXPECT_EQ(end("xx Id=1234 id=5", 5), 6u);
  EXPECT_EQ(end("..aazzz", 4), 5u);  // the first end, not the longest match
  EXPECT_EQ(end("", 1), std::nullopt);
  EXPECT_EQ(end("id=", 7), std::nullopt);
}

TEST(FirstEnd, of_several_patterns_with_one_id) {
  const Database database = compiled({{1, "Session: "}, {1, "sid="}});
  Scratch scratch = scratch_for(database);
  EXPECT_EQ(first_end(database, scratch, "sid=1 Session: 2", 1), 4u);
  EXPECT_EQ(first_end(database, scratch, "Session: 2 sid=1", 1), 9u);
}

TEST(FirstEnd, of_literals_takes_every_byte_as_it_is) {
  std::string odd;
  for (unsigned c = 0; c < 256; ++c) {
    odd += static_cast<char>(c);
  }
  for (const std::string& text : {odd, std::string(".*+?[](){}|^$\\/#"), std::string("a\0b", 3), std::string(" ")}) {
    const Database database = compiled({{1, text, true}});
    Scratch scratch = scratch_for(database);
    EXPECT_EQ(first_end(database, scratch, "12" + text + text, 1), 2 + text.size());
    EXPECT_EQ(first_end(database, scratch, text.substr(1), 1), std::nullopt);
  }
}

TEST(FirstEnd, is_what_a_search_for_the_shortest_beginning_finds) {
  std::mt19937 random(7);
  const char* const texts[] = {"ab", "a+b", "b[^a]{2}", "(ab|ba)c", "^b.c", "c(a|b)*c"};
  std::vector<Pattern> patterns;
  for (std::uint32_t id = 0; id < std::size(texts); ++id) {
    patterns.push_back({id, texts[id]});
  }
  const Database database = compiled(patterns);
  Scratch scratch = scratch_for(database);
  for (int round = 0; round < 300; ++round) {
    std::string bytes;
    for (auto left = random() % 24; left > 0; --left) {
      bytes += "abc"[random() % 3];
    }
    for (std::uint32_t id = 0; id < std::size(texts); ++id) {
      const std::regex regex(texts[id]);
      std::optional<std::size_t> expected;
      for (std::size_t size = 0; size <= bytes.size() && !expected; ++size) {
        if (std::regex_search(bytes.substr(0, size), regex)) {
          expected = size;
        }
      }
      ASSERT_EQ(first_end(database, scratch, bytes, id), expected) << texts[id] << " in " << bytes;
    }
  }
}

TEST(Ids, of_all_that_match) {
  const Database database = compiled({{70, "^api\\."}, {0, "^admin\\."}, {3, "\\.example$"}, {3, "^web"}, {128, "o"}});
  Scratch scratch = scratch_for(database);
  const auto ids = [&](std::string_view bytes) {
    std::array<std::uint64_t, 2> bits{};
    note_ids(database, scratch, bytes, bits);
    std::vector<std::uint32_t> set;
    for (std::uint32_t id = 0; id < 128; ++id) {
      if ((bits[id / 64] >> id % 64 & 1) != 0) {
        set.push_back(id);
      }
    }
    return set;
  };
  using testing::ElementsAre;
  EXPECT_THAT(ids("api.other"), ElementsAre(70)) << "128 is beyond the bits";
  EXPECT_THAT(ids("api.example"), ElementsAre(3, 70));
  EXPECT_THAT(ids("admin.example"), ElementsAre(0, 3));
  EXPECT_THAT(ids("web1"), ElementsAre(3));
  EXPECT_THAT(ids("other"), ElementsAre());
  EXPECT_THAT(ids(""), ElementsAre());
}

TEST(Database, of_many_patterns) {
  std::vector<Pattern> patterns;
  for (std::uint32_t id = 0; id < 1000; ++id) {
    patterns.push_back({id, "cookie" + std::to_string(id) + "=", true});
  }
  const Database database = compiled(patterns);
  Scratch scratch = scratch_for(database);
  EXPECT_EQ(first_end(database, scratch, "a=b; cookie999=", 999), 15u);
  EXPECT_EQ(first_end(database, scratch, "a=b; cookie999=", 9), std::nullopt);
}

TEST(Database, refuses_what_it_can_not_compile) {
  EXPECT_THAT(refused({17, "a(b"}), testing::AllOf(HasSubstr("pattern 17 \"a(b\": "), HasSubstr("arenthes")));
  EXPECT_THAT(refused({1, "(a)\\1"}), HasSubstr("pattern 1 "));
  EXPECT_THAT(refused({1, "a*"}), HasSubstr("empty"));
  EXPECT_THAT(refused({1, ""}), HasSubstr("empty"));
  EXPECT_THAT(refused({1, std::string("a\0b", 3)}), HasSubstr("zero byte"));
  EXPECT_FALSE(Database::compile({}));
  const std::vector<Pattern> second = {{1, "a"}, {2, "["}};
  EXPECT_THAT(Database::compile(second).error().text, HasSubstr("pattern 2 \"[\""));
}

TEST(Database, refuses_an_end_where_none_is_known) {
  for (const char* text : {"a$", "a\\z", "a\\b", "a(b|$)", "a\\Z"}) {
    EXPECT_THAT(refused({1, text, false, false, true}), HasSubstr("where the bytes end")) << text;
  }
  EXPECT_THAT(refused({1, "a(", false, false, true}), HasSubstr("pattern 1 \"a(\""));
  compiled({{1, "^a", false, false, true}, {2, "a$", true, false, true}, {3, "a$"}});
}

/// Counts what it gives.
struct Counted {
  std::set<void*> given;
  bool empty = false;
  Memory memory{[](void* context, std::size_t size_bytes) -> void* {
                  auto& self = *static_cast<Counted*>(context);
                  return self.empty ? nullptr : *self.given.insert(std::malloc(size_bytes)).first;
                },
                [](void* context, void* at) {
                  EXPECT_EQ(static_cast<Counted*>(context)->given.erase(at), 1u);
                  std::free(at);
                },
                this};
};

TEST(Memory, is_what_was_passed_in) {
  Counted one, two;
  {
    const Pattern small{1, "a+b"}, large{1, "(a|b)[^a]{100}x+.*y"};
    auto first = Database::compile(std::span(&small, 1), one.memory);
    auto second = Database::compile(std::span(&large, 1), two.memory);
    ASSERT_TRUE(first && second);
    EXPECT_EQ(one.given.size(), 1u);
    EXPECT_EQ(two.given.size(), 1u);
    EXPECT_GT(first->size_bytes(), 0u);
    const Database* both[] = {&*first, &*second};
    auto scratch = Scratch::create(both, one.memory);
    ASSERT_TRUE(scratch);
    EXPECT_GT(scratch->size_bytes(), 0u);
    EXPECT_GT(one.given.size(), 1u);
    const auto before = one.given.size();
    EXPECT_EQ(first_end(*first, *scratch, "xaab", 1), 4u);
    EXPECT_EQ(one.given.size(), before) << "scanning allocates nothing";
    Scratch moved = std::move(*scratch);
    EXPECT_EQ(first_end(*first, moved, "xaab", 1), 4u);
    *first = std::move(*second);
    EXPECT_EQ(first_end(*first, moved, "", 1), std::nullopt);
  }
  EXPECT_TRUE(one.given.empty());
  EXPECT_TRUE(two.given.empty());
}

TEST(Memory, lies_on_the_node_of_its_worker) {
  const Memory memory = near_cpu(0);
  std::vector<void*> pieces;
  for (const std::size_t size : {1u, 4096u, 3u << 20}) {
    pieces.push_back(memory.allocate(memory.context, size));
    ASSERT_NE(pieces.back(), nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(pieces.back()) % 16, 0u);
    std::memset(pieces.back(), 1, size);
    if (numa_available() >= 0) {
      int node = -1;
      void* page = pieces.back();
      ASSERT_EQ(numa_move_pages(0, 1, &page, nullptr, &node, 0), 0);
      EXPECT_EQ(node, numa_node_of_cpu(0));
    }
  }
  for (void* const piece : pieces) {
    memory.release(memory.context, piece);
  }
  const Pattern pattern{1, "a+b"};
  const auto database = Database::compile(std::span(&pattern, 1), memory);
  ASSERT_TRUE(database);
  const Database* all[] = {&*database};
  auto scratch = Scratch::create(all, memory);
  ASSERT_TRUE(scratch);
  EXPECT_EQ(first_end(*database, *scratch, "xaab", 1), 4u);
}

TEST(Memory, may_be_short) {
  Counted none;
  none.empty = true;
  const Pattern pattern{1, "a+b"};
  EXPECT_FALSE(Database::compile(std::span(&pattern, 1), none.memory));
  const Database database = compiled({pattern});
  const Database* all[] = {&database};
  EXPECT_FALSE(Scratch::create(all, none.memory));
}

}  // namespace
}  // namespace limpet::match
