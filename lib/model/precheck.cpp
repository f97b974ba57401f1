#include "model/precheck.hpp"

#include <fmt/format.h>

namespace limpet::model {
namespace {

// Follows strings and comments just well enough to know which dots and brackets count. On text that is no
// TOML it may lose its way, but there the parser stops too.
class Scanner {
 public:
  explicit Scanner(std::string_view text) noexcept : text_(text) {
    if (text_.starts_with("\xef\xbb\xbf")) {
      text_.remove_prefix(3);  // the byte order mark, which the parser takes too
    }
  }

  std::optional<SyntaxError> run() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"' || c == '\'') {
        line_is_blank_ = false;
        if (!skip_string(c)) {
          return beyond_ascii();
        }
        continue;
      }
      if (c == '#') {
        const auto end = text_.find('\n', at_);
        at_ = end == std::string_view::npos ? text_.size() : end;
        continue;
      }
      if (is_beyond_ascii(c)) {
        return beyond_ascii();
      }
      count(c);
      if (dots_ > nesting_max || depth_ > nesting_max) {
        return SyntaxError{here(), fmt::format("nested more than {} deep", nesting_max)};
      }
      if (c == '[' && depth_ == 1 && line_is_blank_ && !header_begins_well()) {
        return SyntaxError{here(), "a table's header begins with a key"};
      }
      line_is_blank_ = c == '\n' || (line_is_blank_ && (c == ' ' || c == '\t'));
      step();
    }
    return std::nullopt;
  }

 private:
  [[nodiscard]] Position here() const noexcept { return {line_, static_cast<unsigned>(at_ - line_start_ + 1)}; }

  static bool is_beyond_ascii(char c) noexcept { return static_cast<unsigned char>(c) >= 0x80; }
  [[nodiscard]] SyntaxError beyond_ascii() const {
    return {here(), "characters beyond ASCII belong in comments and strings of one line"};
  }

  /// At a header's first bracket. What follows the end of the text is the parser's to tell.
  [[nodiscard]] bool header_begins_well() const noexcept {
    auto rest = text_.substr(at_ + 1);
    const bool of_list = rest.starts_with('[');
    rest.remove_prefix(of_list ? 1 : 0);
    const auto first = rest.find_first_not_of(" \t");
    if (first == std::string_view::npos) {
      return true;
    }
    const char c = rest[first];
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '"' || c == '\'' || c == ']' || (c == '[' && !of_list);
  }

  void count(char c) noexcept {
    switch (c) {
      case '.':
        ++dots_;
        break;
      case '[':
      case '{':
        ++depth_;
        dots_ = 0;
        break;
      case ']':
      case '}':
        depth_ -= depth_ > 0 ? 1 : 0;
        dots_ = 0;
        break;
      case '=':
      case ',':
      case '\n':
        dots_ = 0;
        break;
      default:
        break;
    }
  }

  void step() noexcept {
    if (text_[at_] == '\n') {
      ++line_;
      line_start_ = at_ + 1;
    }
    ++at_;
  }

  [[nodiscard]] bool triple(char quote) const noexcept {
    return at_ + 2 < text_.size() && text_[at_] == quote && text_[at_ + 1] == quote && text_[at_ + 2] == quote;
  }

  /// False at a character beyond ASCII in a string of several lines.
  bool skip_string(char quote) noexcept {
    const bool multi_line = triple(quote);
    at_ += multi_line ? 3 : 1;
    while (at_ < text_.size()) {
      if (multi_line ? triple(quote) : text_[at_] == quote) {
        at_ += multi_line ? 3 : 1;
        for (int extra = 0; multi_line && extra < 2 && at_ < text_.size() && text_[at_] == quote; ++extra) {
          ++at_;  // up to two quotes may stand before the closing three
        }
        return true;
      }
      if (!multi_line && text_[at_] == '\n') {
        return true;
      }
      if (multi_line && is_beyond_ascii(text_[at_])) {
        return false;
      }
      if (quote == '"' && text_[at_] == '\\' && at_ + 1 < text_.size() && !is_beyond_ascii(text_[at_ + 1])) {
        step();
      }
      step();
    }
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_start_ = 0;
  unsigned line_ = 1;
  unsigned dots_ = 0;
  unsigned depth_ = 0;
  bool line_is_blank_ = true;  // nothing but white space in this line so far
};

}  // namespace

std::optional<SyntaxError> precheck(std::string_view text) {
  return Scanner(text).run();
}

}  // namespace limpet::model
