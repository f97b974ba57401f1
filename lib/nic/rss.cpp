#include "nic/rss.hpp"

#include <rte_ethdev.h>

namespace limpet::nic {

namespace {

constexpr std::uint64_t pair_types = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_IPV6;
constexpr std::uint64_t ip_types = pair_types | RTE_ETH_RSS_FRAG_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_TCP |
                                   RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV4_OTHER |
                                   RTE_ETH_RSS_FRAG_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_TCP | RTE_ETH_RSS_NONFRAG_IPV6_UDP |
                                   RTE_ETH_RSS_NONFRAG_IPV6_OTHER;
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

RssChoice choose_rss(const RssCapabilities& capabilities, model::Side side, unsigned queues) noexcept {
  const std::uint64_t offered = capabilities.hash_types & ip_types;
  const unsigned key_size = capabilities.key_size_bytes == 0 ? key_size_min : capabilities.key_size_bytes;
  if (queues < 2 || offered == 0 || capabilities.indirection_size == 0 || key_size < key_size_min) {
    return {};
  }
  const std::uint64_t only = side == model::Side::clients    ? RTE_ETH_RSS_L3_SRC_ONLY
                             : side == model::Side::backends ? RTE_ETH_RSS_L3_DST_ONLY
                                                             : 0;
  if (only != 0 && (capabilities.hash_types & only) != 0) {
    return {RssEffect::owner, offered | only};
  }
  // Address pairs keep fragments and ICMP with the rest of their pair; ports are second best.
  const bool pairs = (offered & pair_types) == pair_types;
  return {RssEffect::spread, pairs ? pair_types : offered};
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
