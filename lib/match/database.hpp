// Patterns compiled for Hyperscan into one database: made by control, constant afterwards, read by all workers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/result.hpp"
#include "match/memory.hpp"

struct hs_database;

namespace limpet::match {

struct Pattern {
  std::uint32_t id = 0;  // several patterns may have one
  std::string text;      // what Hyperscan knows of PCRE's syntax, or plain bytes
  bool literal = false;
  bool caseless = false;
  bool open_ended = false;  // refused when what it matches depends on where the bytes end: $, \z, \b at its end
  friend bool operator==(const Pattern&, const Pattern&) = default;
};

/// Constant after it was made; any thread.
class Database {
 public:
  /// Control thread: takes milliseconds. Fails with the pattern and Hyperscan's words for what is wrong with it.
  [[nodiscard]] static Result<Database> compile(std::span<const Pattern> patterns, const Memory& memory = heap());
  Database(Database&& other) noexcept;
  Database& operator=(Database&& other) noexcept;
  ~Database();

  [[nodiscard]] const hs_database* get() const noexcept { return database_; }
  [[nodiscard]] std::size_t size_bytes() const noexcept;

 private:
  Database(hs_database* database, const Memory& memory) noexcept : database_(database), memory_(memory) {}
  hs_database* database_;
  Memory memory_;
};

}  // namespace limpet::match
