// Programmer errors. Never used on packet content, which is always checked and counted instead.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace limpet::detail {
[[noreturn]] inline void assertion_failed(const char* what, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, what);
  std::abort();
}
}  // namespace limpet::detail

#define LIMPET_ASSERT(condition) \
  ((condition) ? static_cast<void>(0) : ::limpet::detail::assertion_failed(#condition, __FILE__, __LINE__))
