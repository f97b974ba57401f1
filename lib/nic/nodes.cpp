#include "nic/nodes.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace limpet::nic {

std::vector<unsigned> far_workers(int device_node, std::span<const int> worker_nodes) {
  std::vector<unsigned> far;
  for (unsigned worker = 0; worker < worker_nodes.size(); ++worker) {
    if (device_node >= 0 && worker_nodes[worker] >= 0 && worker_nodes[worker] != device_node) {
      far.push_back(worker);
    }
  }
  return far;
}

std::optional<std::string> far_text(std::string_view place, std::string_view device, int device_node,
                                    std::span<const int> worker_nodes) {
  const auto far = far_workers(device_node, worker_nodes);
  if (far.empty()) {
    return std::nullopt;
  }
  std::set<int> nodes;
  for (const unsigned worker : far) {
    nodes.insert(worker_nodes[worker]);
  }
  const bool one = far.size() == 1;
  return fmt::format(
      "[{}] device {} is on NUMA node {}, worker{} {} on node {}: their packets cross from node to node; name CPUs of "
      "node {} in [limpetd] workers, or move the NIC",
      place, device, device_node, one ? "" : "s", fmt::join(far, ", "), fmt::join(nodes, ", "), device_node);
}

std::vector<int> buffer_nodes(std::span<const int> worker_nodes) {
  std::set<int> nodes;
  for (const int node : worker_nodes) {
    nodes.insert(std::max(node, 0));
  }
  return {nodes.begin(), nodes.end()};
}

}  // namespace limpet::nic
