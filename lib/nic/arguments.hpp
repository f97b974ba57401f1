// The command line that EAL is started with, made from the model. Pure functions; no DPDK here.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/model.hpp"

namespace limpet::nic {

/// Most workers a node may have: EAL's lcores but one, which is control's.
inline constexpr unsigned workers_max = 127;

/// "0@(0,1),1@0,2@1": lcore 0 (control) on any of `control_cpus`, lcore i + 1 on `worker_cpus[i]`; repeats allowed.
std::string lcores(std::span<const unsigned> control_cpus, std::span<const unsigned> worker_cpus);

/// "limpet-" and 16 hex digits of the socket's path: two daemons on one host never share EAL's files.
std::string file_prefix(std::string_view socket_path);

/// True for "0000:3b:00.0", with or without the domain and with or without ",key=value" behind it.
bool is_pci(std::string_view device);

/// The device's name: what stands before the first comma.
std::string_view device_name(std::string_view device);

/// The value of ",key=VALUE" in a device; empty when it is not there.
std::string_view device_argument(std::string_view device, std::string_view key);

/// What one device is wanted for.
struct Wanted {
  std::string place;   // "ports.front", "ports.front.kernel": for messages
  std::string device;  // as in the file
};

/// What DPDK is asked for: the port's device; a bonding one with its members.
std::string device_text(const model::Port& port);

/// All devices of the model: ports in order of their names, each followed by its members and its kernel device.
std::vector<Wanted> wanted_devices(const model::Model& model);

/// True when the model's own `eal` arguments have `option` ("--no-huge", also as "--file-prefix=x").
bool has_option(std::span<const std::string> arguments, std::string_view option);

/// `daemon` with a file prefix of its own, so that EAL starts beside a process of the same configuration.
model::Daemon beside_another(model::Daemon daemon, std::string_view suffix);

/// argv for rte_eal_init. Fails when a device is named twice, a CPU does not exist, or `eal` holds what Limpet sets.
Result<std::vector<std::string>> eal_arguments(const model::Model& model, std::span<const unsigned> online_cpus);

}  // namespace limpet::nic
