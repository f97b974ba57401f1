#include "extract/http_request.hpp"

#include <algorithm>

#include "extract/http_text.hpp"

namespace limpet::extract {
namespace {

/// What a target falls into (RFC 9112, section 3.2), without the fragment that it should not have.
struct Target {
  std::string_view authority, path, query;
};

Target split_target(const Head& request) noexcept {
  std::string_view rest = request.target.substr(0, request.target.find('#'));
  if (request.method == "CONNECT") {
    return {rest, {}, {}};
  }
  Target target;
  if (!rest.starts_with('/')) {
    const std::size_t colon = rest.find("://");
    if (colon == std::string_view::npos || rest.find_first_of("/?") < colon) {
      return {};
    }
    rest.remove_prefix(colon + 3);
    const std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
    target.authority = rest.substr(0, end);
    rest.remove_prefix(end);
  }
  const std::size_t mark = std::min(rest.find('?'), rest.size());
  target.path = rest.substr(0, mark);
  target.query = mark < rest.size() ? rest.substr(mark + 1) : std::string_view{};
  return target;
}

/// RFC 3986, section 3.2, without user and port.
std::string_view host_of(std::string_view authority) noexcept {
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    authority.remove_prefix(at + 1);
  }
  if (authority.starts_with('[')) {
    const std::size_t bracket = authority.find(']');
    return bracket == std::string_view::npos ? std::string_view{} : authority.substr(0, bracket + 1);
  }
  return authority.substr(0, authority.find(':'));
}

/// The first pair of a Cookie field's value with that name.
Pair find_cookie(std::string_view pairs, std::string_view name) noexcept {
  std::size_t at = 0;
  do {
    while (at < pairs.size() && (pairs[at] == ' ' || pairs[at] == '\t')) {
      ++at;
    }
    if (at < pairs.size() && !name.empty() && pairs[at] == name.front()) {
      if (const Pair pair = read_cookie_pair(pairs.substr(at), name); pair.named) {
        return pair;
      }
    }
    at = pairs.find(';', at);
  } while (at++ != std::string_view::npos);
  return {};
}

/// An address as proxies write it: bare, with a port, in brackets, in brackets with a port.
std::optional<net::IpAddress> read_address(std::string_view text) noexcept {
  if (text.starts_with('[')) {
    const std::size_t bracket = text.find(']');
    if (bracket == std::string_view::npos || (bracket + 1 < text.size() && text[bracket + 1] != ':')) {
      return std::nullopt;
    }
    const auto address = net::IpAddress::parse(text.substr(1, bracket - 1));
    return address && text.substr(1, bracket - 1).find(':') != std::string_view::npos ? address : std::nullopt;
  }
  if (const std::size_t colon = text.find(':'); colon == text.rfind(':')) {
    return net::IpAddress::parse(text.substr(0, colon));
  }
  return net::IpAddress::parse(text);
}

}  // namespace

Value cookie(const Head& request, std::string_view name) noexcept {
  Fields fields(request);
  Field field;
  Found found = fields.next(field);
  for (; found == Found::value; found = fields.next(field)) {
    if (!same_nocase(field.name, "cookie")) {
      continue;
    }
    if (field.folded) {
      return {Found::malformed};
    }
    if (const Pair pair = find_cookie(field.value, name); pair.named) {
      return value_of(pair.value);
    }
  }
  return {found};
}

Value url_param(const Head& request, std::string_view name) noexcept {
  if (request.found != Found::value) {
    return {request.found};
  }
  std::string_view query = split_target(request).query;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    if (const Pair pair = read_pair(query.substr(0, end), name); pair.named) {
      return value_of(pair.value);
    }
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return {};
}

Value path(const Head& request) noexcept {
  return request.found == Found::value ? value_of(split_target(request).path) : Value{request.found};
}

Value path_prefix(const Head& request, std::size_t size_bytes) noexcept {
  const Value whole = path(request);
  return whole.found == Found::value ? value_of(whole.bytes.substr(0, size_bytes)) : whole;
}

Value path_segment(const Head& request, unsigned index) noexcept {
  Value rest = path(request);
  if (rest.found != Found::value) {
    return rest;
  }
  for (rest.bytes.remove_prefix(1); index > 0; --index) {
    const std::size_t slash = rest.bytes.find('/');
    if (slash == std::string_view::npos) {
      return {};
    }
    rest.bytes.remove_prefix(slash + 1);
  }
  return value_of(rest.bytes.substr(0, rest.bytes.find('/')));
}

Value host(const Head& request) noexcept {
  if (request.found != Found::value) {
    return {request.found};
  }
  if (const std::string_view authority = split_target(request).authority; !authority.empty()) {
    return value_of(host_of(authority));
  }
  const Value field = header(request, "host");
  return field.found == Found::value ? value_of(host_of(field.bytes)) : field;
}

ForwardedFor::ForwardedFor(const Head& request) noexcept {
  Fields fields(request);
  Field field;
  Found found = fields.next(field);
  for (; found == Found::value; found = fields.next(field)) {
    if (!same_nocase(field.name, "x-forwarded-for")) {
      continue;
    }
    if (field.folded || count_ == forwarded_fields_max) {
      found = Found::malformed;
      break;
    }
    values_[count_++] = field.value;
  }
  state_ = request.found == Found::value && found == Found::absent ? Found::value : found;
}

Address ForwardedFor::next() noexcept {
  while (state_ == Found::value) {
    if (count_ == 0) {
      state_ = Found::absent;
      break;
    }
    std::string_view& list = values_[count_ - 1];
    const std::size_t comma = list.rfind(',');
    const bool last = comma == std::string_view::npos;
    const std::string_view element = trimmed(last ? list : list.substr(comma + 1));
    list = last ? std::string_view{} : list.substr(0, comma);
    count_ -= last ? 1 : 0;
    if (element.empty()) {
      continue;
    }
    if (const auto address = read_address(element)) {
      return {Found::value, *address};
    }
    state_ = Found::malformed;
  }
  return {state_};
}

}  // namespace limpet::extract
