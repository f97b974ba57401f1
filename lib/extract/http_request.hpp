// Keys in the head of an HTTP/1 request. See http_head.hpp for what a head must look like. Any thread.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "extract/found.hpp"
#include "extract/http_head.hpp"
#include "net/address.hpp"

namespace limpet::extract {

/// The value of a cookie (RFC 6265, sections 4.2.1 and 5.4): of the first pair in any Cookie field whose whole name is
/// this one, case included. Pairs end at ';' even inside quotes, as browsers have it; one pair of quotes around a value
/// is no part of it; a pair without '=' has no name. No escapes are undone.
[[nodiscard]] Value cookie(const Head& request, std::string_view name) noexcept;

/// The value of a parameter of the query (RFC 3986, section 3.4): pairs end at '&' only (';' is data), the query at
/// '#'. The first of that name counts; names and values are compared and given as they stand, percent signs and all.
[[nodiscard]] Value url_param(const Head& request, std::string_view name) noexcept;

/// The first `size_bytes` of the path, or all of a shorter one; without query. From '/' on; absent for "*", CONNECT
/// and an absolute form that has none.
[[nodiscard]] Value path_prefix(const Head& request, std::size_t size_bytes) noexcept;
/// The whole path.
[[nodiscard]] Value path(const Head& request) noexcept;
/// What stands between two slashes of the path, counted from 0: "/a/b" has "a" and "b".
[[nodiscard]] Value path_segment(const Head& request, unsigned index) noexcept;

/// The host a request is for (RFC 9112, section 3.2): of an absolute-form or CONNECT target, else of the first Host
/// field. Without port and user; an IPv6 literal keeps its brackets. In the case it came in: see lowered().
[[nodiscard]] Value host(const Head& request) noexcept;

struct Address {
  Found found = Found::absent;
  net::IpAddress address{};
  friend constexpr bool operator==(const Address&, const Address&) noexcept = default;
};

inline constexpr unsigned forwarded_fields_max = 16;

/// The addresses of all X-Forwarded-For fields of a whole head, from the right: the nearest proxy's word first. Ports
/// and brackets are cut, empty elements passed over (RFC 9110, section 5.6.1).
class ForwardedFor {
 public:
  explicit ForwardedFor(const Head& request) noexcept;
  /// `absent`: no more; `malformed`: an element that is no address, or a broken head.
  [[nodiscard]] Address next() noexcept;

 private:
  std::array<std::string_view, forwarded_fields_max> values_{};
  unsigned count_ = 0;
  Found state_ = Found::value;
};

/// The client as the proxies before us tell it: from the right, the first address that `trusted(address)` does not
/// accept; the leftmost when it accepts all. Ask only for connections whose own peer is trusted. Needs the whole head;
/// `malformed` when what is no address comes before the answer, or with more than forwarded_fields_max fields.
template <class Trusted>
[[nodiscard]] Address x_forwarded_for(const Head& request, Trusted&& trusted) noexcept {
  ForwardedFor addresses(request);
  Address client;
  for (Address next = addresses.next();; next = addresses.next()) {
    if (next.found == Found::absent) {
      return client;
    }
    client = next;
    if (next.found != Found::value || !trusted(next.address)) {
      return client;
    }
  }
}

}  // namespace limpet::extract
