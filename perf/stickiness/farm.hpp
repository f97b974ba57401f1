// A node of four workers in memory with one service, and the packets of its clients: whole connections, opened one by
// one or many at one instant.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "replay/node.hpp"

namespace limpet::perf {

/// A client's side of a connection.
struct User {
  net::IpAddress address;
  std::uint16_t l4_port = 0;
};

inline constexpr unsigned nowhere = ~0u;

class Farm {
 public:
  struct Setup {
    unsigned backends = 10;
    unsigned workers = 4;
    std::uint64_t flows_max = 200'000;
    std::uint64_t records_max = 200'000;
    model::Algorithm algorithm = model::Algorithm::rendezvous;
    model::Profile profile = {};
  };
  explicit Farm(const Setup& setup);

  /// SYN, SYN-ACK and ACK; the number of the backend that it reached, or nowhere.
  unsigned open(const User& user);
  /// The first packets of all of them at one instant, at workers in turn, whoever owns them; where each went.
  std::vector<unsigned> begin_at_once(const std::vector<User>& users);
  /// A packet of an open connection.
  unsigned send(const User& user);

  void add_backend(unsigned number);
  void remove_backend(unsigned number);
  void set_health(unsigned number, plan::Health health);
  /// Killed and started again, with another number of workers.
  void restart(unsigned workers);
  void wait(Millis ms) { node_->advance(node_->now_ms() + ms); }

  [[nodiscard]] replay::Node& node() { return *node_; }
  /// Also of nodes that were killed.
  [[nodiscard]] std::uint64_t violations() const { return violations_ + node_->violations(); }

 private:
  unsigned pass(const User& user, std::uint8_t tcp_flags, unsigned worker);
  void apply();

  Setup setup_;
  model::Model model_;
  std::unique_ptr<replay::Node> node_;
  std::uint64_t violations_ = 0;
  unsigned next_worker_ = 0;
};

/// 10.0.0.0/8 by number.
net::IpAddress client_address(std::uint32_t number);

}  // namespace limpet::perf
