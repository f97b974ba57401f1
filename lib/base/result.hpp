// Errors of control code: a value or a text for the operator. The data path never uses these.
#pragma once

#include <fmt/format.h>

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace limpet {

/// What went wrong, where, and what was expected, in one sentence an operator can act on.
struct Error {
  std::string text;
};

template <class T>
using Result = tl::expected<T, Error>;

/// `return fail("port {}: no such device", name);`
template <class... Args>
[[nodiscard]] tl::unexpected<Error> fail(fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected<Error>(Error{fmt::format(format, std::forward<Args>(args)...)});
}

}  // namespace limpet
