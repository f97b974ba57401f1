// What every reader of keys has to hold to: it reads only what it was given, and an answer stays as it is when more
// bytes come.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "extract/found.hpp"

namespace limpet::extract {

inline std::ostream& operator<<(std::ostream& out, Found found) {
  static constexpr const char* names[] = {"value", "absent", "incomplete", "malformed"};
  return out << names[static_cast<unsigned>(found)];
}
inline std::ostream& operator<<(std::ostream& out, const Value& value) {
  return out << value.found << " \"" << value.bytes << '"';
}

namespace test {

/// A block of its own for the bytes, so that a sanitizer sees what is read behind them.
class Block {
 public:
  explicit Block(std::string_view bytes) : bytes_(bytes.begin(), bytes.end()) { bytes_.shrink_to_fit(); }
  [[nodiscard]] std::string_view view() const { return {bytes_.data(), bytes_.size()}; }

 private:
  std::vector<char> bytes_;
};

/// Asks read(bytes) of the whole and of each of its beginnings: these may say `incomplete`, or what the whole says;
/// once they know, they know it for good. `last` is asked of that many of the longest beginnings only.
template <class Read, class Answer>
void expect_answer(std::string_view whole, const Answer& expected, Read&& read, std::size_t last = ~std::size_t{0}) {
  bool known = false;
  for (std::size_t size = whole.size() - std::min(last, whole.size()); size <= whole.size(); ++size) {
    const Block block(whole.substr(0, size));
    const auto answer = read(block.view());
    if (answer.found == Found::incomplete && size < whole.size()) {
      EXPECT_FALSE(known) << "known after less than " << size << " bytes of " << whole.size();
      continue;
    }
    EXPECT_EQ(answer, expected) << "after " << size << " bytes of " << whole.size() << ":\n" << whole.substr(0, 200);
    known = true;
  }
}

constexpr Value value(std::string_view bytes) {
  return {Found::value, bytes};
}
inline constexpr Value absent{Found::absent}, incomplete{Found::incomplete}, malformed{Found::malformed};

}  // namespace test
}  // namespace limpet::extract
