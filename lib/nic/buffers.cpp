#include "nic/buffers.hpp"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_mbuf.h>

#include <algorithm>

namespace limpet::nic {

namespace {

constexpr unsigned cache_size = 256;  // buffers a worker keeps to itself
constexpr std::uint32_t room_min_bytes = 2048;

}  // namespace

Result<Buffers> Buffers::create(unsigned count, std::uint32_t frame_max_bytes, std::span<const int> nodes) {
  Buffers buffers;
  const std::uint32_t frame = (std::max(frame_max_bytes, room_min_bytes) + 63) / 64 * 64;
  const std::uint32_t room = std::min<std::uint32_t>(frame + RTE_PKTMBUF_HEADROOM, 65535);
  for (const int node : nodes) {
    const std::string name = fmt::format("packets{}", node);
    rte_mempool* pool =
        rte_pktmbuf_pool_create(name.c_str(), count, cache_size, 0, static_cast<std::uint16_t>(room), node);
    if (pool == nullptr) {
      return fail(
          "no memory for {} packet buffers of {} bytes on NUMA node {} ({} MiB; {}): give DPDK more (-m in "
          "[limpetd] eal, or more huge pages)",
          count, room, node, (std::uint64_t{count} * (room + 256) >> 20) + 1, rte_strerror(rte_errno));
    }
    buffers.pools_.push_back({node, pool});
  }
  return buffers;
}

Buffers::~Buffers() {
  for (const auto& pool : pools_) {
    rte_mempool_free(pool.pool);
  }
}

rte_mempool* Buffers::on_node(int node) const noexcept {
  for (const auto& pool : pools_) {
    if (pool.node == node) {
      return pool.pool;
    }
  }
  return pools_.front().pool;
}

unsigned Buffers::available() const noexcept {
  unsigned count = 0;
  for (const auto& pool : pools_) {
    count += rte_mempool_avail_count(pool.pool);
  }
  return count;
}

}  // namespace limpet::nic
