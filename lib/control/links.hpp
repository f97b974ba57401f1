// Links that come and go. Control thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "control/runtime.hpp"

namespace limpet::control {

class Links {
 public:
  static constexpr Millis period_ms = 100;

  /// Time to look again.
  bool is_due(Millis now_ms) noexcept {
    if (now_ms < next_ms_) {
      return false;
    }
    next_ms_ = now_ms + period_ms;
    return true;
  }
  /// Those that are otherwise than when last looked at; at first those that are down. Where a member of a bonding
  /// device has changed, its port counts as changed too if it is up: its packets take another way.
  std::vector<LinkInfo> changed(const std::vector<LinkInfo>& links) {
    std::vector<LinkInfo> result;
    const LinkInfo* port = nullptr;
    for (const LinkInfo& link : links) {
      port = link.port.valid() ? &link : port;
      const auto [known, fresh] = up_.emplace(link.name, true);
      if (known->second == link.up) {
        continue;
      }
      known->second = link.up;
      result.push_back(link);
      const bool is_member = port != nullptr && !link.port.valid() && link.name.starts_with(port->name + " member ");
      if (is_member && port->up) {
        result.push_back(*port);
      }
    }
    return result;
  }

 private:
  std::map<std::string, bool> up_;
  Millis next_ms_ = 0;
};

}  // namespace limpet::control
