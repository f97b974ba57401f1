// The schema of the configuration, as data: one row a key. Parser, validation, printing, `config schema`
// and docs/configuration.md all come from these rows.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace limpet::model {

/// What a value is made of.
enum class Kind : std::uint8_t {
  text,
  name,
  integer,
  duration,
  size,
  ratio,  // "1.25"; a number in thousandths
  boolean,
  word,
  mac,
  address,
  prefix,
  endpoint,
  listen,
  table
};
/// How many values a key takes.
enum class Many : std::uint8_t { one, one_or_list, list, map };

struct Row {
  std::string_view section{};  // "pools.NAME.backends.NAME"; empty: the top of the file
  std::string_view name{};
  Kind kind = Kind::text;
  Many many = Many::one;
  bool required = false;
  bool needs_restart = false;
  std::uint64_t min = 0;  // of integers, durations (ms), sizes (bytes), ratios (thousandths); of the length of texts
  std::uint64_t max = 0;
  std::span<const std::string_view> words{};  // of Kind::word
  std::string_view help{};
  std::string default_text{};  // as TOML; empty: none
};

/// All rows, sections together, in the order of the manual.
const std::vector<Row>& schema();

/// "a duration, 1s to 9h": what a problem says it expected, and the manual's type column.
std::string type_text(const Row& row);

/// A table for terminals, and one for docs/configuration.md.
std::string schema_text();
std::string schema_markdown();

}  // namespace limpet::model
