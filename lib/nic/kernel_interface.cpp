#include "nic/kernel_interface.hpp"

#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "nic/arguments.hpp"
#include "nic/socket.hpp"

namespace limpet::nic {
namespace {

/// Index of the interface that this one leads to; its own where it leads nowhere (a tap).
unsigned linked_index(const std::string& name) {
  std::ifstream file("/sys/class/net/" + name + "/iflink");
  unsigned index = 0;
  file >> index;
  return index;
}

/// The other end of a veth pair, when it is in this namespace.
std::string peer_of(const std::string& name) {
  char text[IF_NAMESIZE] = {};
  const unsigned index = linked_index(name);
  if (index == 0 || if_indextoname(index, text) == nullptr || text == name ||
      linked_index(text) != if_nametoindex(name.c_str())) {
    return {};
  }
  return text;
}

bool makes_an_interface(std::string_view driver) {
  return driver.starts_with("net_tap") || driver.starts_with("net_virtio_user") || driver.starts_with("virtio_user");
}

struct Request {
  nlmsghdr head{};
  ifaddrmsg body{};
  std::uint8_t attributes[64]{};

  void add(std::uint16_t type, const void* bytes, std::size_t size) noexcept {
    auto* const at = reinterpret_cast<rtattr*>(reinterpret_cast<char*>(this) + NLMSG_ALIGN(head.nlmsg_len));
    at->rta_type = type;
    at->rta_len = static_cast<std::uint16_t>(RTA_LENGTH(size));
    std::memcpy(RTA_DATA(at), bytes, size);
    head.nlmsg_len = static_cast<std::uint32_t>(NLMSG_ALIGN(head.nlmsg_len) + RTA_ALIGN(at->rta_len));
  }
};

/// 0, or an error number of the kernel's.
int change_address(unsigned index, const net::Prefix& prefix, bool add) {
  const Socket kernel(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  const net::IpAddress& address = prefix.address;
  Request request;
  request.head.nlmsg_len = NLMSG_LENGTH(sizeof request.body);
  request.head.nlmsg_type = add ? RTM_NEWADDR : RTM_DELADDR;
  request.head.nlmsg_flags =
      static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | (add ? NLM_F_CREATE | NLM_F_REPLACE : 0));
  request.body.ifa_family = static_cast<std::uint8_t>(address.is_v4() ? AF_INET : AF_INET6);
  request.body.ifa_prefixlen = static_cast<std::uint8_t>(prefix.length);
  request.body.ifa_flags = address.is_v4() ? 0 : IFA_F_NODAD;  // the address is Limpet's, which answers for it
  request.body.ifa_index = index;
  request.add(IFA_LOCAL, address.wire_bytes(), address.wire_size());
  request.add(IFA_ADDRESS, address.wire_bytes(), address.wire_size());
  struct {
    nlmsghdr head;
    nlmsgerr error;
    char more[256];
  } answer{};
  if (send(kernel.fd(), &request, request.head.nlmsg_len, 0) < 0 || recv(kernel.fd(), &answer, sizeof answer, 0) < 0) {
    return errno;
  }
  return answer.head.nlmsg_type == NLMSG_ERROR ? -answer.error.error : EPROTO;
}

}  // namespace

KernelInterface::KernelInterface(std::string_view device) {
  const std::string interface(device_argument(device, "iface"));
  if (!interface.empty()) {
    name_ = makes_an_interface(device_name(device)) ? interface : peer_of(interface);
  }
}

Result<void> KernelInterface::mirror(const net::Mac& mac, std::uint16_t mtu, std::span<const net::Prefix> addresses) {
  const Socket kernel(AF_INET, SOCK_DGRAM, 0);
  ifreq request{};
  name_.copy(request.ifr_name, sizeof request.ifr_name - 1);
  const auto ask = [&](unsigned long what) { return ioctl(kernel.fd(), what, &request) == 0; };
  const auto refused = [&](std::string_view what) {
    return fail("the kernel does not give interface {} {}: {}", name_, what, std::strerror(errno));
  };
  request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
  std::memcpy(request.ifr_hwaddr.sa_data, mac.bytes.data(), mac.bytes.size());
  if (!ask(SIOCSIFHWADDR)) {
    return refused("the port's MAC address");
  }
  request.ifr_mtu = mtu;
  if (!ask(SIOCSIFMTU)) {
    return refused("the port's MTU");
  }
  if (!ask(SIOCGIFFLAGS) || (request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP), !ask(SIOCSIFFLAGS))) {
    return refused("up");
  }
  const unsigned index = if_nametoindex(name_.c_str());
  for (const auto& gone : set_) {
    if (std::find(addresses.begin(), addresses.end(), gone) == addresses.end()) {
      change_address(index, gone, false);
    }
  }
  set_.assign(addresses.begin(), addresses.end());
  for (const auto& address : addresses) {
    if (const int code = change_address(index, address, true); code != 0) {
      errno = code;
      return refused(address.text());
    }
  }
  return {};
}

}  // namespace limpet::nic
