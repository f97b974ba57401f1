// Frames on two ports of a whole node, and the clock moving between them: every packet ends exactly once, nothing
// moves without a reason. Input: pieces of two bytes and a body. Byte 0: bit 0 the port, bits 1-2 the worker, bit 3
// repairs checksums and MAC, bits 4-7 seconds to wait before. Byte 1: size of the body in units of 2.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/assert.hpp"
#include "net/parse.hpp"
#include "replay/node.hpp"

namespace {

using namespace limpet;
using counters::Counter;

constexpr unsigned workers = 3;

model::Model two_ports() {
  const auto prefix = [](const char* text) { return *net::Prefix::parse(text); };
  const auto address = [](const char* text) { return *net::IpAddress::parse(text); };
  model::Model model;
  for (const auto& [name, v4, v6] : {std::tuple{"back", "198.51.100.1/24", "2001:db8:2::1/64"},
                                     std::tuple{"front", "192.0.2.1/24", "2001:db8:1::1/64"}}) {
    model::Port& port = model.ports[name];
    port.addresses = {prefix(v4), prefix(v6)};
    port.transit = model::Transit::route;
  }
  model.ports["back"].vlans[100].addresses = {prefix("203.0.113.1/24")};
  model.ports["front"].routes = {{prefix("0.0.0.0/0"), {address("192.0.2.254")}},
                                 {prefix("::/0"), {address("2001:db8:1::fe")}}};
  model.ports["front"].neighbors = {{address("192.0.2.254"), net::Mac{{2, 0, 0, 0, 0, 9}}},
                                    {address("2001:db8:1::fe"), net::Mac{{2, 0, 0, 0, 0, 9}}}};
  model.profiles["client"] = {};
  model.pools["a"].backends["b1"].addresses = {{address("198.51.100.11"), 80}, {address("2001:db8:2::11"), 80}};
  model.pools["a"].backends["b2"].addresses = {{address("203.0.113.12"), 0}};
  const auto service = [&](const char* name, const char* vip, std::uint16_t port, net::Protocol protocol) {
    model::Service& made = model.services[name];
    made.pool = "a";
    made.persist = {"client"};
    made.listen = {{prefix(vip), port, protocol}};
  };
  service("one", "192.0.2.10/32", 80, net::Protocol::tcp);
  service("two", "192.0.2.11/32", 0, net::Protocol::udp);
  service("six", "2001:db8:1::10/128", 80, net::Protocol::tcp);
  service("net", "192.0.2.128/25", 0, net::Protocol::tcp);
  service("dr", "192.0.2.12/32", 80, net::Protocol::tcp);
  model.services["dr"].forwarding = model::Forwarding::dr;
  service("local", "192.0.2.13/32", 80, net::Protocol::tcp);
  service("local6", "2001:db8:1::13/128", 0, net::Protocol::udp);
  service("told", "192.0.2.15/32", 80, net::Protocol::tcp);
  for (const char* name : {"local", "local6", "told"}) {
    model.services[name].forwarding = model::Forwarding::full_nat;
    model.services[name].local_addresses = {prefix("198.51.100.200/31"), prefix("2001:db8:2::200/127")};
  }
  model.services["local"].client_address = model::ClientAddress::proxy_v2;
  model.services["told"].client_address = model::ClientAddress::toa;
  service("gue", "192.0.2.14/32", 80, net::Protocol::tcp);
  model.services["gue"].forwarding = model::Forwarding::gue;
  return model;
}

/// What a fuzzer hardly hits: the port's MAC and the IPv4 header's checksum.
void repair(std::uint16_t port, std::vector<std::uint8_t>& frame) {
  const net::Mac mac = replay::stand_in_mac(port);
  std::copy_n(mac.bytes.begin(), std::min<std::size_t>(6, frame.size()), frame.begin());
  net::Parsed parsed;
  net::parse(frame.data(), frame.size(), frame.size(), parsed);
  std::uint8_t* const ip = frame.data() + parsed.l3_offset;
  if (parsed.ether_type != net::ether_type::ipv4 || frame.size() < parsed.l3_offset + net::ipv4::size) {
    return;
  }
  const std::size_t header = static_cast<std::size_t>(ip[0] & 15) * 4;
  if (header >= net::ipv4::size && header <= frame.size() - parsed.l3_offset) {
    store_be<std::uint16_t>(ip + net::ipv4::checksum, 0);
    store_be<std::uint16_t>(ip + net::ipv4::checksum, net::checksum(ip, header));
  }
}

void check_accounts(replay::Node& node) {
  std::uint64_t drops = 0, waiting = 0;
  for (std::size_t i = 0; i < counters::counter_count; ++i) {
    drops += counters::descriptions[i].is_drop ? node.counter(static_cast<Counter>(i)) : 0;
  }
  for (unsigned i = 0; i < workers; ++i) {
    waiting += node.state(i).waiting.count + node.state(i).fragments.held() + node.state(i).awaited.held();
  }
  LIMPET_ASSERT(node.counter(Counter::received) + node.counter(Counter::from_control) + node.counter(Counter::made) ==
                node.counter(Counter::transmitted) + node.counter(Counter::punted) + drops + waiting);
  LIMPET_ASSERT(node.counter(Counter::handed_off) == node.counter(Counter::taken_over));
  LIMPET_ASSERT(node.violations() == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const model::Model model = two_ports();
  const auto node = replay::Node::create(model, hash::fixed_secret(),
                                         {.workers = workers,
                                          .flows_max = 16,
                                          .records_max = 16,
                                          .limits = {.fragments_max = 8, .fragments_held_max = 3}})
                        .value();
  for (std::size_t at = 0; at + 2 <= size;) {
    const std::uint8_t how = data[at];
    const std::size_t body = std::min<std::size_t>(std::size_t{data[at + 1]} * 2, size - at - 2);
    std::vector<std::uint8_t> frame(data + at + 2, data + at + 2 + body);
    at += 2 + body;
    if ((how >> 4) != 0) {
      node->advance(node->now_ms() + (how >> 4) * Millis{1000});
    }
    const auto port = static_cast<std::uint16_t>(how & 1);
    if ((how & 8) != 0) {
      repair(port, frame);
    }
    node->receive(PortIndex(port), (how >> 1 & 3) % workers, frame);
    for (const replay::Sent& sent : node->take_sent()) {
      LIMPET_ASSERT(sent.port.value() < 2 && sent.bytes.size() >= 14);
    }
  }
  check_accounts(*node);
  return 0;
}
