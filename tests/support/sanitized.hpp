// Whether a sanitizer watches each step, which g++ and clang tell differently.
#pragma once

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define LIMPET_SANITIZED true
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LIMPET_SANITIZED true
#endif
#ifndef LIMPET_SANITIZED
#define LIMPET_SANITIZED false
#endif

namespace limpet::test {

inline constexpr bool sanitized = LIMPET_SANITIZED;

}  // namespace limpet::test
