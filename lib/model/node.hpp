// A parsed TOML file as a plain tree with positions, so that only toml.cpp knows the TOML library.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace limpet::model {

/// From 1; 0: the file as a whole.
struct Position {
  unsigned line = 0;
  unsigned column = 0;
};

enum class NodeType : std::uint8_t { text, integer, real, boolean, date, list, table };

struct Member;

struct Node {
  NodeType type = NodeType::table;
  Position at;
  std::string text;  // of texts; of reals, booleans and dates as written in a message
  std::int64_t integer = 0;
  std::vector<Node> items;      // of lists
  std::vector<Member> members;  // of tables, in the order of the file

  /// How a problem shows it: `"web"`, `7`, `a list`.
  [[nodiscard]] std::string shown() const;
};

struct Member {
  std::string key;
  Position at;
  Node value;
};

struct SyntaxError {
  Position at;
  std::string message;
};

/// Never throws. Refuses dotted keys and values nested deeper than any key of the schema could be.
tl::expected<Node, SyntaxError> parse_toml(std::string_view text);

/// `"..."`, shortened and with control characters made visible.
std::string quoted(std::string_view text);

}  // namespace limpet::model
