// What a device's receive side scaling (RSS) can do for us: bring a client's packets to the worker that owns it, or
// at least spread them. Only a hint: software steering puts right what the device does otherwise. Pure.
#pragma once

#include <cstdint>
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

struct RssChoice {
  RssEffect effect = RssEffect::none;
  std::uint64_t hash_types = 0;
  [[nodiscard]] std::string_view words() const noexcept;  // for `show ports`
};

/// `side`: whom the port faces, and so which address is the client's.
RssChoice choose_rss(const RssCapabilities& capabilities, model::Side side, unsigned queues) noexcept;

/// The indirection table to program: entry -> receive queue, following Owner's own table.
std::vector<std::uint16_t> rss_indirection(const hash::Owner& owner, const Queues& queues, unsigned size);

}  // namespace limpet::nic
