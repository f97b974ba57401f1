#include "plan/content.hpp"

#include "extract/client_hello.hpp"
#include "extract/http_request.hpp"
#include "extract/mqtt.hpp"
#include "extract/rdp.hpp"
#include "extract/route.hpp"
#include "extract/text.hpp"
#include "plan/lifetime.hpp"
#include "plan/own_token.hpp"

namespace limpet::plan {
namespace {

using extract::Value;
using model::ProfileType;

std::string_view text_of(const Payload& payload) noexcept {
  return {reinterpret_cast<const char*>(payload.bytes.data()), payload.bytes.size()};
}

Value universal(const Service& service, const Persist& persist, const Payload& payload) noexcept {
  if (payload.scratch == nullptr || service.expressions == nullptr) {
    return {};
  }
  const auto rest = payload.last ? extract::Rest::none : extract::Rest::may_come;
  return extract::universal(persist.reading.universal, service.expressions->database, *payload.scratch,
                            text_of(payload), rest);
}

Value value_of(const Service& service, const Persist& persist, const Payload& payload,
               extract::HelloScratch& scratch) noexcept {
  const std::string_view bytes = text_of(payload);
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
    case ProfileType::rdp_mstshash:
      return extract::rdp_mstshash(bytes);
    case ProfileType::mqtt_client_id:
      return extract::mqtt_client_id(bytes);
    case ProfileType::universal:
      return universal(service, persist, payload);
    default:
      return {};
  }
}

const Said* said_of(const Persist& persist, std::span<const Said> said) noexcept {
  for (const Said& one : said) {
    const bool named =
        persist.type == ProfileType::header ? extract::same_nocase(one.name, persist.name) : one.name == persist.name;
    if (one.type == persist.type && named) {
      return &one;
    }
  }
  return nullptr;
}

bool trusts(const Persist& persist, const net::IpAddress& address) noexcept {
  for (const net::Prefix& prefix : persist.reading.trusted) {
    if (prefix.contains(address)) {
      return true;
    }
  }
  return false;
}

Found not_found(extract::Found value, const Payload& payload) noexcept {
  return {.waits = value == extract::Found::incomplete && !payload.last, .value = value};
}

/// The word of a proxy counts only where it is the proxy that says it.
Found find_forwarded(const Persist& persist, const Tuple& tuple, const Payload& payload) noexcept {
  if (!trusts(persist, tuple.client)) {
    return {};
  }
  extract::Address client;
  if (payload.said.empty()) {
    client = extract::x_forwarded_for(extract::read_request(text_of(payload)),
                                      [&](const net::IpAddress& address) { return trusts(persist, address); });
  } else if (const Said* const said = said_of(persist, payload.said)) {
    const auto parsed = net::IpAddress::parse(said->value);
    client = {parsed ? extract::Found::value : extract::Found::malformed, parsed.value_or(net::IpAddress{})};
  }
  if (client.found != extract::Found::value) {
    return not_found(client.found, payload);
  }
  return {&persist, record::source_key(client.address, persist.prefix4, persist.prefix6, persist.scope)};
}

/// Host names are the same in any case (RFC 4343; RFC 9110, section 4.2.3), and so are users of Windows.
bool ignores_case(ProfileType type) noexcept {
  return type == ProfileType::host || type == ProfileType::tls_sni || type == ProfileType::rdp_mstshash;
}

/// The part of a value that names a backend.
std::string_view name_in(const Persist& persist, std::string_view value) noexcept {
  if (persist.type == ProfileType::tls_ticket) {
    while (value.ends_with('\0')) {
      value.remove_suffix(1);
    }
  }
  using Where = extract::Route::Where;
  const extract::Route rule = persist.delimiter.empty() || persist.reading.part != 0
                                  ? extract::Route{}
                                  : extract::Route{Where::behind_last, persist.delimiter.front()};
  return extract::route(extract::value_of(value), rule).bytes;
}

/// "ADDRESS.PORT.0000" of an RDP client: a backend of the pool's by its address, with its own port or with the VIP's.
Found find_msts(const Pool& pool, const Persist& persist, const Tuple& tuple, const Payload& payload,
                const hash::Key& seed) noexcept {
  extract::Routed routed;
  if (payload.said.empty()) {
    routed = extract::rdp_msts(text_of(payload));
  } else if (const Said* const said = said_of(persist, payload.said)) {
    const auto endpoint = net::Endpoint::parse(said->value);
    routed = {endpoint && endpoint->address.is_v4() ? extract::Found::value : extract::Found::malformed,
              endpoint.value_or(net::Endpoint{})};
  }
  if (routed.found != extract::Found::value) {
    return not_found(routed.found, payload);
  }
  const std::uint32_t* index = pool.by_v4.find(v4_word(routed.backend));
  if (index == nullptr && routed.backend.l4_port == tuple.vip_port) {
    index = pool.by_v4.find(v4_word({routed.backend.address, 0}));
  }
  if (index == nullptr) {
    return {.value = routed.found};
  }
  const std::uint64_t word = v4_word(routed.backend);
  return {&persist, content_key(persist, {reinterpret_cast<const char*>(&word), sizeof word}, seed),
          &pool.backends[*index]};
}

/// A record tells where the value leads, and is not over.
bool is_known(const Persist& persist, const record::Key& key, const Payload& payload) noexcept {
  const auto record = payload.records->find(key, payload.records->hash(key));
  return record && life_of(*record, persist, payload.now_s) == Life::going_on;
}

}  // namespace

/// The part of a value that the profile is about.
extract::Value shaped(const Persist& persist, Value value) noexcept {
  if (value.found != extract::Found::value) {
    return value;
  }
  const Reading& reading = persist.reading;
  const bool is_path = persist.type == ProfileType::path;
  if (reading.prefix_bytes != 0) {
    value.bytes = value.bytes.substr(0, reading.prefix_bytes);
  }
  if (reading.part == 0) {
    return value;
  }
  if (is_path && value.bytes.starts_with('/')) {
    value.bytes.remove_prefix(1);
  }
  return extract::part(value, is_path ? '/' : persist.delimiter.front(), reading.part - 1u);
}

record::Key content_key(const Persist& persist, std::string_view value, const hash::Key& seed) noexcept {
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

const Backend* backend_named(const Pool& pool, std::string_view name) noexcept {
  const std::uint32_t* const index = pool.by_name.find(hash::keyed(pool.seed, name));
  if (index == nullptr) {
    return nullptr;
  }
  const Backend& backend = pool.backends[*index];
  return std::string_view(backend.name).substr(pool.name.size() + 1) == name ? &backend : nullptr;
}

Found find_in(const Plan& plan, const Service& service, const Persist& persist, const Tuple& tuple,
              const Payload& payload) noexcept {
  const Pool& pool = plan.pools[persist.pool];
  if (persist.type == ProfileType::x_forwarded_for) {
    return find_forwarded(persist, tuple, payload);
  }
  if (persist.type == ProfileType::rdp_msts) {
    return find_msts(pool, persist, tuple, payload, plan.fingerprint_seed);
  }
  extract::HelloScratch scratch;
  Value value;
  if (payload.said.empty()) {
    value = value_of(service, persist, payload, scratch);
  } else if (const Said* const said = said_of(persist, payload.said)) {
    value = extract::value_of(said->value);
  }
  value = shaped(persist, value);
  if (value.found != extract::Found::value) {
    return not_found(value.found, payload);
  }
  const record::Key key = content_key(persist, value.bytes, plan.fingerprint_seed);
  if (persist.only_learns() && payload.records != nullptr && !is_known(persist, key, payload)) {
    return {.value = value.found};
  }
  if (persist.by == model::By::record || persist.by == model::By::hash) {
    return {&persist, key};
  }
  const Backend* const backend = model::by_own_token(persist.by)
                                     ? backend_of_token(plan, pool, persist, value.bytes, payload.now_s)
                                     : backend_named(pool, name_in(persist, value.bytes));
  return backend == nullptr ? Found{.value = value.found} : Found{&persist, key, backend};
}

}  // namespace limpet::plan
