// The schema's rows bound to the members of the model: what reading, printing and comparing walk over.
// Internal to lib/model.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/model.hpp"
#include "model/schema.hpp"

namespace limpet::model {

/// One typed value. Integers, durations, sizes, ratios, booleans and words (by their index) are numbers.
using Scalar = std::variant<std::uint64_t, std::string, Mac, IpAddress, Prefix, Endpoint, Listen>;

struct Section;

/// One key of a section. Values pass as scalars; a map of values as key, value, key, value.
struct Field {
  Row row;
  Row key;                          // of maps: what their keys are
  const Section* inside = nullptr;  // of tables: what is in them
  bool compact = false;             // print the tables of a map on one line each

  // Everything but tables:
  std::vector<Scalar> (*get)(const void* object) = nullptr;
  void (*set)(void* object, std::vector<Scalar>&& values) = nullptr;
  // Tables: makes one (or names the only one) and visits all.
  void* (*add)(void* object, const Scalar& key) = nullptr;
  using Visitor = std::function<void(const Scalar& key, const void* element)>;
  void (*each)(const void* object, const Visitor& visit) = nullptr;
};

struct Section {
  std::string_view path;  // "pools.NAME"
  std::vector<Field> fields;
  const void* defaults = nullptr;  // an object made by its default constructor
  [[nodiscard]] bool is_default(const Field& field, const void* object) const;
};

/// The top of the file; its object is a Model.
const Section& root_section();

/// A value as TOML writes it (quoted where TOML wants it), or as a key of a table.
std::string scalar_text(const Row& row, const Scalar& value);
std::string key_text(const Row& row, const Scalar& value);
/// A key of a table, quoted where it is no bare key.
std::string toml_key(std::string_view key);
/// All of a field's values, as the right-hand side of an assignment.
std::string field_text(const Field& field, const void* object);
/// `{ a = 1, b = "x" }` of what is required or differs from the default.
std::string table_text(const Section& section, const void* object);

}  // namespace limpet::model
