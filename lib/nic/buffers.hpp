// Packet buffers: one pool on each NUMA node that has workers, made at start for everything that can hold a packet.
// Nothing is allocated later; a worker that finds its pool empty counts `no_buffer`.
#pragma once

#include <rte_mempool.h>

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.hpp"

namespace limpet::nic {

class Buffers {
 public:
  /// `count` buffers on each of `nodes`, each for a frame of `frame_max_bytes` and headroom.
  static Result<Buffers> create(unsigned count, std::uint32_t frame_max_bytes, std::span<const int> nodes);
  Buffers(Buffers&& other) noexcept : pools_(std::move(other.pools_)) { other.pools_.clear(); }
  Buffers& operator=(Buffers&&) = delete;
  ~Buffers();

  /// The node's pool; for a node without one (or -1) the first.
  [[nodiscard]] rte_mempool* on_node(int node) const noexcept;
  /// Buffers not in use, of all pools and their caches. For tests and `show ports`.
  [[nodiscard]] unsigned available() const noexcept;

 private:
  Buffers() = default;
  struct Pool {
    int node;
    rte_mempool* pool;
  };
  std::vector<Pool> pools_;
};

}  // namespace limpet::nic
