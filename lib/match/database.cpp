#include "match/database.hpp"

#include <fmt/format.h>
#include <hs.h>

#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

namespace limpet::match {
namespace {

struct FreeError {
  void operator()(hs_compile_error_t* error) const noexcept { hs_free_compile_error(error); }
};
using CompileError = std::unique_ptr<hs_compile_error_t, FreeError>;

/// As a regular expression: any byte but letters and digits by its number.
std::string expression(const Pattern& pattern) {
  if (!pattern.literal) {
    return pattern.text;
  }
  std::string escaped;
  for (const char c : pattern.text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    escaped += plain ? std::string(1, c) : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return escaped;
}

unsigned flags(const Pattern& pattern) noexcept {
  return pattern.caseless ? HS_FLAG_CASELESS : 0u;
}

tl::unexpected<Error> refuse(const Pattern& pattern, const char* why) {
  return fail("pattern {} \"{}\": {}", pattern.id, pattern.text, why);
}

Result<void> check_open_end(const Pattern& pattern, const std::string& text) {
  hs_expr_info_t* info = nullptr;
  hs_compile_error_t* error = nullptr;
  if (hs_expression_info(text.c_str(), flags(pattern), &info, &error) != HS_SUCCESS) {
    return refuse(pattern, CompileError(error)->message);
  }
  const bool at_end = info->matches_at_eod != 0;
  std::free(info);
  return at_end ? Result<void>(refuse(pattern, "may not ask where the bytes end")) : Result<void>{};
}

}  // namespace

Result<Database> Database::compile(std::span<const Pattern> patterns, const Memory& memory) {
  if (hs_valid_platform() != HS_SUCCESS) {
    return fail("patterns cannot be used on this CPU: Hyperscan needs SSSE3");
  }
  std::vector<std::string> texts;
  std::vector<const char*> pointers;
  std::vector<unsigned> all_flags, ids;
  for (const Pattern& pattern : patterns) {
    if (pattern.text.empty() || (!pattern.literal && pattern.text.find('\0') != std::string::npos)) {
      return refuse(pattern, "is empty or has a zero byte in it");
    }
    texts.push_back(expression(pattern));
    all_flags.push_back(flags(pattern));
    ids.push_back(pattern.id);
    if (auto checked = pattern.open_ended ? check_open_end(pattern, texts.back()) : Result<void>{}; !checked) {
      return tl::unexpected(checked.error());
    }
  }
  pointers.reserve(texts.size());
  for (const std::string& text : texts) {
    pointers.push_back(text.c_str());
  }
  const Using use(memory);
  hs_database_t* database = nullptr;
  hs_compile_error_t* error = nullptr;
  if (hs_compile_multi(pointers.data(), all_flags.data(), ids.data(), static_cast<unsigned>(texts.size()),
                       HS_MODE_BLOCK, nullptr, &database, &error) == HS_SUCCESS) {
    return Database(database, memory);
  }
  const CompileError owned(error);
  const auto which = static_cast<std::size_t>(owned->expression);
  return owned->expression >= 0 && which < patterns.size() ? Result<Database>(refuse(patterns[which], owned->message))
                                                           : fail("patterns: {}", owned->message);
}

Database::Database(Database&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)), memory_(other.memory_) {}

Database& Database::operator=(Database&& other) noexcept {
  std::swap(database_, other.database_);
  std::swap(memory_, other.memory_);
  return *this;
}

Database::~Database() {
  const Using use(memory_);
  hs_free_database(database_);
}

std::size_t Database::size_bytes() const noexcept {
  std::size_t size = 0;
  return hs_database_size(database_, &size) == HS_SUCCESS ? size : 0;
}

}  // namespace limpet::match
