// Labs with full NAT, and connections through it.
#pragma once

#include "lab.hpp"

namespace limpet::path {

inline model::Model full_nat_model(std::vector<net::Prefix> locals = {prefix("198.51.100.200/32"),
                                                                      prefix("2001:db8:2::200/128")}) {
  model::Model model = base_model();
  for (const char* name : {"web", "dns"}) {
    model.services[name].forwarding = model::Forwarding::full_nat;
    model.services[name].local_addresses = locals;
  }
  return model;
}

/// Backends of one family only.
inline model::Model backends_of(net::Family family) {
  model::Model model = full_nat_model();
  for (auto& [name, pool] : model.pools) {
    for (auto& [backend, declared] : pool.backends) {
      std::erase_if(declared.addresses, [&](const auto& at) { return at.address.family() != family; });
    }
  }
  return model;
}

inline Lab::Setup with(model::Model model, unsigned workers = 1, std::uint64_t flows_max = 4096) {
  Lab::Setup setup;
  setup.model = std::move(model);
  setup.workers = workers;
  setup.flows_max = flows_max;
  return setup;
}

/// A connection through full NAT, which remembers what the backend saw.
class Local {
 public:
  Local(Lab& lab, const net::Endpoint& client, const net::Endpoint& vip)
      : lab_(&lab), client_(client), vip_(vip), talk_(lab, client, vip) {}
  Local(Lab& lab, std::string_view client, std::uint16_t l4_port, std::string_view vip = "192.0.2.10:80")
      : Local(lab, {ip(client), l4_port}, endpoint(vip)) {}

  /// The client's packet arrives; the local end that the backend sees, port 0: it got nothing.
  net::Endpoint up(std::uint8_t tcp_flags = flags::ack, unsigned worker = 0) {
    const auto out = lab_->send_one(front_port, talk_.packet(tcp_flags), worker);
    if (!out || out->port != back_port) {
      return {};
    }
    seen_ = *out;
    return out->source();
  }
  [[nodiscard]] Bytes answer(std::uint8_t tcp_flags = flags::ack) const {
    const net::Parsed& p = seen_.parsed;
    PacketBuilder builder;
    builder.ethernet(backend_mac(1), back_mac).ip(p.destination, p.source).payload("answer");
    vip_.l4_port == 53 ? builder.udp(p.destination_port, p.source_port)
                       : builder.tcp(p.destination_port, p.source_port, tcp_flags);
    return builder.build();
  }
  bool down(std::uint8_t tcp_flags = flags::ack, unsigned worker = 0) {
    const auto out = lab_->send_one(back_port, answer(tcp_flags), worker);
    return out && out->port == front_port && out->source() == vip_ && out->destination() == client_;
  }
  net::Endpoint open(unsigned worker = 0) {
    const auto local = up(flags::syn, worker);
    EXPECT_TRUE(down(flags::syn_ack, worker));
    EXPECT_EQ(up(flags::ack, worker), local);
    return local;
  }
  void close() {
    up(flags::fin_ack);
    down(flags::fin_ack);
    up(flags::ack);
  }
  [[nodiscard]] net::Endpoint backend() const { return seen_.destination(); }
  [[nodiscard]] const Out& seen() const { return seen_; }
  [[nodiscard]] Bytes packet(std::uint8_t tcp_flags) const { return talk_.packet(tcp_flags); }

 private:
  Lab* lab_;
  net::Endpoint client_, vip_;
  Talk talk_;
  Out seen_;
};

}  // namespace limpet::path
