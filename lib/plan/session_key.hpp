// What sessions are told apart by, at layers 3 and 4: from a packet's addresses and ports to a record's key, and from
// a key back to text, as long as it fits into a record readably.
//
// Layout of a key, by type. `v4`: record::scope_v4 is set and the key is narrow unless it says wide.
//   source_ip, destination_ip   v4: address; v6: prefix (wide when longer than 64 bits)
//   source_ip_port              v4: address 32, port 16, protocol 8; v6: wide: prefix of 64 bits or less, port,
//   protocol source_destination          v4: source 32, destination 32; v6: wide: source prefix of 64 bits or less,
//   destination's five_tuple                  v4: wide: source 32, destination 32 | ports 16 + 16, protocol 8
//   of content                  wide: a fingerprint
// What is longer is a keyed fingerprint (record::scope_fingerprint) of 128 bits, wide.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "extract/found.hpp"
#include "plan/plan.hpp"
#include "record/key.hpp"

namespace limpet::plan {

/// A packet's addresses and ports, as the client sees them.
struct Tuple {
  net::IpAddress client;
  net::IpAddress vip;
  std::uint16_t client_port = 0;
  std::uint16_t vip_port = 0;
  net::Protocol protocol = net::Protocol::tcp;
};

/// The key that the profile finds; nothing where it finds none. `seed`: Plan::fingerprint_seed.
[[nodiscard]] std::optional<record::Key> session_key(const Persist& persist, const Tuple& tuple,
                                                     const hash::Key& seed) noexcept;

/// A value that a profile of this type, and with this name where it has one, would find.
struct Said {
  model::ProfileType type = model::ProfileType::none;
  std::string name;
  std::string value;
};

/// What a client has said so far, from the first byte on; or, where it is only asked what would be, what it would say.
struct Payload {
  std::span<const std::uint8_t> bytes{};
  bool last = false;  // nothing more is waited for
  bool full = false;  // there is no room for a further segment of it
  std::uint32_t now_s = 0;
  std::span<const Said> said{};
  match::Scratch* scratch = nullptr;       // the worker's own; null: no expression is looked for
  const record::Table* records = nullptr;  // where learnt values are looked for; null: they count unseen
  bool imagined = false;                   // nobody has said it
  // What hear() has found:
  std::optional<Tuple> told{};     // the client that a trusted front tells of, which makes keys
  const Branch* branch = nullptr;  // where a route leads; null: the service's own pool
  const Rule* rule = nullptr;      // that route; null: none fits
};

/// The profiles that are asked for a connection.
[[nodiscard]] inline const std::vector<Persist>& profiles_of(const Service& service, const Payload* payload) noexcept {
  return payload == nullptr || payload->branch == nullptr ? service.persist : payload->branch->persist;
}
/// The pool that a connection is for.
[[nodiscard]] inline const Pool& pool_of(const Plan& plan, const Service& service, const Payload* payload) noexcept {
  return payload == nullptr || payload->branch == nullptr ? plan.pool_of(service) : plan.pools[payload->branch->pool];
}

/// The first of the service's profiles that finds a key, and the key; null: none does.
struct Found {
  const Persist* persist = nullptr;
  record::Key key{};
  const Backend* backend = nullptr;               // that the value names, where it is to
  bool waits = false;                             // for more of the payload, before anything is found
  extract::Found value = extract::Found::absent;  // of what a client says, where that is looked at
  std::uint32_t unfinished = 0;  // of the profiles asked before, as bits by their places: who would have needed more
};
/// `payload` null: what is said counts for nothing.
[[nodiscard]] Found find_key(const Plan& plan, const Service& service, const Tuple& tuple,
                             const Payload* payload = nullptr) noexcept;
/// A key with the profile of the service, in any of its pools, that makes such keys; null: none does.
[[nodiscard]] Found find_given(const Service& service, const record::Key& key) noexcept;

/// A key for people: "192.0.2.7/32", "192.0.2.0/24:1234/tcp", "192.0.2.7/32 > 198.51.100.1/32",
/// "192.0.2.7:1234 > 198.51.100.1:80/tcp", "#00112233445566778899aabbccddeeff".
[[nodiscard]] std::string key_text(const Persist& persist, const record::Key& key);
/// The key of such a text, as this profile would make it; nothing when it is none of this profile's.
[[nodiscard]] std::optional<record::Key> parse_key(const Persist& persist, std::string_view text);
/// What such a text tells of packets with that key, host bits as they stand; nothing of a fingerprint.
[[nodiscard]] std::optional<Tuple> key_tuple(const Persist& persist, std::string_view text);

}  // namespace limpet::plan
