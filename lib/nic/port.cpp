#include "nic/port.hpp"

#include <rte_errno.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "nic/arguments.hpp"
#include "nic/nodes.hpp"

namespace limpet::nic {

namespace {

constexpr std::uint16_t receive_descriptors = 1024;
constexpr std::uint16_t transmit_descriptors = 1024;

Result<rte_eth_dev_info> info_of(const PortSettings& settings) {
  rte_eth_dev_info info{};
  if (const int code = rte_eth_dev_info_get(settings.id, &info); code != 0) {
    return fail("[{}] device {} tells nothing about itself: {}", settings.place, settings.device, rte_strerror(-code));
  }
  return info;
}

/// Drivers that sit on an interface of the kernel: to set a MAC address there would take the kernel's away.
bool shares_with_kernel(std::string_view driver) {
  for (const std::string_view sharing : {"net_af_packet", "net_af_xdp", "net_pcap", "net_tap"}) {
    if (driver == sharing) {
      return true;
    }
  }
  return false;
}

bool shares_with_kernel(const PortSettings& settings, std::string_view driver) {
  return shares_with_kernel(driver) ||
         std::any_of(settings.members.begin(), settings.members.end(), [](const LinkDevice& member) {
           const auto name = device_name(member.device);
           return shares_with_kernel(name.substr(0, name.find_last_not_of("0123456789") + 1));
         });
}

/// Calls `f(info)` for each member of a bonding device, which itself asks them when it is too late.
template <class F>
void each_member(const PortSettings& settings, F&& f) {
  for (const LinkDevice& member : settings.members) {
    rte_eth_dev_info info{};
    if (rte_eth_dev_info_get(member.id, &info) == 0) {
      f(info);
    }
  }
}

net::Mac device_mac(std::uint16_t id) {
  rte_ether_addr address{};
  rte_eth_macaddr_get(id, &address);
  net::Mac mac;
  std::memcpy(mac.bytes.data(), address.addr_bytes, mac.bytes.size());
  return mac;
}

bool set_device_mac(std::uint16_t id, const net::Mac& mac) {
  rte_ether_addr address{};
  std::memcpy(address.addr_bytes, mac.bytes.data(), mac.bytes.size());
  return rte_eth_dev_default_mac_addr_set(id, &address) == 0;
}

}  // namespace

Result<Queues> queues_of(const PortSettings& settings) {
  const auto info = info_of(settings);
  if (!info) {
    return tl::unexpected(info.error());
  }
  if (settings.kernel) {
    return Queues::choose(settings.workers, 1, 1);
  }
  std::uint16_t receive = info->max_rx_queues;
  std::uint16_t transmit = info->max_tx_queues;
  each_member(settings, [&](const rte_eth_dev_info& member) {
    receive = std::min(receive, member.max_rx_queues);
    transmit = std::min(transmit, member.max_tx_queues);
  });
  return Queues::choose(settings.workers, receive, transmit);
}

Result<OffloadCapabilities> offload_capabilities(const PortSettings& settings) {
  const auto info = info_of(settings);
  if (!info) {
    return tl::unexpected(info.error());
  }
  OffloadCapabilities can{info->driver_name, info->rx_offload_capa, info->tx_offload_capa, frame_bytes(settings.mtu)};
  each_member(settings, [&](const rte_eth_dev_info& member) {
    can.receive &= member.rx_offload_capa;
    can.transmit &= member.tx_offload_capa;
  });
  return can;
}

unsigned buffers_held(std::uint16_t id, const Queues& queues) {
  std::uint16_t receive = receive_descriptors;
  std::uint16_t transmit = transmit_descriptors;
  rte_eth_dev_adjust_nb_rx_tx_desc(id, &receive, &transmit);
  return queues.receive * receive + queues.transmit * transmit;
}

Result<std::unique_ptr<Port>> Port::open(const PortSettings& settings, const hash::Owner& owner, const Buffers& buffers,
                                         std::vector<std::string>& warnings) {
  std::unique_ptr<Port> port(new Port(settings));
  const auto info = info_of(settings);
  const auto queues = queues_of(settings);
  const auto can = offload_capabilities(settings);
  if (!info || !queues || !can) {
    return tl::unexpected(!info ? info.error() : !queues ? queues.error() : can.error());
  }
  port->info_ = *info;
  port->queues_ = *queues;
  port->offloads_ = choose_offloads(*can, settings.buffer_room == 0 ? can->frame_bytes : settings.buffer_room);
  if (auto done = port->configure(owner).and_then([&] { return port->set_mtu(); }).and_then([&] {
        return port->set_up_queues(buffers);
      });
      !done) {
    return tl::unexpected(done.error());
  }
  if (const int code = rte_eth_dev_start(settings.id); code != 0) {
    return fail("[{}] device {} does not start: {}", settings.place, settings.device, rte_strerror(-code));
  }
  port->started_ = true;
  port->needs_pulse_ = !settings.members.empty() && speaks_lacp(settings.id);
  rte_eth_dev_set_link_up(settings.id);      // what cannot be switched is up by itself
  rte_eth_allmulticast_enable(settings.id);  // ND goes to multicast groups; virtual devices need no telling
  if (auto taken = port->take_mac(warnings); !taken) {
    return tl::unexpected(taken.error());
  }
  port->program_indirection(owner, warnings);
  if (auto far = far_text(settings.place, settings.device, port->node(), settings.worker_nodes)) {
    warnings.push_back(std::move(*far));
  }
  return port;
}

Port::~Port() {
  if (promiscuous_) {
    rte_eth_promiscuous_disable(settings_.id);
  }
  if (started_) {
    rte_eth_dev_stop(settings_.id);
  }
  rte_eth_dev_close(settings_.id);
  for (const LinkDevice& member : settings_.members) {
    rte_eth_dev_close(member.id);
  }
}

Result<void> Port::configure(const hash::Owner& owner) {
  const RssCapabilities capabilities{info_.flow_type_rss_offloads, info_.hash_key_size, info_.reta_size};
  const RssWish wish{settings_.side, settings_.rss, settings_.full_nat, settings_.v4_clients};
  int code = 0;
  for (const auto& choice : rss_choices(capabilities, wish, queues_.receive)) {
    rte_eth_conf configuration{};
    rss_key_ = rss_key(owner, choice, info_.hash_key_size == 0 ? 40 : info_.hash_key_size);
    if (choice.effect != RssEffect::none) {
      configuration.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
      configuration.rx_adv_conf.rss_conf = {rss_key_.data(), static_cast<std::uint8_t>(rss_key_.size()),
                                            choice.hash_types};
    }
    configuration.rxmode.offloads = offloads_.receive;
    configuration.txmode.offloads = offloads_.transmit;
    code = rte_eth_dev_configure(settings_.id, static_cast<std::uint16_t>(queues_.receive),
                                 static_cast<std::uint16_t>(queues_.transmit), &configuration);
    if (code == 0) {
      rss_ = choice;
      return {};
    }
  }
  return fail("[{}] device {} refuses {} receive and {} transmit queues: {}", settings_.place, settings_.device,
              queues_.receive, queues_.transmit, rte_strerror(-code));
}

Result<void> Port::set_mtu() {
  std::uint16_t now = 0;
  if (settings_.kernel || (rte_eth_dev_get_mtu(settings_.id, &now) == 0 && now == settings_.mtu)) {
    return {};
  }
  const int code = rte_eth_dev_set_mtu(settings_.id, settings_.mtu);
  if (code == 0 || code == -ENOTSUP) {  // a device that knows no MTU has no limit of its own
    return {};
  }
  return fail("[{}] device {} refuses mtu = {} ({}); it has {} now and can {} to {}", settings_.place, settings_.device,
              settings_.mtu, rte_strerror(-code), now, info_.min_mtu, info_.max_mtu);
}

Result<void> Port::set_up_queues(const Buffers& buffers) {
  std::uint16_t receive = receive_descriptors;
  std::uint16_t transmit = transmit_descriptors;
  rte_eth_dev_adjust_nb_rx_tx_desc(settings_.id, &receive, &transmit);
  // Descriptors lie with the device, which polls them; buffers with the worker, which reads them.
  const auto socket = node() < 0 ? SOCKET_ID_ANY : node();
  const auto& nodes = settings_.worker_nodes;
  int code = 0;
  for (std::uint16_t q = 0; code == 0 && q < queues_.receive; ++q) {
    code = rte_eth_rx_queue_setup(settings_.id, q, receive, static_cast<unsigned>(socket), nullptr,
                                  buffers.on_node(q < nodes.size() ? nodes[q] : -1));
  }
  for (std::uint16_t q = 0; code == 0 && q < queues_.transmit; ++q) {
    rte_eth_txconf configuration = info_.default_txconf;
    configuration.offloads = offloads_.transmit;
    code = rte_eth_tx_queue_setup(settings_.id, q, transmit, static_cast<unsigned>(socket), &configuration);
  }
  if (code != 0) {
    return fail("[{}] device {}: a queue cannot be set up: {}", settings_.place, settings_.device, rte_strerror(-code));
  }
  return {};
}

Result<void> Port::take_mac(std::vector<std::string>& warnings) {
  const net::Mac own = device_mac(settings_.id);
  mac_ = settings_.mac.value_or(own);
  if (mac_ == net::Mac{} || mac_.is_multicast()) {
    return fail("[{}] device {} has no MAC address of its own: set mac = \"02:...\"", settings_.place,
                settings_.device);
  }
  if (!settings_.kernel && mac_ == own) {
    return {};
  }
  if (!settings_.kernel && !shares_with_kernel(settings_, info_.driver_name) && set_device_mac(settings_.id, mac_)) {
    return {};
  }
  const int code = rte_eth_promiscuous_enable(settings_.id);
  promiscuous_ = code == 0;
  if (code != 0 && code != -ENOTSUP) {
    warnings.push_back(fmt::format("[{}] device {}: neither MAC address {} nor promiscuous mode could be set ({})",
                                   settings_.place, settings_.device, mac_.text(), rte_strerror(-code)));
  }
  return {};
}

void Port::program_indirection(const hash::Owner& owner, std::vector<std::string>& warnings) const {
  if (rss_.effect == RssEffect::none) {
    return;
  }
  const auto table = rss_indirection(owner, queues_, info_.reta_size);
  std::vector<rte_eth_rss_reta_entry64> groups((table.size() + RTE_ETH_RETA_GROUP_SIZE - 1) / RTE_ETH_RETA_GROUP_SIZE);
  for (std::size_t i = 0; i < table.size(); ++i) {
    auto& group = groups[i / RTE_ETH_RETA_GROUP_SIZE];
    group.mask |= RTE_BIT64(i % RTE_ETH_RETA_GROUP_SIZE);
    group.reta[i % RTE_ETH_RETA_GROUP_SIZE] = table[i];
  }
  if (const int code = rte_eth_dev_rss_reta_update(settings_.id, groups.data(), info_.reta_size); code != 0) {
    warnings.push_back(fmt::format("[{}] device {}: RSS indirection could not be set ({}); workers hand over more",
                                   settings_.place, settings_.device, rte_strerror(-code)));
  }
}

int Port::node() const noexcept {
  return rte_eth_dev_socket_id(settings_.id);
}

std::string Port::driver() const {
  return info_.driver_name;
}

bool Port::link_up() const {
  if (settings_.members.empty()) {
    return link_is_up({settings_.device, settings_.id});
  }
  members_ = watch_members(settings_.id, settings_.members);
  return std::any_of(members_.begin(), members_.end(), [](const MemberLink& member) { return member.up; });
}

PortCounters Port::counters() const {
  rte_eth_stats stats{};
  rte_eth_stats_get(settings_.id, &stats);
  return {stats.ipackets, stats.opackets, stats.imissed + stats.rx_nombuf, stats.ierrors + stats.oerrors};
}

}  // namespace limpet::nic
