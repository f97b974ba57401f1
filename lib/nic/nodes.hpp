// NUMA: which workers are far from a device, and where packet buffers are wanted. Pure; nodes are numbers, -1 where
// none is known (virtual devices, machines with a single node).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace limpet::nic {

/// Indexes of the workers on another node than the device; none where its node is unknown. `worker_nodes`: of each
/// worker, the node of its CPU.
std::vector<unsigned> far_workers(int device_node, std::span<const int> worker_nodes);

/// For the operator: that `device`, wanted for `place`, is far from workers, and what to do; nothing where none is.
std::optional<std::string> far_text(std::string_view place, std::string_view device, int device_node,
                                    std::span<const int> worker_nodes);

/// The nodes that workers take buffers from, each once, in order; an unknown one counts as node 0.
std::vector<int> buffer_nodes(std::span<const int> worker_nodes);

}  // namespace limpet::nic
