#include "worker/fabric.hpp"

namespace limpet::worker {

Fabric::Fabric(unsigned workers, std::span<nic::Port* const> ports, std::span<nic::Port* const> kernels)
    : workers_(workers), ports_(ports.begin(), ports.end()), kernels_(kernels.begin(), kernels.end()) {
  handoff_.resize(std::size_t{workers} * workers);
  for (unsigned from = 0; from < workers; ++from) {
    for (unsigned to = 0; to < workers; ++to) {
      if (from != to) {
        handoff_[from * workers + to] = std::make_unique<MbufRing>(handoff_ring_size);
      }
    }
  }
  relays_.resize(ports_.size() * 2 * workers);
  for (const auto* devices : {&ports_, &kernels_}) {
    for (const nic::Port* port : *devices) {
      if (port != nullptr) {
        add_relays(*port);
      }
    }
  }
}

void Fabric::add_relays(const nic::Port& port) {
  for (unsigned from = 0; from < workers_; ++from) {
    if (port.is_kernel() || port.queues().sender(from) != from) {
      relays_[(port.index().value() * 2u + (port.is_kernel() ? 1u : 0u)) * workers_ + from] =
          std::make_unique<MbufRing>(relay_ring_size);
    }
  }
}

Fabric::~Fabric() {
  for (auto* rings : {&handoff_, &relays_}) {
    for (auto& ring : *rings) {
      rte_mbuf* mbuf = nullptr;
      while (ring != nullptr && ring->pop(mbuf)) {
        rte_pktmbuf_free(mbuf);
      }
    }
  }
}

unsigned buffers_in_rings(unsigned workers, std::size_t devices) noexcept {
  return static_cast<unsigned>(workers * (workers - 1) * handoff_ring_size + workers * devices * relay_ring_size +
                               control_ring_size);
}

}  // namespace limpet::worker
