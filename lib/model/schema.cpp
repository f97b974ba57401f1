// The schema's rows for others: flattened from the table, with types in words and defaults as TOML.
#include "model/schema.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "model/fields.hpp"
#include "model/load.hpp"

namespace limpet::model {
namespace {

std::string one_type_text(const Row& row) {
  switch (row.kind) {
    case Kind::text:
      return "a text";
    case Kind::name:
      return "a name (1 to 63 of A-Z a-z 0-9 _ . -)";
    case Kind::integer:
      return fmt::format("an integer, {} to {}", row.min, row.max);
    case Kind::duration:
      return fmt::format("a duration such as \"1h30m\" or \"500ms\", {} to {}", duration_text(row.min),
                         duration_text(row.max));
    case Kind::size:
      return fmt::format("a size such as \"64MiB\", {} to {}", size_text(row.min), size_text(row.max));
    case Kind::ratio:
      return fmt::format("a number such as 1.25, {} to {}", ratio_text(row.min), ratio_text(row.max));
    case Kind::boolean:
      return "true or false";
    case Kind::word: {
      std::string result;
      for (std::size_t i = 0; i < row.words.size(); ++i) {
        const auto* separator = i == 0 ? "" : i + 1 == row.words.size() ? " or " : ", ";
        result += fmt::format("{}\"{}\"", separator, row.words[i]);
      }
      return result;
    }
    case Kind::mac:
      return "a MAC address such as \"02:00:00:00:00:01\"";
    case Kind::address:
      return "an IP address";
    case Kind::prefix:
      return "an address and prefix length such as \"192.0.2.1/24\"";
    case Kind::endpoint:
      return "an address, with or without a port, such as \"192.0.2.1:80\" or \"[2001:db8::1]:80\"";
    case Kind::listen:
      return "a listen address such as \"192.0.2.10:80/tcp\", \"[2001:db8::10]:*/udp\" or \"192.0.2.0/24:80/tcp\"";
    case Kind::table:
      return "a table";
  }
  return {};
}

void collect(const Section& section, std::vector<Row>& rows) {
  std::vector<const Section*> deeper;
  for (const auto& field : section.fields) {
    Row row = field.row;
    if (field.get != nullptr && !row.required) {
      const auto values = field.get(section.defaults);
      const bool unset = values.empty() || values.front() == Scalar{std::string{}} ||
                         (row.kind == Kind::integer && values.front() == Scalar{std::uint64_t{0}} && row.min > 0);
      row.default_text = unset ? "" : field_text(field, section.defaults);
    }
    rows.push_back(std::move(row));
    if (field.inside != nullptr) {
      deeper.push_back(field.inside);
    }
  }
  for (const auto* inside : deeper) {
    collect(*inside, rows);
  }
}

std::string notes(const Row& row) {
  std::string result;
  if (row.required) {
    result += " Required.";
  }
  if (row.needs_restart) {
    result += " Needs a restart.";
  }
  return result;
}

/// "|" would end a table's cell.
std::string cell(std::string_view text) {
  std::string result;
  for (const char c : text) {
    result += c == '|' ? std::string("\\|") : std::string(1, c);
  }
  return result;
}

}  // namespace

const std::vector<Row>& schema() {
  static const std::vector<Row> rows = [] {
    std::vector<Row> result;
    collect(root_section(), result);
    return result;
  }();
  return rows;
}

std::string type_text(const Row& row) {
  const std::string one = one_type_text(row);
  switch (row.many) {
    case Many::one:
      return one;
    case Many::one_or_list:
      return one + "; one or a list";
    case Many::list:
      return "a list; each " + one;
    case Many::map:
      return row.kind == Kind::table ? "tables by name" : "a table; each value " + one;
  }
  return one;
}

std::string schema_text() {
  std::string result;
  std::string_view section = "?";
  for (const auto& row : schema()) {
    if (row.section != section) {
      section = row.section;
      result += section.empty() ? "the file\n" : fmt::format("\n[{}]\n", section);
    }
    result += fmt::format("  {:<13} {}\n  {:<13} {}{}{}\n", row.name, type_text(row), "", row.help, notes(row),
                          row.default_text.empty() ? "" : fmt::format(" Default: {}.", row.default_text));
  }
  return result;
}

std::string schema_markdown() {
  std::string result;
  std::string_view section;
  for (const auto& row : schema()) {
    if (row.section.empty()) {
      continue;  // the sections themselves: their help heads them in the introduction
    }
    if (row.section != section) {
      section = row.section;
      result += fmt::format("\n### `[{}]`\n\n| key | value | default | |\n|---|---|---|---|\n", section);
    }
    result += fmt::format("| `{}` | {} | {} | {}{} |\n", row.name, cell(type_text(row)),
                          row.default_text.empty() ? "" : fmt::format("`{}`", cell(row.default_text)), cell(row.help),
                          notes(row));
  }
  return result;
}

}  // namespace limpet::model
