// Files made to break the reader: no crash, no exception, an answer in bounded time and of bounded size.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>

#include "example.hpp"
#include "model/load.hpp"
#include "model/schema.hpp"

namespace limpet::model {
namespace {

std::string repeat(std::string_view part, std::size_t times) {
  std::string text;
  text.reserve(part.size() * times);
  while (times-- > 0) {
    text += part;
  }
  return text;
}

TEST(Hostile, nesting_is_refused_before_it_is_built) {
  for (const auto& text : {
           "[" + repeat("a.", 4'000'000) + "a]",
           repeat("a.", 4'000'000) + "a = 1",
           repeat("\"a\" . ", 1'000'000) + "a = 1",
           "x = " + repeat("[", 8'000'000),
           "x = " + repeat("{a=", 4'000'000),
           "x = {" + repeat("a.", 4'000'000) + "a = 1}",
       }) {
    const auto loaded = load_text(text, "f");
    ASSERT_EQ(loaded.problems.size(), 1u);
    EXPECT_EQ(loaded.problems[0].hint, "nested more than 32 deep");
    EXPECT_LT(loaded.problems[0].text().size(), 300u);
  }
}

TEST(Hostile, size_is_bounded) {
  const auto loaded = load_text(std::string(file_size_max_bytes + 1, ' '), "f");
  ASSERT_EQ(loaded.problems.size(), 1u);
  EXPECT_EQ(loaded.problems[0].text(), "f: found a file that is too large, expected at most 16MiB");
  EXPECT_TRUE(load_text("#" + std::string(1 << 20, 'x'), "f").model);
}

TEST(Hostile, problems_are_bounded) {
  std::string text = "[limpetd]\n";
  for (int i = 0; i < 5000; ++i) {
    text += "x" + std::to_string(i) + " = 1\n";
  }
  const auto loaded = load_text(text, "f");
  ASSERT_EQ(loaded.problems.size(), problems_max + 1);
  EXPECT_EQ(loaded.problems.back().text(), "f: found 4900 more problems (mend the first ones and load again)");
}

TEST(Hostile, long_names_are_shortened_in_problems) {
  const auto loaded = load_text(
      "[limpetd]\n" + std::string(1'000'000, 'x') + " = 1\nidle = \"" + std::string(1'000'000, 'y') + "\"", "f");
  ASSERT_EQ(loaded.problems.size(), 2u);
  EXPECT_LT(loaded.problems[0].text().size(), 400u);
  EXPECT_LT(loaded.problems[1].text().size(), 400u);
}

/// Every key with every wrong type: told, never taken, never fatal.
TEST(Hostile, every_key_meets_every_type) {
  constexpr std::string_view values[] = {"1",        "-1",         "9223372036854775807",
                                         "1.5",      "true",       "\"\"",
                                         "\"x\"",    "nan",        "[]",
                                         "[1]",      "[\"x\"]",    "{}",
                                         "[{}]",     "{a=1}",      "[[]]",
                                         "07:32:00", "1979-05-27", "\"\\u0000\"",
                                         "inf",      "[[[[{}]]]]"};
  for (const auto& row : schema()) {
    std::string section(row.section);
    for (const auto& [from, to] : {std::pair<std::string, std::string>{"NAME", "n"}, {"ID", "7"}}) {
      for (auto at = section.find(from); at != std::string::npos; at = section.find(from)) {
        section.replace(at, from.size(), to);
      }
    }
    const bool in_list = section.ends_with("routes") || section.ends_with("monitor");
    const std::string header = section.empty() ? "" : (in_list ? "[[" : "[") + section + (in_list ? "]]\n" : "]\n");
    for (const auto value : values) {
      const auto text = header + std::string(row.name) + " = " + std::string(value);
      const auto loaded = load_text(text, "f");
      EXPECT_NE(loaded.model.has_value(), !loaded.problems.empty()) << text;
      if (loaded.model) {
        EXPECT_EQ(*load_text(to_toml(*loaded.model), "f").model, *loaded.model) << text;
      }
    }
  }
}

/// Damaged copies of a good file: any answer but a crash, and a model only when it prints to itself.
TEST(Hostile, damaged_files_are_survived) {
  std::mt19937_64 random(7);
  constexpr std::string_view splices[] = {"\"", "'",  "[",      "]", "{", "}",  ".",    "=",  "\n",
                                          "#",  "\\", "\"\"\"", "0", "-", "e9", "true", "::", "/"};
  for (int i = 0; i < 5000; ++i) {
    std::string text(example);
    for (std::uint64_t edits = random() % 4 + 1; edits > 0; --edits) {
      const auto at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text[at] = static_cast<char>(random());
          break;
        case 1:
          text.erase(at, random() % 20);
          break;
        case 2:
          text.insert(at, splices[random() % std::size(splices)]);
          break;
        default:
          text.insert(at, text.substr(random() % text.size(), random() % 40));
          break;
      }
    }
    const auto loaded = load_text(text, "f");
    ASSERT_NE(loaded.model.has_value(), !loaded.problems.empty()) << text;
    if (loaded.model) {
      const auto again = load_text(to_toml(*loaded.model), "f");
      ASSERT_TRUE(again.model) << text;
      ASSERT_EQ(*again.model, *loaded.model) << text;
    }
  }
}

TEST(Hostile, prefixes_of_a_good_file_are_survived) {
  for (std::size_t size = 0; size < example.size(); ++size) {
    const auto loaded = load_text(example.substr(0, size), "f");
    ASSERT_NE(loaded.model.has_value(), !loaded.problems.empty()) << size;
  }
}

TEST(LoadFile, reads_files_and_says_why_not) {
  const auto folder = std::filesystem::temp_directory_path() / ("limpet-model-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  const auto path = (folder / "limpet.toml").string();
  std::ofstream(path) << example;
  EXPECT_TRUE(load_file(path).model);
  ASSERT_EQ(load_file(path + "x").problems.size(), 1u);
  EXPECT_EQ(load_file(path + "x").problems[0].text(),
            path + "x: found an error (No such file or directory), expected a file that can be read");
  EXPECT_EQ(load_file(folder.string()).problems[0].text(),
            folder.string() + ": found an error (Is a directory), expected a file that can be read");
  EXPECT_EQ(load_file("/dev/zero").problems[0].found, "a file that is too large");
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace limpet::model
