#include "extract/http_response.hpp"

#include <algorithm>

#include "extract/http_text.hpp"

namespace limpet::extract {

Value set_cookie(const Head& response, std::string_view name) noexcept {
  Fields fields(response);
  Field field;
  Found found = fields.next(field);
  for (; found == Found::value; found = fields.next(field)) {
    if (!same_nocase(field.name, "set-cookie")) {
      continue;
    }
    const Pair pair = read_cookie_pair(field.value, name);
    if (field.folded) {
      return {Found::malformed};
    }
    if (pair.named) {
      return value_of(pair.value);
    }
  }
  return {found};
}

std::string_view unfinished_set_cookie(const Head& response, std::string_view name) noexcept {
  constexpr std::string_view field_name = "set-cookie:";
  Fields fields(response);
  Field field;
  Found found = fields.next(field);
  while (found == Found::value) {
    found = fields.next(field);
  }
  std::string_view line = response.bytes.substr(std::min(fields.position(), response.bytes.size()));
  if (found != Found::incomplete || line.size() < field_name.size() ||
      !same_nocase(line.substr(0, field_name.size()), field_name)) {
    return {};
  }
  line.remove_prefix(field_name.size());
  while (line.starts_with(' ') || line.starts_with('\t')) {
    line.remove_prefix(1);
  }
  const Pair pair = read_pair(line, name);
  return pair.value.substr(0, pair.value.find_first_of("; \t\r"));
}

}  // namespace limpet::extract
