// The kernel's end of an exception device: gets the port's MAC address, MTU and addresses, so that what runs on the
// host (BGP, SSH, monitors) speaks from them over the same NIC. Addresses that others put there stay. Control's thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "net/address.hpp"

namespace limpet::nic {

class KernelInterface {
 public:
  /// Of a device as in the file. Its name is empty when the kernel's end is not known, or in another namespace.
  explicit KernelInterface(std::string_view device);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  /// Sets all, and the interface up. What it set before and is not in `addresses` goes.
  Result<void> mirror(const net::Mac& mac, std::uint16_t mtu, std::span<const net::Prefix> addresses);

 private:
  std::string name_;
  std::vector<net::Prefix> set_;
};

}  // namespace limpet::nic
