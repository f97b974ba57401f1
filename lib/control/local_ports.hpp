// Full NAT's local ports: how many of them are taken towards each backend, by service. Workers count; control sums, and
// tells in the event log when they become scarce. Control thread.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "control/configuration.hpp"
#include "control/event_log.hpp"
#include "control/runtime.hpp"

namespace limpet::control {

/// Towards one address and port of a backend.
struct LocalPortUse {
  std::string service, backend;  // "POOL/NAME"
  net::Endpoint endpoint;        // l4_port 0: the ports that clients ask for, each with local ports of its own
  net::Protocol protocol = net::Protocol::tcp;
  std::uint64_t addresses = 0;   // local ones of the endpoint's family
  std::uint64_t ports = 0;       // of all of them
  std::uint64_t taken = 0;       // those that rest included
  unsigned fullest_percent = 0;  // of the worker with the least left
  bool operator==(const LocalPortUse&) const = default;
};

/// In order of services and backends.
[[nodiscard]] std::vector<LocalPortUse> local_port_use(const plan::Plan& plan, const hash::Owner& owner,
                                                       const std::vector<path::State*>& states);

/// Events when local ports become scarce, and when they no longer are.
class LocalPortWatch {
 public:
  LocalPortWatch(Runtime& runtime, const Configuration& configuration, EventLog& events)
      : runtime_(runtime), configuration_(configuration), events_(events) {}
  void tick(Millis now_ms);

 private:
  Runtime& runtime_;
  const Configuration& configuration_;
  EventLog& events_;
  Millis looked_ms_ = 0;
  std::uint64_t counted_ = 0;     // flows that found them scarce
  std::set<std::string> scarce_;  // service and endpoint
};

}  // namespace limpet::control
