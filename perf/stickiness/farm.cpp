#include "farm.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "net/parse.hpp"
#include "support/packet_builder.hpp"
#include "support/two_ports.hpp"

namespace limpet::perf {
namespace {

using test::back_mac, test::back_port, test::Bytes, test::front_mac, test::front_port, test::gateway_mac;

const net::Mac backend_mac{{2, 0, 0, 0, 1, 1}};
const net::Endpoint vip = test::endpoint("192.0.2.10:80");
constexpr std::uint16_t backend_l4_port = 8080;
constexpr unsigned first_host = 10;
constexpr unsigned backends_max = 64;
namespace tcp = net::tcp_flag;

net::Endpoint endpoint_of(unsigned backend) {
  return {test::ip(fmt::format("198.51.100.{}", first_host + backend)), backend_l4_port};
}
std::string name_of(unsigned backend) {
  return fmt::format("b{}", backend);
}

model::Model make_model(const Farm::Setup& setup) {
  model::Model model;
  test::declare_ports(model);
  for (unsigned backend = 0; backend < backends_max; ++backend) {
    model.ports["back"].neighbors[endpoint_of(backend).address] = backend_mac;
  }
  model.profiles["client"] = setup.profile;
  model::Pool& pool = model.pools["web"];
  pool.algorithm = setup.algorithm;
  for (unsigned backend = 0; backend < setup.backends; ++backend) {
    pool.backends[name_of(backend)].addresses = {endpoint_of(backend)};
  }
  model::Service& service = model.services["web"];
  service.listen = {{net::Prefix::host(vip.address), vip.l4_port, net::Protocol::tcp}};
  service.pool = "web";
  service.persist = {"client"};
  return model;
}

Bytes packet(const net::Endpoint& from, const net::Endpoint& to, std::uint8_t tcp_flags, bool up) {
  return test::PacketBuilder()
      .ethernet(up ? gateway_mac : backend_mac, up ? front_mac : back_mac)
      .ip(from.address, to.address)
      .tcp(from.l4_port, to.l4_port, tcp_flags)
      .build();
}

struct Arrived {
  net::Endpoint client;
  unsigned backend = nowhere;
};

/// What left towards the backends, by the client it came from.
std::vector<Arrived> arrived_at_backends(replay::Node& node) {
  std::vector<Arrived> arrived;
  for (const replay::Sent& sent : node.take_sent()) {
    if (sent.port != back_port) {
      continue;
    }
    net::Parsed parsed;
    net::parse(sent.bytes.data(), sent.bytes.size(), sent.bytes.size(), parsed);
    arrived.push_back({{parsed.source, parsed.source_port}, (parsed.destination.v4_host() & 0xff) - first_host});
  }
  return arrived;
}

template <class T>
T must(Result<T>&& result) {
  return result ? std::move(*result) : throw std::runtime_error(result.error().text);
}

}  // namespace

net::IpAddress client_address(std::uint32_t number) {
  return net::IpAddress::v4(0x0a000001u + number);
}

Farm::Farm(const Setup& setup) : setup_(setup), model_(make_model(setup)) {
  node_ = must(
      replay::Node::create(model_, hash::fixed_secret(),
                           {.workers = setup.workers, .flows_max = setup.flows_max, .records_max = setup.records_max}));
}

unsigned Farm::pass(const User& user, std::uint8_t tcp_flags, unsigned worker) {
  node_->receive(front_port, worker, packet({user.address, user.l4_port}, vip, tcp_flags, true));
  const auto arrived = arrived_at_backends(*node_);
  return arrived.size() == 1 ? arrived.front().backend : nowhere;
}

unsigned Farm::open(const User& user) {
  const unsigned worker = next_worker_++ % node_->workers();
  const unsigned backend = pass(user, tcp::syn, worker);
  if (backend != nowhere) {
    node_->receive(back_port, worker,
                   packet(endpoint_of(backend), {user.address, user.l4_port}, tcp::syn | tcp::ack, false));
    pass(user, tcp::ack, worker);
  }
  return backend;
}

unsigned Farm::send(const User& user) {
  return pass(user, tcp::ack, next_worker_++ % node_->workers());
}

std::vector<unsigned> Farm::begin_at_once(const std::vector<User>& users) {
  std::vector<replay::Node::Arrival> arrivals;
  for (const User& user : users) {
    arrivals.push_back(
        {front_port, next_worker_++ % node_->workers(), packet({user.address, user.l4_port}, vip, tcp::syn, true)});
  }
  node_->receive(arrivals);
  std::vector<unsigned> backends(users.size(), nowhere);
  for (const Arrived& arrived : arrived_at_backends(*node_)) {
    for (std::size_t i = 0; i < users.size(); ++i) {
      if (arrived.client == net::Endpoint{users[i].address, users[i].l4_port}) {
        backends[i] = arrived.backend;
      }
    }
  }
  return backends;
}

void Farm::apply() {
  if (const auto applied = node_->apply(model_); !applied) {
    throw std::runtime_error(applied.error().text);
  }
}

void Farm::add_backend(unsigned number) {
  model_.pools["web"].backends[name_of(number)].addresses = {endpoint_of(number)};
  apply();
}

void Farm::remove_backend(unsigned number) {
  model_.pools["web"].backends.erase(name_of(number));
  apply();
}

void Farm::set_health(unsigned number, plan::Health health) {
  node_->backend("web/" + name_of(number)).health = health;
}

void Farm::restart(unsigned workers) {
  violations_ += node_->violations();
  node_ = must(
      replay::Node::restart(std::move(node_), model_,
                            {.workers = workers, .flows_max = setup_.flows_max, .records_max = setup_.records_max}));
}

}  // namespace limpet::perf
