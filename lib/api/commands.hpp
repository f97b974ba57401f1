// The one table of commands: server, limpetctl, completion and the manual all read it. Pure data.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace limpet::api {

/// What a command needs, and what a peer has.
enum class Access : std::uint8_t { read, write };

enum class Type : std::uint8_t {
  text,      // JSON string
  count,     // JSON integer, min..max
  flag,      // JSON boolean
  client,    // JSON string: ADDR or ADDR:PORT or [ADDR]:PORT
  backend,   // JSON string: POOL/NAME
  duration,  // JSON string, as in the configuration ("30m"), min..max in ms
  file,      // on the wire the file's text (string); limpetctl reads the file and adds `file_name`
  lines,     // on the wire whole lines of a file (string); limpetctl sends slices and adds `first_line` to each
};

enum class Place : std::uint8_t { positional, option };

/// Where completion finds names: a listing of the server, or the file system.
enum class Completion : std::uint8_t { none, service, pool, backend, port, worker, file };

struct Parameter {
  std::string_view name{};  // on the wire; as an option `--name` with '-' for '_'
  Type type = Type::text;
  Place place = Place::option;
  bool required = false;
  std::string_view unless{};        // required where the parameter of this name is not given
  std::string_view default_text{};  // empty: absent when not given
  std::uint64_t min = 0;            // of counts and durations
  std::uint64_t max = 0;
  std::string_view help{};
  Completion completion = Completion::none;
};

/// What `result` is.
enum class Shape : std::uint8_t {
  listing,  // {"items": [object, ...], "next": cursor or null}
  lines,    // a listing whose items limpetctl prints as JSON, one a line, with those of all further pages
  object,   // one object
  text,     // {"text": string}
};

/// A member of a reply: a column of a listing, a line of an object.
struct Column {
  std::string_view key;
  std::string_view title;
  std::string_view help{};
};

struct Command {
  std::string_view name{};    // "show services"
  std::string_view method{};  // "show.services"
  Access access = Access::read;
  bool local = false;  // limpetctl can answer without a daemon
  std::span<const Parameter> parameters{};
  Shape shape = Shape::object;
  std::span<const Column> columns{};
  std::string_view help{};
};

std::span<const Command> commands();
const Command* find_method(std::string_view method);
const Command* find_name(std::string_view name);

inline constexpr std::uint64_t listing_limit_default = 1000;
inline constexpr std::uint64_t listing_limit_max = 10'000;

}  // namespace limpet::api
