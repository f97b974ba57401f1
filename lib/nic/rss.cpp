#include "nic/rss.hpp"

#include <rte_ethdev.h>

namespace limpet::nic {

namespace {

constexpr std::uint64_t pair_types = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_IPV6;
constexpr std::uint64_t port_types = RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV4_UDP |
                                     RTE_ETH_RSS_NONFRAG_IPV6_TCP | RTE_ETH_RSS_NONFRAG_IPV6_UDP;
constexpr std::uint64_t ip_types = pair_types | port_types | RTE_ETH_RSS_FRAG_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_OTHER |
                                   RTE_ETH_RSS_FRAG_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_OTHER;
// What a key has to cover: the addresses of an IPv6 pair and one word more.
constexpr unsigned key_size_min = 40;

}  // namespace

std::string_view RssChoice::words() const noexcept {
  switch (effect) {
    case RssEffect::owner:
      return "brings clients to their worker";
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
    case RssReason::both_sides:
      return "side = \"both\": clients' addresses are sources and destinations";
    case RssReason::pairs_only:
      return "the device can't hash one address of the two";
    case RssReason::refused:
      break;
  }
  return "the driver refused what the device offers";
}

RssChoice choose_rss(const RssCapabilities& capabilities, const RssWish& wish, unsigned queues) noexcept {
  const std::uint64_t offered = capabilities.hash_types & ip_types;
  const unsigned key_size = capabilities.key_size_bytes == 0 ? key_size_min : capabilities.key_size_bytes;
  const auto none = [](RssReason reason) { return RssChoice{RssEffect::none, 0, reason}; };
  if (queues < 2) {
    return none(RssReason::one_queue);
  }
  if (wish.rss == model::Rss::software) {
    return none(RssReason::configured);
  }
  if (offered == 0) {
    return none(RssReason::no_hash);
  }
  if (capabilities.indirection_size == 0 || key_size < key_size_min) {
    return none(capabilities.indirection_size == 0 ? RssReason::no_indirection : RssReason::short_key);
  }
  const std::uint64_t only = wish.side == model::Side::clients    ? RTE_ETH_RSS_L3_SRC_ONLY
                             : wish.side == model::Side::backends ? RTE_ETH_RSS_L3_DST_ONLY
                                                                  : 0;
  const bool spread = wish.rss == model::Rss::spread;
  if (!spread && wish.side == model::Side::backends && wish.full_nat && (offered & port_types) == port_types) {
    return {RssEffect::owner, offered, RssReason::answers};
  }
  if (!spread && only != 0 && (capabilities.hash_types & only) != 0) {
    return {RssEffect::owner, offered | only, RssReason::client_address};
  }
  // Address pairs keep fragments and ICMP with the rest of their pair; ports are second best.
  const bool pairs = (offered & pair_types) == pair_types;
  return {RssEffect::spread, pairs ? pair_types : offered,
          spread      ? RssReason::configured
          : only == 0 ? RssReason::both_sides
                      : RssReason::pairs_only};
}

std::array<RssChoice, 3> rss_choices(const RssCapabilities& capabilities, const RssWish& wish,
                                     unsigned queues) noexcept {
  const RssChoice best = choose_rss(capabilities, wish, queues);
  RssChoice second =
      best.effect == RssEffect::owner ? choose_rss(capabilities, {wish.side, model::Rss::spread}, queues) : RssChoice{};
  second.reason = RssReason::refused;
  return {best, second, RssChoice{}};
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
