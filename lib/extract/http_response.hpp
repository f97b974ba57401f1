// Keys in the head of an HTTP/1 response. See http_head.hpp. Any thread.
#pragma once

#include <string_view>

#include "extract/found.hpp"
#include "extract/http_head.hpp"

namespace limpet::extract {

/// The value that a response gives a cookie (RFC 6265, sections 4.1.1 and 5.2): of the first Set-Cookie field of that
/// name, case included, without quotes around it. Where it lies in `response.bytes` is where it may be overwritten.
[[nodiscard]] Value set_cookie(const Head& response, std::string_view name) noexcept;

/// What there is of such a value in the last line, which is not whole yet; no quotes are cut. Empty where there is
/// none.
[[nodiscard]] std::string_view unfinished_set_cookie(const Head& response, std::string_view name) noexcept;

}  // namespace limpet::extract
