#include "rig.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <optional>
#include <stdexcept>

#include "net/encap.hpp"

namespace limpet::perf {
namespace {

namespace tcp = net::tcp_flag;
using counters::Counter;
constexpr std::uint64_t few = 4096;  // entries of the width that a rig does not use

/// Room for the flows' own width, at a load of 3/4 so that every flow is sure to fit; next to none for the other.
flow::Sizes flow_sizes(const Setup& setup) {
  const std::uint64_t entries = flow::sizes_for(setup.room_flows / setup.workers).narrow_entries * 16 / 15;
  const bool narrow = setup.family == net::Family::v4 && !setup.full_nat();
  return narrow ? flow::Sizes{entries, few} : flow::Sizes{few, entries};
}
/// A third more than there are clients, so that each has a record.
std::uint64_t records_for(const Setup& setup) {
  return std::uint64_t{setup.room_flows} * 4 / 3;
}

/// Of a spliced flow's sides: numbers, and timestamps.
constexpr std::uint32_t difference_of(std::uint32_t flow) {
  return (flow + 1) * 0x9e3779b1u;
}
constexpr std::uint32_t later_of(std::uint32_t flow) {
  return (flow + 1) * 0x85ebca6bu;
}

template <class T>
T value_or_throw(Result<T> result) {
  if (!result) {
    throw std::runtime_error(result.error().text);
  }
  return std::move(*result);
}

}  // namespace

std::string Setup::text() const {
  return fmt::format("path.{}.{}", forwarding, family == net::Family::v4 ? "v4" : "v6");
}

std::uint32_t Setup::backend_slots() const {
  return std::max(plan::backend_slots_default, std::bit_ceil(estate.backends()));
}

Tally operator-(const Tally& one, const Tally& other) noexcept {
  return {one.received - other.received,   one.transmitted - other.transmitted,
          one.hits - other.hits,           one.fresh - other.fresh,
          one.back - other.back,           one.handed_off - other.handed_off,
          one.forgotten - other.forgotten, one.moves - other.moves};
}

Rig::Worker::Worker(unsigned index, const path::Node& node, const Setup& setup)
    : memory(flow::Table::bytes_needed(flow_sizes(setup))),
      spliced_memory(splice::Table::bytes_needed(setup.spliced() ? setup.room_flows / setup.workers : 1)),
      flows(value_or_throw(flow::Table::create(memory.bytes(), flow_sizes(setup),
                                               hash::derive_key(hash::fixed_secret(), "flow table")))),
      state(index, node, flows, splice::Table(spliced_memory.bytes(), flows.seed()), setup.backend_slots(), {}) {}

House::House(const Setup& setup, std::uint64_t records_max)
    : record_memory_(record::Table::bytes_needed({records_max, few})),
      records_(value_or_throw(record::Table::create(record_memory_.bytes(), {records_max, few},
                                                    hash::derive_key(hash::fixed_secret(), "record table")))),
      owner_(setup.workers),
      backend_states_(setup.backend_slots()),
      setup_(setup),
      slots_(setup.backend_slots()) {
  model::Model model = configuration(setup.family, setup.forwarding, setup.estate);
  if (setup.reads_cookie) {
    read_cookies(model);
  }
  compile(model);
  plan::each_interface(model, [&](InterfaceIndex index, const model::Interface& interface) {
    for (const auto& [address, mac] : interface.neighbors) {
      adjacencies_.set(index, address, l3::AdjacencyState::reachable, mac);
    }
  });
}

void House::compile(const model::Model& model) {
  plan_ = value_or_throw(
      plan::compile({model, hash::fixed_secret(), {}, plan_ ? plan_->version + 1 : 1, plan_.get()}, slots_));
}

void House::begin_splicing() {
  compile(configuration(setup_.family, setup_.forwarding, setup_.estate, true));
}

Rig::Rig(const Setup& setup, std::uint64_t cycles_per_ms, std::shared_ptr<House> house)
    : setup_(setup),
      house_(house ? std::move(house) : std::make_shared<House>(setup, records_for(setup))),
      clock_(cycles_per_ms),
      backend_of_flow_(setup.answers_pass() ? setup.flows : 0),
      seen_of_flow_(setup.full_nat() ? setup.flows : 0) {
  for (unsigned i = 0; i < setup.workers; ++i) {
    workers_.push_back(std::make_unique<Worker>(i, house_->node(), setup));
  }
  clock_.hold();
}

Stream Rig::stream(Direction direction, std::uint8_t tcp_flags, unsigned generation) const {
  Stream stream;
  const Addresses base = addresses(setup_.family);
  const bool seen = direction == Direction::back && setup_.full_nat();
  stream.frame = make_template(setup_.family, direction, seen ? base.local : base.client,
                               {tcp_flags, generation, setup_.stamped()});
  stream.services = setup_.estate.services;
  stream.base = setup_.first_flow;
  stream.flows = setup_.flows;
  stream.backend_of_flow = direction == Direction::back ? backend_of_flow_.data() : nullptr;
  stream.seen_of_flow = seen ? seen_of_flow_.data() : nullptr;
  stream.port = PortIndex(direction == Direction::back ? 0 : 1);  // by name: back, front
  return stream;
}

Tally Rig::tally() const noexcept {
  Tally sum;
  for (const auto& worker : workers_) {
    const auto get = [&](Counter counter) { return worker->state.counters.get(counter); };
    sum.received += get(Counter::received);
    sum.transmitted += get(Counter::transmitted);
    sum.hits += get(Counter::flow_hit);
    sum.fresh += get(Counter::flow_new);
    sum.back += get(Counter::forwarded_back);
    sum.handed_off += get(Counter::handed_off);
    sum.forgotten += get(Counter::flow_not_remembered) + get(Counter::record_not_remembered);
    for (const auto& moves : worker->state.moves) {
      sum.moves += moves.load();
    }
  }
  return sum;
}

void Rig::run_both(std::uint64_t packets) noexcept {
  const auto turn = [&](unsigned worker) { path::turn(state(worker), plan(), crossings_[worker], clock_.now_ms()); };
  for (Crossing& crossing : crossings_) {
    crossing.open_port(true);
  }
  const unsigned a_round = 2 * source_.burst();
  for (std::uint64_t done = 0; done < packets; done += a_round) {
    turn(0);
    turn(1);
  }
  for (Crossing& crossing : crossings_) {
    crossing.open_port(false);
  }
  turn(0);
  turn(1);
}

void Rig::step(Direction direction, std::uint8_t tcp_flags, std::uint32_t first, std::uint32_t count) {
  Stream now = stream(direction, tcp_flags);
  now.pick = Pick::in_turn;
  now.next = first;
  source_.start(now, 0, count);
  if (setup_.workers == 1) {
    return run(count);
  }
  crossings_[0].open_port(true);
  crossings_[1].open_port(false);
  path::turn(state(0), plan(), crossings_[0], clock_.now_ms());
  path::turn(state(1), plan(), crossings_[1], clock_.now_ms());
}

std::uint64_t Rig::live_entries() const noexcept {
  std::uint64_t live = 0;
  for (const auto& worker : workers_) {
    live += worker->flows.stats().live_narrow + worker->flows.stats().live_wide;
  }
  return live;
}

void Rig::open_flows() {
  const bool answers = setup_.answers_pass();
  clock_.go_on();
  for (std::uint32_t first = 0; first < setup_.flows; first += path::burst_max) {
    const std::uint32_t count = std::min<std::uint32_t>(path::burst_max, setup_.flows - first);
    source_.learn(answers ? backend_of_flow_.data() : nullptr, setup_.full_nat() ? seen_of_flow_.data() : nullptr);
    step(Direction::in, tcp::syn, first, count);
    source_.learn(nullptr, nullptr);
    if (answers) {
      step(Direction::back, tcp::syn | tcp::ack, first, count);
    }
    step(Direction::in, tcp::ack, first, count);
  }
  clock_.hold();
  const Tally now = tally();
  if (now.fresh != setup_.flows || now.transmitted != now.received || now.forgotten != 0 || now.moves != 0 ||
      live_entries() != std::uint64_t{setup_.flows} * (answers ? 2u : 1u)) {
    throw std::runtime_error(fmt::format(
        "{}: {} flows opened of {}, {} entries live, {} packets left of {}, {} not remembered, {} moves", setup_.text(),
        now.fresh, setup_.flows, live_entries(), now.transmitted, now.received, now.forgotten, now.moves));
  }
  if (setup_.spliced()) {
    splice_flows();
  }
}

/// What delayed binding leaves of connections: each flow's sides number differently. A plan that knows of it comes, and
/// once it has had its second, all flows are seen under it.
void Rig::splice_flows() {
  house_->begin_splicing();
  const auto pass = [&](Direction direction, bool all) {
    for (std::uint32_t first = 0; first < (all ? setup_.flows : 1); first += path::burst_max) {
      step(direction, tcp::ack, first, std::min<std::uint32_t>(path::burst_max, setup_.flows - first));
    }
  };
  for (std::uint32_t flow = 0; flow < setup_.flows; ++flow) {
    const Near near = near_of(setup_.first_flow + flow, first_port(0));
    const std::uint32_t service = service_of(setup_.first_flow + flow, setup_.estate.services);
    const net::IpAddress vip = with_far(addresses(setup_.family).vip, service);
    const auto listener = plan().fronts.find_listener(vip, vip_port, net::ip_protocol::tcp);
    const auto slot = static_cast<std::uint16_t>(plan().listeners[listener].slot.value());
    const net::IpAddress client = client_address(setup_.family, setup_.first_flow + flow);
    splice::Entry* const entry = state().spliced.insert({client, near.port, slot});
    if (entry == nullptr) {
      throw std::runtime_error(fmt::format("{}: no room for spliced flow {}", setup_.text(), flow));
    }
    entry->join({.difference = difference_of(flow),
                 .own = flow,
                 .later = setup_.stamped() ? std::optional(later_of(flow)) : std::nullopt});
  }
  pass(Direction::in, false);
  for (int second = 0; second < 3; ++second) {
    clock_.skip_second();
  }
  catch_up();
  pass(Direction::in, true);
  pass(Direction::back, true);
}

void Rig::catch_up() noexcept {
  for (const auto& worker : workers_) {
    while (worker->state.last_sweep_ms < clock_.now_ms()) {
      path::sweep(worker->state, plan(), clock_.now_ms());
    }
  }
}

void Rig::forget_half_open() {
  record::Table& records = house_->records();
  records.sweep(static_cast<unsigned>(records.bucket_count()), [](const record::Key&, const record::Record& record) {
    return record.provisional ? record::Sweep::erase : record::Sweep::keep;
  });
  for (const auto& worker : workers_) {
    worker->flows.sweep(static_cast<unsigned>(worker->flows.bucket_count()), [](const auto&, const auto& entry) {
      return entry.state() == flow::State::embryonic ? flow::Sweep::erase : flow::Sweep::keep;
    });
  }
}

std::uint64_t Rig::half_open_max() const noexcept {
  std::uint64_t entries = 0;
  for (const flow::ShareStats& share : workers_[0]->flows.shares()) {
    entries = std::max(entries, share.embryonic ? share.capacity : 0);
  }
  return entries / (setup_.answers_pass() ? 2 : 1) * 3 / 5;
}

test::Bytes Rig::expected_output(Direction direction, std::uint32_t flow, std::uint32_t backend) const {
  const Addresses base = addresses(setup_.family);
  const std::uint32_t number = setup_.first_flow + flow;
  const net::IpAddress client = client_address(setup_.family, number);
  const net::IpAddress vip = with_far(base.vip, service_of(number, setup_.estate.services));
  const std::uint16_t client_port = client_port_of(number, first_port(0));
  test::PacketBuilder expected;
  expected.ttl(63);
  const auto stamps = [&](std::uint32_t value, std::uint32_t echo) {
    return setup_.stamped() ? stamps_of(tcp::ack, value, echo) : test::Bytes{};
  };
  if (direction == Direction::back) {
    expected.ethernet(front_mac, client_gateway_mac).ip(vip, client);
    expected.tcp(vip_port, client_port, tcp::ack, stamps(own_stamp + later_of(flow), echoed_stamp));
    if (setup_.spliced()) {
      expected.numbers(1 + difference_of(flow), 2);
    }
    return expected.payload(data_of(tcp::ack)).build();
  }
  const Near seen = setup_.full_nat() ? seen_of_flow_[flow].near() : Near{0, client_port};
  expected.ethernet(back_mac, backend_mac(setup_.estate, backend));
  expected.ip(setup_.full_nat() ? with_far(base.local, seen.client) : client,
              setup_.answers_pass() ? with_far(base.backend, backend) : vip);
  expected.tcp(seen.port, setup_.answers_pass() ? backend_port : vip_port, tcp::ack,
               stamps(own_stamp, echoed_stamp - later_of(flow)));
  if (setup_.spliced()) {
    expected.numbers(1, 2 - difference_of(flow));
  }
  return expected.payload(data_of(tcp::ack)).build();
}

void Rig::check_output(Direction direction, std::uint32_t flow) {
  Stream now = stream(direction, tcp::ack);
  now.pick = Pick::in_turn;
  now.next = flow;
  source_.start(now, 0, 1);
  if (setup_.workers == 1) {
    run(1);
  } else {
    step(direction, tcp::ack, flow, 1);
  }
  const path::Packet& sent = source_.last();
  test::Bytes got(sent.data, sent.data + sent.size);
  std::optional<net::OuterRead> outer;
  if (setup_.tunnels() && (outer = net::read_outer(std::span(got).subspan(net::ethernet::size)))) {
    const auto inner = got.begin() + net::ethernet::size;
    got.erase(inner, inner + static_cast<std::ptrdiff_t>(outer->inner_offset));
  }
  bool right = false;
  for (std::uint32_t i = 0; i < setup_.estate.backends(); ++i) {
    const bool sent_elsewhere =
        (setup_.answers_pass() && backend_of_flow_[flow] != i) ||
        (setup_.tunnels() && (!outer || outer->destination != with_far(addresses(setup_.family).backend, i)));
    right = right || (!sent_elsewhere && expected_output(direction, flow, i) == got);
  }
  if (!right) {
    throw std::runtime_error(
        fmt::format("{}: the packet of flow {} that left is not the one that should", setup_.text(), flow));
  }
}

}  // namespace limpet::perf
