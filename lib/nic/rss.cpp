#include "nic/rss.hpp"

#include <rte_ethdev.h>

namespace limpet::nic {

namespace {

constexpr std::uint64_t pair_types = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_IPV6;
constexpr std::uint64_t port_types = RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV4_UDP |
                                     RTE_ETH_RSS_NONFRAG_IPV6_TCP | RTE_ETH_RSS_NONFRAG_IPV6_UDP;
constexpr std::uint64_t ip_types = pair_types | port_types | RTE_ETH_RSS_FRAG_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_OTHER |
                                   RTE_ETH_RSS_FRAG_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_OTHER;
// Some devices hash the ports of IPv6 packets by these only; where no extension header names other addresses they are
// what the plain types are.
constexpr std::uint64_t extended_types = RTE_ETH_RSS_IPV6_EX | RTE_ETH_RSS_IPV6_TCP_EX | RTE_ETH_RSS_IPV6_UDP_EX;
// What a key has to cover: the addresses of an IPv6 pair and one word more.
constexpr unsigned key_size_min = 40;

unsigned key_size(const RssCapabilities& capabilities) {
  return capabilities.key_size_bytes == 0 ? key_size_min : capabilities.key_size_bytes;
}

/// Why there is no RSS at all, if so.
std::optional<RssReason> hindrance(const RssCapabilities& capabilities, const RssWish& wish, unsigned queues) {
  if (queues < 2) {
    return RssReason::one_queue;
  }
  if (wish.rss == model::Rss::software) {
    return RssReason::configured;
  }
  if ((capabilities.hash_types & ip_types) == 0) {
    return RssReason::no_hash;
  }
  if (capabilities.indirection_size == 0) {
    return RssReason::no_indirection;
  }
  return key_size(capabilities) < key_size_min ? std::optional(RssReason::short_key) : std::nullopt;
}

/// How the device brings packets to their owner; or else spread and why.
RssChoice choose_owner(const RssCapabilities& capabilities, const RssWish& wish) {
  const std::uint64_t offered = capabilities.hash_types & ip_types;
  const auto spread = [](RssReason reason) { return RssChoice{RssEffect::spread, 0, reason, {}}; };
  if (wish.side == model::Side::both) {
    return spread(RssReason::both_sides);
  }
  if (capabilities.indirection_size % hash::Owner::indirection_size != 0) {
    return spread(RssReason::odd_table);
  }
  const bool source = wish.side == model::Side::clients;
  if (!source && wish.full_nat) {
    const std::uint64_t types = offered | (capabilities.hash_types & extended_types);
    return (offered & port_types) == port_types ? RssChoice{RssEffect::owner, types, RssReason::answers, {}}
                                                : spread(RssReason::no_ports);
  }
  const std::uint64_t only = source ? RTE_ETH_RSS_L3_SRC_ONLY : RTE_ETH_RSS_L3_DST_ONLY;
  if ((capabilities.hash_types & only) != 0) {
    return {RssEffect::owner, offered | only, RssReason::client_address, {}};
  }
  if ((offered & pair_types) == pair_types) {
    return {RssEffect::owner, pair_types, wish.v4 ? RssReason::lone_ipv4 : RssReason::lone_ipv6,
            hash::LoneAddress{source, wish.v4}};
  }
  return spread(RssReason::no_pairs);
}

}  // namespace

std::string_view RssChoice::words() const noexcept {
  switch (effect) {
    case RssEffect::owner:
      return reason == RssReason::lone_ipv4   ? "brings IPv4 clients to their worker, workers hand over IPv6"
             : reason == RssReason::lone_ipv6 ? "brings IPv6 clients to their worker, workers hand over IPv4"
                                              : "brings clients to their worker";
    case RssEffect::spread:
      return "spreads packets, workers hand over";
    case RssEffect::none:
      break;
  }
  return "none, workers hand over";
}

std::string_view RssChoice::why() const noexcept {
  switch (reason) {
    case RssReason::client_address:
      return "the device hashes the client's address";
    case RssReason::answers:
      return "the device hashes addresses and ports, which tell whose answer it is (full_nat)";
    case RssReason::lone_ipv4:
      return "the device hashes address pairs, under a key that leaves the client's (services listen on IPv4)";
    case RssReason::lone_ipv6:
      return "the device hashes address pairs, under a key that leaves the client's (services listen on IPv6 only)";
    case RssReason::configured:
      return "rss in the configuration";
    case RssReason::one_queue:
      return "one receive queue";
    case RssReason::no_hash:
      return "the device hashes no IP addresses";
    case RssReason::no_indirection:
      return "the device has no indirection table";
    case RssReason::short_key:
      return "the device's hash key is too short";
    case RssReason::odd_table:
      return "the device's indirection table has no multiple of 128 entries";
    case RssReason::both_sides:
      return "side = \"both\": clients' addresses are sources and destinations";
    case RssReason::no_pairs:
      return "the device hashes neither one address of the two nor both without ports";
    case RssReason::no_ports:
      return "the device does not hash the ports that answers are known by (full_nat)";
    case RssReason::refused:
      break;
  }
  return "the driver refused what the device offers";
}

RssChoice choose_rss(const RssCapabilities& capabilities, const RssWish& wish, unsigned queues) noexcept {
  if (const auto reason = hindrance(capabilities, wish, queues)) {
    return {RssEffect::none, 0, *reason, {}};
  }
  RssChoice choice = wish.rss == model::Rss::spread ? RssChoice{RssEffect::spread, 0, RssReason::configured, {}}
                                                    : choose_owner(capabilities, wish);
  if (choice.effect == RssEffect::spread) {
    // Address pairs keep fragments and ICMP with the rest of their pair; ports are second best.
    const std::uint64_t offered = capabilities.hash_types & ip_types;
    choice.hash_types = (offered & pair_types) == pair_types ? pair_types : offered;
  }
  return choice;
}

std::array<RssChoice, 3> rss_choices(const RssCapabilities& capabilities, const RssWish& wish,
                                     unsigned queues) noexcept {
  const RssChoice best = choose_rss(capabilities, wish, queues);
  RssChoice second =
      best.effect == RssEffect::owner ? choose_rss(capabilities, {wish.side, model::Rss::spread}, queues) : RssChoice{};
  second.reason = RssReason::refused;
  return {best, second, RssChoice{}};
}

std::vector<std::uint8_t> rss_key(const hash::Owner& owner, const RssChoice& choice, unsigned size_bytes) {
  const hash::RssKey lone = choice.lone ? hash::lone_key(*choice.lone) : hash::RssKey{};
  const std::span<const std::uint8_t> from = choice.lone ? lone : owner.key();
  std::vector<std::uint8_t> key(size_bytes);
  for (unsigned i = 0; i < size_bytes; ++i) {
    key[i] = from[i % from.size()];
  }
  return key;
}

std::vector<std::uint16_t> rss_indirection(const hash::Owner& owner, const Queues& queues, unsigned size) {
  std::vector<std::uint16_t> table(size);
  const auto workers = owner.indirection();
  for (unsigned i = 0; i < size; ++i) {
    table[i] = queues.receive_queue(workers[i % workers.size()]);
  }
  return table;
}

}  // namespace limpet::nic
