#include "plan/session_key.hpp"

#include <charconv>

#include "plan/content.hpp"

namespace limpet::plan {
namespace {

using model::ProfileType;
using record::Key;

constexpr unsigned half_bits = 64;

/// The prefix of an IPv6 address that fits into one word.
std::uint64_t high_prefix(const net::IpAddress& address, unsigned length) noexcept {
  return length == 0 ? 0 : address.high() & ~std::uint64_t{0} << (half_bits - length);
}

std::uint32_t prefix_v4(const net::IpAddress& address, unsigned length) noexcept {
  return length == 0 ? 0 : address.v4_host() & ~std::uint32_t{0} << (32 - length);
}

constexpr std::uint64_t port_and_protocol(std::uint16_t port, net::Protocol protocol) noexcept {
  return std::uint64_t{port} << 8 | static_cast<std::uint64_t>(protocol);
}

/// Two halves of a keyed hash over what does not fit.
Key fingerprint(const hash::Key& seed, const net::IpAddress& source, const net::IpAddress& destination,
                std::uint64_t ports, std::uint32_t scope) noexcept {
  const auto half = [&](std::uint64_t which) {
    const std::uint64_t first = hash::keyed(seed, source.high(), source.low() ^ which);
    const std::uint64_t second = hash::keyed(seed, destination.high() ^ first, destination.low());
    return hash::keyed(seed, second, ports);
  };
  return {half(0), half(0x9e3779b97f4a7c15ULL), scope | record::scope_fingerprint, true};
}

Key source_port_key(const Persist& persist, const Tuple& tuple, const hash::Key& seed) noexcept {
  const std::uint64_t port = port_and_protocol(tuple.client_port, tuple.protocol);
  if (tuple.client.is_v4()) {
    const std::uint64_t address = prefix_v4(tuple.client, persist.prefix4);
    return {address << 32 | port, 0, persist.scope | record::scope_v4, false};
  }
  if (persist.prefix6 <= half_bits) {
    return {high_prefix(tuple.client, persist.prefix6), port, persist.scope, true};
  }
  return fingerprint(seed, tuple.client.masked(persist.prefix6), {}, port, persist.scope);
}

Key pair_key(const Persist& persist, const Tuple& tuple, const hash::Key& seed) noexcept {
  if (tuple.client.is_v4()) {
    const std::uint64_t source = prefix_v4(tuple.client, persist.prefix4);
    return {source << 32 | prefix_v4(tuple.vip, persist.prefix4), 0, persist.scope | record::scope_v4, false};
  }
  if (persist.prefix6 <= half_bits) {
    return {high_prefix(tuple.client, persist.prefix6), high_prefix(tuple.vip, persist.prefix6), persist.scope, true};
  }
  return fingerprint(seed, tuple.client.masked(persist.prefix6), tuple.vip.masked(persist.prefix6), 0, persist.scope);
}

Key five_tuple_key(const Persist& persist, const Tuple& tuple, const hash::Key& seed) noexcept {
  const std::uint64_t ports =
      std::uint64_t{tuple.client_port} << 24 | port_and_protocol(tuple.vip_port, tuple.protocol);
  if (tuple.client.is_v4()) {
    const std::uint64_t addresses = std::uint64_t{tuple.client.v4_host()} << 32 | tuple.vip.v4_host();
    return {addresses, ports, persist.scope | record::scope_v4, true};
  }
  return fingerprint(seed, tuple.client, tuple.vip, ports, persist.scope);
}

std::string protocol_text(std::uint64_t protocol) {
  return protocol == static_cast<std::uint64_t>(net::Protocol::udp) ? "udp" : "tcp";
}

net::IpAddress v6_of(std::uint64_t high) {
  std::uint8_t bytes[16] = {};
  store_be<std::uint64_t>(bytes, high);
  return net::IpAddress::v6(bytes);
}

/// A prefix before a port: IPv6 in brackets.
std::string before_port(const net::Prefix& prefix) {
  return prefix.address.is_v4() ? prefix.text() : fmt::format("[{}]", prefix.text());
}

std::optional<std::uint64_t> number(std::string_view text, int base, std::uint64_t max) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  const bool whole = error == std::errc{} && end == text.data() + text.size() && !text.empty();
  return whole && value <= max ? std::optional(value) : std::nullopt;
}

std::optional<Key> parse_fingerprint(const Persist& persist, std::string_view text) {
  constexpr std::size_t digits = 32;
  if (text.size() != digits) {
    return std::nullopt;
  }
  const auto high = number(text.substr(0, digits / 2), 16, ~std::uint64_t{0});
  const auto low = number(text.substr(digits / 2), 16, ~std::uint64_t{0});
  if (!high || !low) {
    return std::nullopt;
  }
  return Key{*high, *low, persist.scope | record::scope_fingerprint, true};
}

/// "ADDRESS", "ADDRESS/LENGTH", in brackets or not: the address.
std::optional<net::IpAddress> parse_address(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']')) {
    text = text.substr(1, text.size() - 2);
  }
  if (const auto prefix = net::Prefix::parse(text)) {
    return prefix->address;
  }
  return net::IpAddress::parse(text);
}

/// "ADDRESS:PORT" into both.
bool parse_endpoint(std::string_view text, net::IpAddress& address, std::uint16_t& port) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return false;
  }
  const auto parsed = parse_address(text.substr(0, colon));
  const auto value = number(text.substr(colon + 1), 10, 0xffff);
  if (!parsed || !value) {
    return false;
  }
  address = *parsed;
  port = static_cast<std::uint16_t>(*value);
  return true;
}

/// Takes "/tcp" or "/udp" off the end.
std::optional<net::Protocol> take_protocol(std::string_view& text) {
  for (const auto protocol : {net::Protocol::tcp, net::Protocol::udp}) {
    const std::string end = "/" + protocol_text(static_cast<std::uint64_t>(protocol));
    if (text.ends_with(end)) {
      text.remove_suffix(end.size());
      return protocol;
    }
  }
  return std::nullopt;
}

/// The tuple that a text of this type tells of, as far as the type needs it.
std::optional<Tuple> parse_tuple(ProfileType type, std::string_view text) {
  Tuple tuple;
  if (type == ProfileType::source_ip_port || type == ProfileType::five_tuple) {
    const auto protocol = take_protocol(text);
    if (!protocol) {
      return std::nullopt;
    }
    tuple.protocol = *protocol;
  }
  std::string_view second;
  if (type == ProfileType::source_destination || type == ProfileType::five_tuple) {
    constexpr std::string_view arrow = " > ";
    const auto at = text.find(arrow);
    if (at == std::string_view::npos) {
      return std::nullopt;
    }
    second = text.substr(at + arrow.size());
    text = text.substr(0, at);
  }
  const auto address = [](std::string_view from, net::IpAddress& to) {
    const auto parsed = parse_address(from);
    to = parsed.value_or(net::IpAddress{});
    return parsed.has_value();
  };
  bool good = false;
  switch (type) {
    case ProfileType::source_ip:
    case ProfileType::x_forwarded_for:
      good = address(text, tuple.client);
      break;
    case ProfileType::destination_ip:
      good = address(text, tuple.vip);
      tuple.client = tuple.vip;
      break;
    case ProfileType::source_ip_port:
      good = parse_endpoint(text, tuple.client, tuple.client_port);
      break;
    case ProfileType::source_destination:
      good = address(text, tuple.client) && address(second, tuple.vip);
      break;
    case ProfileType::five_tuple:
      good = parse_endpoint(text, tuple.client, tuple.client_port) && parse_endpoint(second, tuple.vip, tuple.vip_port);
      break;
    default:
      break;
  }
  const bool pair = type == ProfileType::source_destination || type == ProfileType::five_tuple;
  return good && (!pair || tuple.client.family() == tuple.vip.family()) ? std::optional(tuple) : std::nullopt;
}

}  // namespace

std::optional<Key> session_key(const Persist& persist, const Tuple& tuple, const hash::Key& seed) noexcept {
  switch (persist.type) {
    case ProfileType::source_ip:
      return record::source_key(tuple.client, persist.prefix4, persist.prefix6, persist.scope);
    case ProfileType::destination_ip:
      return record::source_key(tuple.vip, persist.prefix4, persist.prefix6, persist.scope);
    case ProfileType::source_ip_port:
      return source_port_key(persist, tuple, seed);
    case ProfileType::source_destination:
      return pair_key(persist, tuple, seed);
    case ProfileType::five_tuple:
      return five_tuple_key(persist, tuple, seed);
    default:
      break;
  }
  return std::nullopt;
}

namespace {

Found find_in_payload(const Plan& plan, const Service& service, const Tuple& tuple, const Payload& payload) noexcept {
  const Tuple& who = payload.told ? *payload.told : tuple;
  std::uint32_t unfinished = 0;
  std::uint32_t place = 1;
  for (const Persist& persist : profiles_of(service, &payload)) {
    if (model::is_content(persist.type)) {
      Found found = find_in(plan, service, persist, who, payload);
      if (found.persist != nullptr || found.waits) {
        found.unfinished = unfinished;
        return found;
      }
      unfinished |= found.value == extract::Found::incomplete ? place : 0;
    } else if (const auto key = session_key(persist, who, plan.fingerprint_seed)) {
      return {.persist = &persist, .key = *key, .unfinished = unfinished};
    }
    place <<= 1;
  }
  return {.unfinished = unfinished};
}

}  // namespace

Found find_key(const Plan& plan, const Service& service, const Tuple& tuple, const Payload* payload) noexcept {
  if (payload != nullptr) {
    return find_in_payload(plan, service, tuple, *payload);
  }
  for (const Persist& persist : service.persist) {
    if (const auto key = session_key(persist, tuple, plan.fingerprint_seed)) {
      return {&persist, *key};
    }
  }
  return {};
}

Found find_given(const Service& service, const Key& key) noexcept {
  Found found;
  service.each_branch([&](std::uint32_t, const std::vector<Persist>& profiles) {
    for (const Persist& persist : profiles) {
      if (found.persist == nullptr && persist.scope == record::scope_of(key)) {
        found = {&persist, key};
      }
    }
  });
  return found;
}

std::string key_text(const Persist& persist, const Key& key) {
  if ((key.scope & record::scope_fingerprint) != 0) {
    return fmt::format("#{:016x}{:016x}", key.high, key.low);
  }
  const bool v4 = (key.scope & record::scope_v4) != 0;
  const std::uint8_t length = v4 ? persist.prefix4 : persist.prefix6;
  const auto prefix = [&](std::uint64_t word) {
    return net::Prefix{v4 ? net::IpAddress::v4(static_cast<std::uint32_t>(word)) : v6_of(word), length};
  };
  switch (persist.type) {
    case ProfileType::source_ip_port: {
      const std::uint64_t port = v4 ? key.high & 0xffffffff : key.low;
      return fmt::format("{}:{}/{}", before_port(prefix(v4 ? key.high >> 32 : key.high)), port >> 8,
                         protocol_text(port & 0xff));
    }
    case ProfileType::source_destination:
      return fmt::format("{} > {}", prefix(v4 ? key.high >> 32 : key.high).text(),
                         prefix(v4 ? key.high : key.low).text());
    case ProfileType::five_tuple:
      return fmt::format("{}:{} > {}:{}/{}", net::IpAddress::v4(static_cast<std::uint32_t>(key.high >> 32)).text(),
                         key.low >> 24 & 0xffff, net::IpAddress::v4(static_cast<std::uint32_t>(key.high)).text(),
                         key.low >> 8 & 0xffff, protocol_text(key.low & 0xff));
    default:
      break;
  }
  return record::prefix_of(key, persist.prefix4, persist.prefix6).text();
}

std::optional<Key> parse_key(const Persist& persist, std::string_view text) {
  if (text.starts_with('#')) {
    return parse_fingerprint(persist, text.substr(1));
  }
  const auto tuple = parse_tuple(persist.type, text);
  if (!tuple) {
    return std::nullopt;
  }
  auto key = persist.type == ProfileType::x_forwarded_for
                 ? record::source_key(tuple->client, persist.prefix4, persist.prefix6, persist.scope)
                 : session_key(persist, *tuple, {});
  return key && (key->scope & record::scope_fingerprint) == 0 ? key : std::nullopt;
}

std::optional<Tuple> key_tuple(const Persist& persist, std::string_view text) {
  return parse_tuple(persist.type, text);
}

}  // namespace limpet::plan
