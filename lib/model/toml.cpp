// The only file that knows the TOML library (it is slow to compile): text -> Node tree.
// The parser asserts what a hostile text can break, so it is compiled here, with assertions that throw.
#include <exception>

namespace limpet::model {
namespace {
struct ParserAssertion : std::exception {
  [[nodiscard]] const char* what() const noexcept override { return "no value or key where one must be"; }
};
[[noreturn]] inline void parser_assertion_failed() {
  throw ParserAssertion();
}
}  // namespace
}  // namespace limpet::model

#undef NDEBUG
#undef TOML_HEADER_ONLY
#undef TOML_SHARED_LIB
#define TOML_ASSERT(condition) ((condition) ? static_cast<void>(0) : ::limpet::model::parser_assertion_failed())
#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <sstream>

#include "model/node.hpp"
#include "model/precheck.hpp"

namespace limpet::model {
namespace {

Position position(const toml::source_region& region) {
  return {region.begin.line, region.begin.column};
}

bool before(const Position& a, const Position& b) {
  return a.line != b.line ? a.line < b.line : a.column < b.column;
}

template <class T>
std::string streamed(const T& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

Node convert(const toml::node& node);

void convert_table(const toml::table& table, Node& result) {
  result.type = NodeType::table;
  for (const auto& [key, value] : table) {
    result.members.push_back({std::string(key.str()), position(key.source()), convert(value)});
  }
  std::stable_sort(result.members.begin(), result.members.end(),
                   [](const Member& a, const Member& b) { return before(a.at, b.at); });
}

Node convert(const toml::node& node) {
  Node result;
  result.at = position(node.source());
  if (const auto* table = node.as_table()) {
    convert_table(*table, result);
  } else if (const auto* list = node.as_array()) {
    result.type = NodeType::list;
    for (const auto& item : *list) {
      result.items.push_back(convert(item));
    }
  } else if (const auto* text = node.as_string()) {
    result.type = NodeType::text;
    result.text = text->get();
  } else if (const auto* integer = node.as_integer()) {
    result.type = NodeType::integer;
    result.integer = integer->get();
  } else if (const auto* boolean = node.as_boolean()) {
    result.type = NodeType::boolean;
    result.text = boolean->get() ? "true" : "false";
  } else if (const auto* real = node.as_floating_point()) {
    result.type = NodeType::real;
    result.text = fmt::format("{}", real->get());
  } else {
    result.type = NodeType::date;
    node.visit([&](const auto& value) {
      if constexpr (toml::is_chronological<decltype(value)>) {
        result.text = streamed(value.get());
      }
    });
  }
  return result;
}

bool breaks_parser(std::string_view text) {
  try {
    static_cast<void>(toml::parse(text));
  } catch (const ParserAssertion&) {
    return true;
  } catch (const std::exception&) {
    return false;
  }
  return false;
}

/// Where a text that breaks the parser does so: the end of its shortest beginning that does.
Position breaking_place(std::string_view text) {
  std::size_t good = 0;
  std::size_t bad = text.size();
  while (bad - good > 1) {
    const auto middle = good + (bad - good) / 2;
    (breaks_parser(text.substr(0, middle)) ? bad : good) = middle;
  }
  const auto before_it = text.substr(0, good);
  const auto lines = std::count(before_it.begin(), before_it.end(), '\n');
  const auto line_start = before_it.rfind('\n') + 1;  // npos + 1: the first line
  return {static_cast<unsigned>(lines + 1), static_cast<unsigned>(good - line_start + 1)};
}

}  // namespace

std::string quoted(std::string_view text) {
  constexpr std::size_t shown_max = 60;
  std::string result = "\"";
  for (std::size_t i = 0; i < text.size() && i < shown_max; ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == 0x7f) {
      result += fmt::format("\\x{:02x}", c);
    } else {
      result += text[i];
    }
  }
  return result + (text.size() > shown_max ? "...\"" : "\"");
}

std::string Node::shown() const {
  switch (type) {
    case NodeType::text:
      return quoted(text);
    case NodeType::integer:
      return fmt::format("{}", integer);
    case NodeType::list:
      return "a list";
    case NodeType::table:
      return "a table";
    case NodeType::real:
    case NodeType::boolean:
    case NodeType::date:
      break;
  }
  return text;
}

tl::expected<Node, SyntaxError> parse_toml(std::string_view text) {
  if (auto refused = precheck(text)) {
    return tl::unexpected<SyntaxError>(std::move(*refused));
  }
  try {
    return convert(toml::parse(text));
  } catch (const toml::parse_error& error) {
    return tl::unexpected<SyntaxError>({position(error.source()), std::string(error.description())});
  } catch (const ParserAssertion& error) {
    return tl::unexpected<SyntaxError>({breaking_place(text), error.what()});
  } catch (const std::exception& error) {
    return tl::unexpected<SyntaxError>({{}, error.what()});
  }
}

}  // namespace limpet::model
