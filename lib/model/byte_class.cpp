#include "model/byte_class.hpp"

#include <charconv>
#include <cstdint>

namespace limpet::model {
namespace {

/// What follows a backslash; takes it off the front.
std::optional<std::string_view> take_escape(std::string_view& text, char& single) {
  const char which = text.empty() ? '\0' : text.front();
  text.remove_prefix(text.empty() ? 0 : 1);
  switch (which) {
    case 's':
      return "\t\n\v\f\r ";
    case 'r':
      return "\r";
    case 'n':
      return "\n";
    case 't':
      return "\t";
    case '\\':
      return "\\";
    case 'x': {
      std::uint8_t byte = 0;
      const std::string_view digits = text.substr(0, 2);
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
      if (digits.size() != 2 || error != std::errc{} || end != digits.data() + 2) {
        return std::nullopt;
      }
      text.remove_prefix(2);
      single = static_cast<char>(byte);
      return std::string_view(&single, 1);
    }
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<ByteClass> byte_class(std::string_view text) {
  ByteClass made;
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    char single = c;
    const auto bytes = c == '\\' ? take_escape(text, single) : std::optional(std::string_view(&c, 1));
    if (!bytes) {
      return std::nullopt;
    }
    for (const char byte : *bytes) {
      made.set(static_cast<unsigned char>(byte));
    }
  }
  return made;
}

}  // namespace limpet::model
