#include "nic/eal.hpp"

#include <fcntl.h>
#include <fmt/ranges.h>
#include <net/if.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_log.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "nic/arguments.hpp"

namespace limpet::nic {

namespace {

/// Keeps DPDK's messages back while it lives.
class Capture {
 public:
  Capture() : stream_(open_memstream(&text_, &size_)) {
    if (stream_ != nullptr) {
      rte_openlog_stream(stream_);
    }
  }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;
  ~Capture() {
    rte_openlog_stream(nullptr);
    if (stream_ != nullptr) {
      std::fclose(stream_);
    }
    std::free(text_);
  }

  [[nodiscard]] bool contains(std::string_view part) { return text().find(part) != std::string_view::npos; }

  /// The lines in which DPDK says what went wrong, the first of them, without its own follow-ups.
  [[nodiscard]] std::string reason() {
    std::string_view rest = text();
    while (!rest.empty()) {
      const std::size_t end = rest.find('\n');
      const std::string_view line = rest.substr(0, end);
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
      if (!line.empty() && !line.starts_with("EAL: Detected") && !line.starts_with("EAL: Selected") &&
          !line.starts_with("EAL: Multi-process") && !line.starts_with("EAL: Physical")) {
        return std::string(line);
      }
    }
    return "no reason given";
  }

 private:
  std::string_view text() {
    if (stream_ != nullptr) {
      std::fflush(stream_);
    }
    return text_ == nullptr ? std::string_view() : std::string_view(text_, size_);
  }
  char* text_ = nullptr;
  std::size_t size_ = 0;
  FILE* stream_;
};

std::vector<unsigned> usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<unsigned> cpus;
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &set)) {
        cpus.push_back(cpu);
      }
    }
  }
  return cpus;
}

/// Free huge pages of all sizes.
std::uint64_t free_huge_pages() {
  std::uint64_t pages = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/sys/kernel/mm/hugepages", error)) {
    std::uint64_t count = 0;
    if (std::ifstream(entry.path() / "free_hugepages") >> count) {
      pages += count;
    }
  }
  return pages;
}

std::string root_hint() {
  return geteuid() == 0 ? "" : " (limpetd does not run as root)";
}

/// Sends what is written to a descriptor nowhere while it lives.
class Hush {
 public:
  explicit Hush(int fd) : fd_(fd), copy_(dup(fd)) {
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(nowhere, fd_);
    close(nowhere);
  }
  Hush(const Hush&) = delete;
  Hush& operator=(const Hush&) = delete;
  ~Hush() {
    std::fflush(nullptr);
    dup2(copy_, fd_);
    close(copy_);
  }

 private:
  int fd_;
  int copy_;
};

/// rte_eal_init; it prints its usage on stdout and fatal errors on stderr beside its log, which is kept from the
/// operator, who gets one sentence.
int initialise(std::vector<char*>& argv) {
  std::fflush(nullptr);
  const Hush output(STDOUT_FILENO);
  const Hush errors(STDERR_FILENO);
  opterr = 0;
  optind = 1;
  return rte_eal_init(static_cast<int>(argv.size()), argv.data());
}

tl::unexpected<Error> start_failure(Capture& log, const std::vector<std::string>& given) {
  const int error = rte_errno;
  if (log.contains("Invalid 'command line' arguments")) {
    return fail("[limpetd] eal: DPDK refuses one of these arguments or its value: {}", fmt::join(given, " "));
  }
  if (error == EALREADY) {
    return fail("DPDK was already started in this process");
  }
  if (log.contains("another primary process running")) {
    return fail("another DPDK process uses the same --file-prefix: stop it or give another one in [limpetd] eal");
  }
  if (log.contains("Not enough memory available") || log.contains("Cannot init memory") || error == ENOMEM) {
    return fail("DPDK got too little memory ({}): reserve more huge pages or lower -m in [limpetd] eal", log.reason());
  }
  return fail("DPDK did not start: {}{}", log.reason(), root_hint());
}

Result<void> check_packet_socket(const std::string& place, std::string_view name) {
  const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd < 0 && (errno == EPERM || errno == EACCES)) {
    return fail("[{}] {} needs root or the capability CAP_NET_RAW: start limpetd with sudo", place, name);
  }
  if (fd >= 0) {
    close(fd);
  }
  return {};
}

/// As DPDK calls it: a PCI address has its domain, in lower case.
std::string full_name(const std::string& device) {
  std::string name(device_name(device));
  if (is_pci(device)) {
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    name.insert(0, name.size() == 7 ? "0000:" : "");
  }
  return name;
}

/// What can be told before DPDK is asked.
Result<void> check_device(const std::string& place, const std::string& device) {
  const std::string_view name = device_name(device);
  if (name.starts_with("net_af_packet") || name.starts_with("eth_af_packet") || name.starts_with("net_af_xdp")) {
    const std::string interface(device_argument(device, "iface"));
    if (interface.empty()) {
      return fail("[{}] {} needs the name of an interface: \"{},iface=NAME\"", place, name, name);
    }
    if (if_nametoindex(interface.c_str()) == 0) {
      return fail("[{}] there is no network interface \"{}\": create it (ip link) or correct the name", place,
                  interface);
    }
    return check_packet_socket(place, name);
  }
  if (is_pci(device)) {
    const std::string address = full_name(device);
    const auto folder = std::filesystem::path("/sys/bus/pci/devices") / address;
    std::error_code error;
    if (!std::filesystem::exists(folder, error)) {
      return fail("[{}] there is no PCI device {}: `dpdk-devbind.py --status` lists what there is", place, address);
    }
  }
  return {};
}

tl::unexpected<Error> attach_failure(const std::string& place, const std::string& device, int code, Capture& log) {
  const std::string_view name = device_name(device);
  if (is_pci(device)) {
    return fail("[{}] no DPDK driver took PCI device {}: bind it (`dpdk-devbind.py --bind=vfio-pci {}`){}", place, name,
                name, root_hint());
  }
  if (code == -EEXIST) {
    return fail("[{}] device {} is already used: give each port its own", place, name);
  }
  if (log.contains("failed to parse device")) {
    return fail(
        "[{}] unknown device \"{}\": expected a PCI address or the name of a DPDK driver with a number, "
        "such as net_af_packet0, net_memif0, net_pcap0",
        place, name);
  }
  return fail("[{}] device {} did not start: {}{}", place, name, log.reason(), root_hint());
}

}  // namespace

Result<std::unique_ptr<Eal>> Eal::start(const model::Model& model) {
  auto arguments = eal_arguments(model, usable_cpus());
  if (!arguments) {
    return tl::unexpected(arguments.error());
  }
  if (!has_option(*arguments, "--no-huge") && free_huge_pages() == 0) {
    return fail(
        "no huge pages are free: reserve some (`sysctl vm.nr_hugepages=512`) or set "
        "eal = [\"--no-huge\", \"-m\", \"512\"] in [limpetd]");
  }
  std::vector<char*> argv;
  for (auto& argument : *arguments) {
    argv.push_back(argument.data());
  }
  Capture log;
  if (initialise(argv) < 0) {
    return start_failure(log, model.limpetd.eal);
  }
  if (!has_option(*arguments, "--log-level")) {
    rte_log_set_global_level(RTE_LOG_WARNING);
  }
  return std::unique_ptr<Eal>(new Eal);
}

Eal::~Eal() {
  const Capture quiet;
  rte_eal_cleanup();
}

Result<std::uint16_t> Eal::attach(const std::string& place, const std::string& device) {
  if (auto checked = check_device(place, device); !checked) {
    return tl::unexpected(checked.error());
  }
  const std::string name = full_name(device);
  std::uint16_t port = 0;
  Capture log;
  if (rte_eth_dev_get_port_by_name(name.c_str(), &port) == 0) {
    if (!is_pci(device)) {
      return fail("[{}] device {} is already used: give each port its own", place, name);
    }
    return port;
  }
  const int code = is_pci(device) ? -ENODEV : rte_dev_probe(device.c_str());
  if (code != 0 || rte_eth_dev_get_port_by_name(name.c_str(), &port) != 0) {
    return attach_failure(place, device, code, log);
  }
  return port;
}

}  // namespace limpet::nic
