#include "model/nearest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace limpet::model {
namespace {

constexpr std::size_t length_max = 64;  // longer texts are nobody's misspelling

/// Optimal string alignment: insertions, deletions, replacements and swaps of neighbours count one each.
std::size_t distance(std::string_view a, std::string_view b) {
  std::array<std::array<std::size_t, length_max + 1>, 3> rows{};
  for (std::size_t j = 0; j <= b.size(); ++j) {
    rows[0][j] = j;
  }
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto& row = rows[i % 3];
    const auto& above = rows[(i - 1) % 3];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], rows[(i - 2) % 3][j - 2] + 1);
      }
    }
  }
  return rows[a.size() % 3][b.size()];
}

}  // namespace

std::string_view nearest(std::string_view text, std::span<const std::string_view> names) {
  if (text.size() > length_max) {
    return {};
  }
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(1, text.size() / 3) + 1;
  for (const auto name : names) {
    if (name.size() <= length_max) {
      if (const auto far = distance(text, name); far < best_distance) {
        best = name;
        best_distance = far;
      }
    }
  }
  return best;
}

std::string nearest_hint(std::string_view text, std::span<const std::string_view> names) {
  if (const auto near = nearest(text, names); !near.empty()) {
    return fmt::format("did you mean \"{}\"?", near);
  }
  constexpr std::size_t listed_max = 16;
  if (names.empty() || names.size() > listed_max) {
    return {};
  }
  return fmt::format("one of: {}", fmt::join(names, ", "));
}

}  // namespace limpet::model
