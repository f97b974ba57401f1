#include "extract/http_response.hpp"

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

}  // namespace limpet::extract
