// What is looked for in the first bytes of a connection, each case with its bytes and, where there is one, the usual
// way to find the same: a pattern of Hyperscan over all of them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "extract/found.hpp"
#include "match/scan.hpp"

namespace limpet::perf {

/// A pattern and what it takes to look for it.
class Sought {
 public:
  explicit Sought(const std::string& regex);
  /// Bytes up to the end of the first match.
  [[nodiscard]] std::optional<std::size_t> first_end(std::string_view bytes) noexcept {
    return match::first_end(database_, scratch_, bytes, 0);
  }
  [[nodiscard]] const match::Database& database() const noexcept { return database_; }
  [[nodiscard]] match::Scratch& scratch() noexcept { return scratch_; }

 private:
  match::Database database_;
  match::Scratch scratch_;
};

class ScanCase {
 public:
  using Read = std::function<extract::Value(std::string_view)>;
  /// `expected`: what `read` finds; anything else throws.
  ScanCase(std::string name, const std::string& bytes, Read read, std::string_view expected,
           std::shared_ptr<Sought> usual = nullptr);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] bool has_usual() const noexcept { return usual_ != nullptr; }
  /// So many heads, each from another buffer than the one before.
  void run(std::uint64_t heads) const;
  void run_usual(std::uint64_t heads) const;

 private:
  std::string name_;
  std::vector<std::string> buffers_;
  Read read_;
  std::shared_ptr<Sought> usual_;
};

/// l7.scan.METHOD[.BYTES]
[[nodiscard]] std::vector<ScanCase> scan_cases();

}  // namespace limpet::perf
