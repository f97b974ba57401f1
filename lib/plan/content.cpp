#include "plan/content.hpp"

#include "extract/client_hello.hpp"
#include "extract/http_request.hpp"
#include "extract/route.hpp"
#include "extract/text.hpp"

namespace limpet::plan {
namespace {

using extract::Value;
using model::ProfileType;

Value value_of(const Persist& persist, std::string_view bytes, extract::HelloScratch& scratch) noexcept {
  switch (persist.type) {
    case ProfileType::cookie:
      return extract::cookie(extract::read_request(bytes), persist.name);
    case ProfileType::header:
      return extract::header(extract::read_request(bytes), persist.name);
    case ProfileType::url_param:
      return extract::url_param(extract::read_request(bytes), persist.name);
    case ProfileType::path:
      return extract::path(extract::read_request(bytes));
    case ProfileType::host:
      return extract::host(extract::read_request(bytes));
    case ProfileType::tls_sni:
      return extract::sni(bytes, scratch);
    case ProfileType::tls_session_id:
      return extract::session_id(bytes, scratch);
    case ProfileType::tls_ticket:
      return extract::ticket_key_name(bytes, scratch);
    default:
      return {};
  }
}

Value said_value(const Persist& persist, std::span<const Said> said) noexcept {
  for (const Said& one : said) {
    const bool named =
        persist.type == ProfileType::header ? extract::same_nocase(one.name, persist.name) : one.name == persist.name;
    if (one.type == persist.type && named) {
      return extract::value_of(one.value);
    }
  }
  return {};
}

/// Host names are the same in any case (RFC 4343; RFC 9110, section 4.2.3).
bool ignores_case(ProfileType type) noexcept {
  return type == ProfileType::host || type == ProfileType::tls_sni;
}

record::Key fingerprint(const Persist& persist, std::string_view value, const hash::Key& seed) noexcept {
  const bool lowers = ignores_case(persist.type);
  const auto half = [&](std::uint64_t which) {
    std::uint64_t state = which;
    for (std::size_t at = 0; at < value.size(); at += 8) {
      std::uint64_t word = 0;
      for (const char c : value.substr(at, 8)) {
        word = word << 8 | static_cast<std::uint8_t>(lowers ? extract::lower(c) : c);
      }
      state = hash::keyed(seed, state, word);
    }
    return hash::keyed(seed, state, value.size());
  };
  return {half(0), half(0x9e3779b97f4a7c15ULL), persist.scope | record::scope_fingerprint, true};
}

/// The part of a value that names a backend.
std::string_view name_in(const Persist& persist, std::string_view value) noexcept {
  if (persist.type == ProfileType::tls_ticket) {
    while (value.ends_with('\0')) {
      value.remove_suffix(1);
    }
  }
  using Where = extract::Route::Where;
  const extract::Route rule =
      persist.delimiter.empty() ? extract::Route{} : extract::Route{Where::behind_last, persist.delimiter.front()};
  return extract::route(extract::value_of(value), rule).bytes;
}

}  // namespace

const Backend* backend_named(const Pool& pool, std::string_view name) noexcept {
  const std::uint32_t* const index = pool.by_name.find(hash::keyed(pool.seed, name));
  if (index == nullptr) {
    return nullptr;
  }
  const Backend& backend = pool.backends[*index];
  return std::string_view(backend.name).substr(pool.name.size() + 1) == name ? &backend : nullptr;
}

Found find_in(const Plan& plan, const Service& service, const Persist& persist, const Payload& payload) noexcept {
  const std::string_view bytes(reinterpret_cast<const char*>(payload.bytes.data()), payload.bytes.size());
  extract::HelloScratch scratch;
  const Value value = payload.said.empty() ? value_of(persist, bytes, scratch) : said_value(persist, payload.said);
  if (value.found != extract::Found::value) {
    return {.waits = value.found == extract::Found::incomplete && !payload.last};
  }
  const record::Key key = fingerprint(persist, value.bytes, plan.fingerprint_seed);
  if (persist.by != model::By::route) {
    return {&persist, key};
  }
  const Backend* const backend = backend_named(plan.pool_of(service), name_in(persist, value.bytes));
  return backend == nullptr ? Found{} : Found{&persist, key, backend};
}

}  // namespace limpet::plan
