// What the tables of the configuration are written with: rows, named by what they hold, and the sections that are made
// of them; a row's section is filled in later. Internal to lib/model.
#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "base/time.hpp"
#include "model/bind.hpp"

namespace limpet::model {

// One a subject: fields_node.cpp, fields_ports.cpp, ...
const Section& limpetd_section();
const Section& limits_section();
const Section& port_section();
const Section& profile_section();
const Section& pool_section();
const Section& service_section();

}  // namespace limpet::model

namespace limpet::model::rows {

using bind::section;
using bind::table;
using bind::value;
using Words = std::span<const std::string_view>;

inline constexpr std::uint64_t text_max = 4096;
inline constexpr std::uint64_t second = 1000;
inline constexpr std::uint64_t hour = 3600 * second;
inline constexpr std::uint64_t day = 24 * hour;

inline Row text(std::string_view name, std::string_view help) {
  return {.name = name, .kind = Kind::text, .min = 1, .max = text_max, .help = help};
}
inline Row number(std::string_view name, std::uint64_t min, std::uint64_t max, std::string_view help) {
  return {.name = name, .kind = Kind::integer, .min = min, .max = max, .help = help};
}
inline Row duration(std::string_view name, std::uint64_t min, std::uint64_t max, std::string_view help) {
  return {.name = name, .kind = Kind::duration, .min = min, .max = max, .help = help};
}
inline Row word(std::string_view name, Words words, std::string_view help) {
  return {.name = name, .kind = Kind::word, .words = words, .help = help};
}
inline Row row(Kind kind, std::string_view name, std::string_view help) {
  return {.name = name, .kind = kind, .help = help};
}

inline Row required(Row row) {
  row.required = true;
  return row;
}
inline Row restart(Row row) {
  row.needs_restart = true;
  return row;
}
inline Row many(Many many, Row row) {
  row.many = many;
  return row;
}

/// A map's keys: `name` stands for one in section paths.
inline Field keyed(Row key, Field field) {
  field.row.many = Many::map;
  field.key = std::move(key);
  return field;
}

}  // namespace limpet::model::rows
