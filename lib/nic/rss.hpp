// What a device's receive side scaling (RSS) can do for us: bring a client's packets to the worker that owns it, or
// at least spread them. Only a hint: software steering puts right what the device does otherwise. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "hash/owner.hpp"
#include "model/model.hpp"
#include "nic/queues.hpp"

namespace limpet::nic {

/// As rte_eth_dev_info reports it.
struct RssCapabilities {
  std::uint64_t hash_types = 0;   // flow_type_rss_offloads
  unsigned key_size_bytes = 0;    // 0: the driver's default, 40
  unsigned indirection_size = 0;  // reta_size
};

enum class RssEffect : std::uint8_t {
  none,    // one queue, or no RSS
  spread,  // packets are spread, by address pairs or ports: most cross to another worker
  owner,   // a client's packets arrive at their owner
};

/// Why it is that and nothing better.
enum class RssReason : std::uint8_t {
  client_address,  // nothing would be better
  answers,         // the same: full NAT's answers are known by their addresses and ports
  lone_ipv4,       // the key leaves the client's of two IPv4 addresses
  lone_ipv6,       // or the other way round
  configured,
  one_queue,
  no_hash,         // the device hashes no IP addresses
  no_indirection,  // or has no table of queues to program
  short_key,       // which IPv6 pairs do not fit into
  odd_table,       // a table of queues that can't follow Owner's
  both_sides,      // the client's address is now the source, now the destination
  no_pairs,        // the device hashes neither the client's address alone nor all packets by addresses
  no_ports,        // which answers of full NAT are known by
  refused,         // it says that it can, but doesn't
};

struct RssChoice {
  RssEffect effect = RssEffect::none;
  std::uint64_t hash_types = 0;
  RssReason reason = RssReason::refused;
  std::optional<hash::LoneAddress> lone;                  // the key is this one's, not Owner's
  [[nodiscard]] std::string_view words() const noexcept;  // for `show ports`
  [[nodiscard]] std::string_view why() const noexcept;
};

/// What the operator says of a port.
struct RssWish {
  model::Side side = model::Side::both;  // whom the port faces, and so which address is the client's
  model::Rss rss = model::Rss::automatic;
  bool full_nat = false;  // every service's, so that backends send nothing but answers to local addresses
  bool v4 = true;         // clients come by IPv4, if by IPv6, too
};
RssChoice choose_rss(const RssCapabilities& capabilities, const RssWish& wish, unsigned queues) noexcept;
/// The same and, as a driver may offer more than it then takes, what to ask for next; the last is none.
std::array<RssChoice, 3> rss_choices(const RssCapabilities& capabilities, const RssWish& wish,
                                     unsigned queues) noexcept;

/// The key to program.
std::vector<std::uint8_t> rss_key(const hash::Owner& owner, const RssChoice& choice, unsigned size_bytes);
/// The indirection table to program: entry -> receive queue, following Owner's own table.
std::vector<std::uint16_t> rss_indirection(const hash::Owner& owner, const Queues& queues, unsigned size);

}  // namespace limpet::nic
