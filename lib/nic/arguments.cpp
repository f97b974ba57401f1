#include "nic/arguments.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

namespace limpet::nic {

std::string lcores(std::span<const unsigned> control_cpus, std::span<const unsigned> worker_cpus) {
  std::string text = fmt::format("0@({})", fmt::join(control_cpus, ","));
  for (std::size_t i = 0; i < worker_cpus.size(); ++i) {
    text += fmt::format(",{}@{}", i + 1, worker_cpus[i]);
  }
  return text;
}

std::string file_prefix(std::string_view socket_path) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a
  for (const char c : socket_path) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  }
  return fmt::format("limpet-{:016x}", hash);
}

bool is_pci(std::string_view device) {
  std::string_view name = device_name(device);
  const auto hex = [&](std::size_t digits, char end) {
    if (name.size() < digits + 1 || name[digits] != end) {
      return false;
    }
    const bool right = std::all_of(name.begin(), name.begin() + static_cast<std::ptrdiff_t>(digits), [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    });
    name.remove_prefix(digits + 1);
    return right;
  };
  if (name.size() == 12 && !hex(4, ':')) {
    return false;
  }
  return name.size() == 7 && hex(2, ':') && hex(2, '.') && name.size() == 1 && name[0] >= '0' && name[0] <= '7';
}

std::string_view device_name(std::string_view device) {
  return device.substr(0, device.find(','));
}

std::string_view device_argument(std::string_view device, std::string_view key) {
  std::size_t comma = device.find(',');
  while (comma != std::string_view::npos) {
    const std::size_t start = comma + 1;
    comma = device.find(',', start);
    const std::string_view pair = device.substr(start, comma == std::string_view::npos ? comma : comma - start);
    if (pair.size() > key.size() && pair.starts_with(key) && pair[key.size()] == '=') {
      return pair.substr(key.size() + 1);
    }
  }
  return {};
}

std::string device_text(const model::Port& port) {
  std::string text = port.device;
  for (const auto& member : port.members) {
    text += fmt::format(",slave={}", device_name(member));
  }
  return text;
}

std::vector<Wanted> wanted_devices(const model::Model& model) {
  std::vector<Wanted> wanted;
  for (const auto& [name, port] : model.ports) {
    wanted.push_back({"ports." + name, port.device});
    for (const auto& member : port.members) {
      wanted.push_back({"ports." + name + ".members", member});
    }
    if (!port.kernel.empty()) {
      wanted.push_back({"ports." + name + ".kernel", port.kernel});
    }
  }
  return wanted;
}

bool has_option(std::span<const std::string> arguments, std::string_view option) {
  return std::any_of(arguments.begin(), arguments.end(), [&](const std::string& argument) {
    return argument == option ||
           (argument.size() > option.size() && argument.starts_with(option) && argument[option.size()] == '=');
  });
}

model::Daemon beside_another(model::Daemon daemon, std::string_view suffix) {
  constexpr std::string_view option = "--file-prefix";
  for (std::size_t i = 0; i < daemon.eal.size(); ++i) {
    if (daemon.eal[i] == option && i + 1 < daemon.eal.size()) {
      daemon.eal[i + 1] += suffix;
      return daemon;
    }
    if (daemon.eal[i].starts_with(std::string(option) + "=")) {
      daemon.eal[i] += suffix;
      return daemon;
    }
  }
  daemon.eal.push_back(fmt::format("{}={}{}", option, file_prefix(daemon.socket), suffix));
  return daemon;
}

namespace {

// What Limpet derives from other keys of the file; said twice it could only contradict.
constexpr std::pair<std::string_view, std::string_view> set_by_limpet[] = {
    {"--lcores", "[limpetd] workers"},     {"-l", "[limpetd] workers"},       {"-c", "[limpetd] workers"},
    {"--main-lcore", "[limpetd] workers"}, {"--vdev", "[ports.NAME] device"}, {"-a", "[ports.NAME] device"},
    {"--allow", "[ports.NAME] device"},
};

Result<void> check_arguments(const model::Daemon& daemon) {
  for (const auto& [option, instead] : set_by_limpet) {
    if (has_option(daemon.eal, option)) {
      return fail("[limpetd] eal: {} is set by Limpet itself, from {}: remove it", option, instead);
    }
  }
  return {};
}

Result<void> check_cpus(const model::Daemon& daemon, std::span<const unsigned> online_cpus) {
  if (daemon.workers.empty() || daemon.workers.size() > workers_max) {
    return fail("[limpetd] workers: {} workers; 1 to {} are possible", daemon.workers.size(), workers_max);
  }
  for (const unsigned cpu : daemon.workers) {
    if (std::find(online_cpus.begin(), online_cpus.end(), cpu) == online_cpus.end()) {
      return fail("[limpetd] workers: this machine has no CPU {} that limpetd may use; it has {}", cpu,
                  fmt::join(online_cpus, ", "));
    }
  }
  return {};
}

Result<void> check_devices(std::span<const Wanted> wanted) {
  std::map<std::string, std::string> names;
  std::map<std::string, std::string> interfaces;
  for (const auto& [place, device] : wanted) {
    if (const auto [same, fresh] = names.emplace(device_name(device), place); !fresh) {
      return fail("[{}] device \"{}\" is already used by [{}]: give each its own", place, device_name(device),
                  same->second);
    }
    const std::string_view interface = device_argument(device, "iface");
    if (interface.empty()) {
      continue;
    }
    if (const auto [same, fresh] = interfaces.emplace(interface, place); !fresh) {
      return fail("[{}] interface \"{}\" is already used by [{}]: give each its own", place, interface, same->second);
    }
  }
  return {};
}

}  // namespace

Result<std::vector<std::string>> eal_arguments(const model::Model& model, std::span<const unsigned> online_cpus) {
  const auto& daemon = model.limpetd;
  const auto wanted = wanted_devices(model);
  for (const auto& checked : {check_arguments(daemon), check_cpus(daemon, online_cpus), check_devices(wanted)}) {
    if (!checked) {
      return tl::unexpected(checked.error());
    }
  }
  std::vector<std::string> arguments = {"limpetd",      "--lcores", lcores(online_cpus, daemon.workers),
                                        "--main-lcore", "0",        "--no-telemetry"};
  const auto add_unless_given = [&](std::string_view option, std::initializer_list<std::string_view> values) {
    if (!has_option(daemon.eal, option)) {
      arguments.emplace_back(option);
      arguments.insert(arguments.end(), values.begin(), values.end());
    }
  };
  add_unless_given("--file-prefix", {file_prefix(daemon.socket)});
  // No files of EAL's own: nothing to clash with, and huge pages are free again when the process ends.
  if (has_option(daemon.eal, "--no-huge")) {
    add_unless_given("--no-shconf", {});
  } else if (!has_option(daemon.eal, "--huge-dir") && !has_option(daemon.eal, "--legacy-mem") &&
             !has_option(daemon.eal, "--huge-unlink")) {
    add_unless_given("--in-memory", {});
  }
  const bool pci = std::any_of(wanted.begin(), wanted.end(), [](const Wanted& one) { return is_pci(one.device); });
  if (!pci) {
    add_unless_given("--no-pci", {});  // else EAL takes every NIC that is bound to a DPDK driver
  }
  for (const auto& one : wanted) {
    if (is_pci(one.device)) {
      arguments.insert(arguments.end(), {"-a", one.device});
    }
  }
  arguments.insert(arguments.end(), daemon.eal.begin(), daemon.eal.end());
  return arguments;
}

}  // namespace limpet::nic
