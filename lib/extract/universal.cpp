#include "extract/universal.hpp"

namespace limpet::extract {

Value universal(const Universal& rule, const match::Database& database, match::Scratch& scratch, std::string_view bytes,
                Rest rest) noexcept {
  const std::string_view searched = bytes.substr(0, universal_search_bytes_max);
  const auto end = match::first_end(database, scratch, searched, rule.after);
  if (!end) {
    const bool over = rest == Rest::none || searched.size() == universal_search_bytes_max;
    return {over ? Found::absent : Found::incomplete};
  }
  const std::string_view behind = bytes.substr(*end, rule.max_bytes);
  std::size_t size = 0;
  while (size < behind.size() && !rule.until.has(behind[size])) {
    ++size;
  }
  if (size == behind.size() && size < rule.max_bytes && rest == Rest::may_come) {
    return {Found::incomplete};
  }
  return value_of(behind.substr(0, size));
}

}  // namespace limpet::extract
