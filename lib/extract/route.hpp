// The part of a key that names a backend: "b2" in JSESSIONID=9F3C.b2. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "extract/found.hpp"

namespace limpet::extract {

struct Route {
  enum class Where : std::uint8_t {
    whole,         // all of the value
    behind_first,  // what stands behind the first delimiter, as Apache's and Tomcat's jvmRoute has it
    behind_last,   // behind the last one
    before_first,  // before the first one
  };
  Where where = Where::whole;
  char delimiter = '.';
};

/// The name in a value; absent when there is no delimiter, or nothing on that side of it. What is no value stays what
/// it is.
[[nodiscard]] constexpr Value route(const Value& value, const Route& rule) noexcept {
  if (value.found != Found::value || rule.where == Route::Where::whole) {
    return value;
  }
  const bool last = rule.where == Route::Where::behind_last;
  const std::size_t at = last ? value.bytes.rfind(rule.delimiter) : value.bytes.find(rule.delimiter);
  if (at == std::string_view::npos) {
    return {};
  }
  return value_of(rule.where == Route::Where::before_first ? value.bytes.substr(0, at) : value.bytes.substr(at + 1));
}

}  // namespace limpet::extract
