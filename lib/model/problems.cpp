#include "model/problems.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace limpet::model {

std::string Problem::text() const {
  std::string result = line == 0 ? fmt::format("{}: ", file) : fmt::format("{}:{}:{}: ", file, line, column);
  result += fmt::format("found {}", found);
  if (!expected.empty()) {
    result += fmt::format(", expected {}", expected);
  }
  if (!hint.empty()) {
    result += fmt::format(" ({})", hint);
  }
  return result;
}

void Problems::add(Position at, std::string found, std::string expected, std::string hint) {
  if (problems_.size() >= problems_max) {
    ++more_;
    return;
  }
  problems_.push_back({file_, at.line, at.column, std::move(found), std::move(expected), std::move(hint)});
}

std::vector<Problem> Problems::take() {
  std::stable_sort(problems_.begin(), problems_.end(), [](const Problem& a, const Problem& b) {
    return std::tie(a.line, a.column) < std::tie(b.line, b.column);
  });
  if (more_ > 0) {
    problems_.push_back(
        {file_, 0, 0, fmt::format("{} more problems", more_), "", "mend the first ones and load again"});
  }
  return std::move(problems_);
}

Position Places::find(std::string path) const {
  while (!path.empty()) {
    if (const auto found = places_.find(path); found != places_.end()) {
      return found->second;
    }
    const auto cut = path.find_last_of(".[");
    path.resize(cut == std::string::npos ? 0 : cut);
  }
  return {};
}

}  // namespace limpet::model
