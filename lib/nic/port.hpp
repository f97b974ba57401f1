// One DPDK device, configured and started: a port of the configuration or the kernel device of one. Opened and closed
// by the main thread; workers use receive() and send() on the queues that are theirs.
#pragma once

#include <rte_ethdev.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/id.hpp"
#include "base/result.hpp"
#include "hash/owner.hpp"
#include "model/model.hpp"
#include "net/address.hpp"
#include "nic/buffers.hpp"
#include "nic/link.hpp"
#include "nic/offloads.hpp"
#include "nic/queues.hpp"
#include "nic/rss.hpp"

namespace limpet::nic {

/// What a port is opened with.
struct PortSettings {
  std::string place;     // for messages: "ports.front"
  std::string device;    // as in the file
  std::uint16_t id = 0;  // DPDK's, from Eal::attach
  PortIndex index;
  unsigned workers = 1;
  std::vector<int> worker_nodes;  // of each worker, its NUMA node; empty: all on the first
  std::uint16_t mtu = 1500;
  std::optional<net::Mac> mac;
  model::Side side = model::Side::both;
  model::Rss rss = model::Rss::automatic;
  bool full_nat = false;            // every service's forwarding
  bool v4_clients = true;           // a service listens on IPv4, if on IPv6, too
  std::vector<LinkDevice> members;  // of a bonding device
  bool kernel = false;              // an exception device: one queue, every frame is for us
  std::uint32_t buffer_room = 0;    // bytes of a frame that a buffer holds; 0: all
};

/// The device's own counters.
struct PortCounters {
  std::uint64_t received = 0, transmitted = 0, missed = 0, errors = 0;
};

/// Buffers that the queues of a device may hold, for sizing the pools.
unsigned buffers_held(std::uint16_t id, const Queues& queues);

/// Bytes of the largest frame with an IP packet of `mtu` bytes: Ethernet, two tags, checksum.
constexpr std::uint32_t frame_bytes(std::uint16_t mtu) noexcept {
  return mtu + 14u + 2 * 4 + 4;
}

/// Of a bonding device: what all its members can.
Result<OffloadCapabilities> offload_capabilities(const PortSettings& settings);

/// The queues that a device will get.
Result<Queues> queues_of(const PortSettings& settings);

class Port {
 public:
  /// Adds to `warnings` what does not stop the port but should be known.
  static Result<std::unique_ptr<Port>> open(const PortSettings& settings, const hash::Owner& owner,
                                            const Buffers& buffers, std::vector<std::string>& warnings);
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;
  ~Port();

  [[nodiscard]] const PortSettings& settings() const noexcept { return settings_; }
  [[nodiscard]] std::uint16_t id() const noexcept { return settings_.id; }
  [[nodiscard]] PortIndex index() const noexcept { return settings_.index; }
  [[nodiscard]] bool is_kernel() const noexcept { return settings_.kernel; }
  [[nodiscard]] const Queues& queues() const noexcept { return queues_; }
  [[nodiscard]] const RssChoice& rss() const noexcept { return rss_; }
  [[nodiscard]] const Offloads& offloads() const noexcept { return offloads_; }
  /// The address the port answers to: the configured one, or the device's.
  [[nodiscard]] const net::Mac& mac() const noexcept { return mac_; }
  [[nodiscard]] std::string driver() const;
  /// The NUMA node that the device sits on; -1: none in particular.
  [[nodiscard]] int node() const noexcept;
  /// Of a bonding device: of one member at least. Sees to it that such a member is active.
  [[nodiscard]] bool link_up() const;
  /// Of a bonding device, as link_up() saw them last. Control's thread.
  [[nodiscard]] const std::vector<MemberLink>& members() const noexcept { return members_; }
  [[nodiscard]] PortCounters counters() const;

  /// Sends LACP frames by itself when asked often enough: see pulse().
  [[nodiscard]] bool needs_pulse() const noexcept { return needs_pulse_; }
  /// Lets a bonding device send the LACP frames that it has ready, which else leave with packets only. By the worker
  /// of the first transmit queue, ten times a second at least.
  void pulse() const noexcept { rte_eth_tx_burst(settings_.id, 0, nullptr, 0); }

  /// Worker's own queue only. How many were filled in.
  unsigned receive(unsigned worker, rte_mbuf** mbufs, unsigned max) const noexcept {
    return rte_eth_rx_burst(settings_.id, static_cast<std::uint16_t>(worker), mbufs, static_cast<std::uint16_t>(max));
  }
  /// Worker's own queue only. How many of the first were taken.
  unsigned send(unsigned worker, rte_mbuf** mbufs, unsigned count) const noexcept {
    return rte_eth_tx_burst(settings_.id, static_cast<std::uint16_t>(worker), mbufs, static_cast<std::uint16_t>(count));
  }

 private:
  explicit Port(const PortSettings& settings) : settings_(settings) {}
  Result<void> configure(const hash::Owner& owner);
  Result<void> set_mtu();
  Result<void> set_up_queues(const Buffers& buffers);
  Result<void> take_mac(std::vector<std::string>& warnings);
  void program_indirection(const hash::Owner& owner, std::vector<std::string>& warnings) const;

  PortSettings settings_;
  Queues queues_;
  RssChoice rss_;
  std::vector<std::uint8_t> rss_key_;  // drivers read it when the device starts
  Offloads offloads_;
  rte_eth_dev_info info_{};
  net::Mac mac_;
  mutable std::vector<MemberLink> members_;
  bool needs_pulse_ = false;
  bool promiscuous_ = false;
  bool started_ = false;
};

}  // namespace limpet::nic
