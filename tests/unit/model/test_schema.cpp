// The schema table is sound, and docs/configuration.md says what it says.
#include "model/schema.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "model/load.hpp"

namespace limpet::model {
namespace {

std::string read(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

const std::string manual_path = std::string(LIMPET_SOURCE) + "/docs/configuration.md";

TEST(Schema, rows_are_sound) {
  std::set<std::pair<std::string_view, std::string_view>> seen;
  for (const auto& row : schema()) {
    const std::string name = std::string(row.section) + "." + std::string(row.name);
    EXPECT_TRUE(seen.insert({row.section, row.name}).second) << name;
    EXPECT_TRUE(row.help.ends_with('.')) << name;
    EXPECT_EQ(row.kind == Kind::word, !row.words.empty()) << name;
    EXPECT_FALSE(row.required && !row.default_text.empty()) << name;
    EXPECT_FALSE(type_text(row).empty()) << name;
    const bool numeric = row.kind == Kind::integer || row.kind == Kind::duration || row.kind == Kind::size;
    EXPECT_TRUE(!numeric || row.min < row.max) << name;
  }
}

/// A default, written down, is the default: the rows of sections that may stand alone.
TEST(Schema, defaults_are_what_their_text_says) {
  unsigned tried = 0;
  for (const auto& row : schema()) {
    if ((row.section == "limpetd" || row.section == "limits") && !row.default_text.empty()) {
      const auto text = "[" + std::string(row.section) + "]\n" + std::string(row.name) + " = " + row.default_text;
      const auto loaded = load_text(text, "x");
      ASSERT_TRUE(loaded.model) << text;
      EXPECT_EQ(*loaded.model, Model{}) << text;
      ++tried;
    }
  }
  EXPECT_EQ(tried, 17u);
}

TEST(Schema, terminal_text_has_every_key) {
  const auto text = schema_text();
  for (const auto& row : schema()) {
    EXPECT_NE(text.find("\n  " + std::string(row.name) + " "), std::string::npos) << row.name;
  }
}

TEST(Manual, example_loads) {
  const auto manual = read(manual_path);
  const auto start = manual.find("```toml\n");
  ASSERT_NE(start, std::string::npos);
  const auto end = manual.find("```", start + 8);
  const auto loaded = load_text(manual.substr(start + 8, end - start - 8), "example");
  for (const auto& problem : loaded.problems) {
    ADD_FAILURE() << problem.text();
  }
  ASSERT_TRUE(loaded.model);
  EXPECT_EQ(loaded.model->services.size(), 2u);
}

TEST(Manual, lists_the_schema_as_it_is) {
  auto manual = read(manual_path);
  const auto mark = manual.find("<!-- schema:");
  ASSERT_NE(mark, std::string::npos);
  const auto start = manual.find('\n', mark) + 1;
  if (std::getenv("LIMPET_UPDATE_DOCS") != nullptr) {
    manual.replace(start, std::string::npos, schema_markdown());
    std::ofstream(manual_path) << manual;
  }
  EXPECT_TRUE(manual.substr(start) == schema_markdown()) << "run unit_model with LIMPET_UPDATE_DOCS=1";
}

}  // namespace
}  // namespace limpet::model
