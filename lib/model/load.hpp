// From text to model and back: loading (all problems of a file at once), printing, comparing.
// Control thread and command line tools only; never throws.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/model.hpp"

namespace limpet::model {

/// Files above this size are refused.
inline constexpr std::size_t file_size_max_bytes = 16u << 20;
/// Problems told of one file; a last one says how many more there were.
inline constexpr std::size_t problems_max = 100;

/// One thing wrong in a file. Lines and columns count from 1; line 0: the file as a whole.
struct Problem {
  std::string file;
  unsigned line = 0;
  unsigned column = 0;
  std::string found;     // as it stands in the file, shortened
  std::string expected;  // what would have been right
  std::string hint;      // what to do; may be empty
  /// `limpet.toml:12:3: found "algoritm", expected a key of [pools.web] (did you mean "algorithm"?)`
  [[nodiscard]] std::string text() const;
};

/// A model, or the problems (never both), in the order of the file.
struct Loaded {
  std::optional<Model> model;
  std::vector<Problem> problems;
};

/// `file_name` is only used in problems.
Loaded load_text(std::string_view toml, std::string_view file_name);
Loaded load_file(const std::string& path);

/// What `to_toml` writes: what differs from the defaults, or everything.
enum class Detail : std::uint8_t { changed, all };

/// TOML that loads to the same model.
std::string to_toml(const Model& model, Detail detail = Detail::changed);

/// One difference between two models. `before` or `after` is empty where the thing is new or gone.
struct Change {
  std::string path;  // "pools.web.backends.b1.weight"; a whole element where it came or went
  std::string before;
  std::string after;
  bool needs_restart = false;
};

std::vector<Change> diff(const Model& before, const Model& after);

/// A time in ms as the file writes it ("1h30m"), and back; nothing when the text is no duration.
std::string duration_text(std::uint64_t ms);
std::optional<std::uint64_t> parse_duration(std::string_view text);
/// Thousandths as the file writes them: "1.25".
std::string ratio_text(std::uint64_t thousandths);

/// Bytes as the file writes them ("64MiB"), and back.
std::string size_text(std::uint64_t bytes);
std::optional<std::uint64_t> parse_size(std::string_view text);

/// "192.0.2.10:80/tcp", "[2001:db8::10]:*/udp", "192.0.2.0/24:80/tcp".
std::optional<Listen> parse_listen(std::string_view text);

/// 1 to 63 of A-Z a-z 0-9 _ . -
bool is_name(std::string_view text) noexcept;

}  // namespace limpet::model
