#include "rig.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "model/load.hpp"
#include "support/packet_builder.hpp"

namespace limpet::perf {
namespace {

namespace tcp = net::tcp_flag;
using counters::Counter;
constexpr std::uint64_t few = 4096;  // entries of the width that a rig does not use
constexpr Millis half_open_life_ms = 12'000;
constexpr Millis sweep_step_ms = 16;

/// Room for the flows' own width; next to none for the other.
flow::Sizes flow_sizes(const Setup& setup) {
  const std::uint64_t entries = flow::sizes_for(setup.room_flows).narrow_entries;
  return setup.family == net::Family::v4 ? flow::Sizes{entries, few} : flow::Sizes{few, entries};
}
record::Sizes record_sizes(const Setup& setup) {
  return {setup.room_flows, few};
}

template <class T>
T value_or_throw(Result<T> result) {
  if (!result) {
    throw std::runtime_error(result.error().text);
  }
  return std::move(*result);
}

model::Model load(const Setup& setup) {
  auto loaded = model::load_text(configuration(setup.family, setup.forwarding), "pipeline");
  if (!loaded.model) {
    throw std::runtime_error(loaded.problems.front().text());
  }
  return std::move(*loaded.model);
}

}  // namespace

std::string Setup::text() const {
  return fmt::format("path.{}.{}", forwarding, family == net::Family::v4 ? "v4" : "v6");
}

Rig::Rig(const Setup& setup, std::uint64_t cycles_per_ms)
    : setup_(setup),
      flow_memory_(flow::Table::bytes_needed(flow_sizes(setup))),
      record_memory_(record::Table::bytes_needed(record_sizes(setup))),
      flows_(make_flows(flow_memory_, setup)),
      records_(make_records(record_memory_, setup)),
      state_(0, path::Node{owner_, records_, backend_states_, adjacencies_}, flows_, plan::backend_slots_default),
      clock_(cycles_per_ms),
      backend_of_flow_(setup.nat() ? setup.flows : 0) {
  make_plan();
}

flow::Table Rig::make_flows(HugeMemory& memory, const Setup& setup) {
  return value_or_throw(
      flow::Table::create(memory.bytes(), flow_sizes(setup), hash::derive_key(hash::fixed_secret(), "flow table")));
}

record::Table Rig::make_records(HugeMemory& memory, const Setup& setup) {
  return value_or_throw(record::Table::create(memory.bytes(), record_sizes(setup),
                                              hash::derive_key(hash::fixed_secret(), "record table")));
}

void Rig::make_plan() {
  const model::Model model = load(setup_);
  plan::Slots slots(plan::backend_slots_default);
  plan_ = value_or_throw(plan::compile({model, hash::fixed_secret(), {}, 1}, slots));
  plan::each_interface(model, [&](InterfaceIndex index, const model::Interface& interface) {
    for (const auto& [address, mac] : interface.neighbors) {
      adjacencies_.set(index, address, l3::AdjacencyState::reachable, mac);
    }
  });
}

Stream Rig::stream(Direction direction, std::uint8_t tcp_flags) const {
  Stream stream;
  stream.frame = make_template(setup_.family, direction, tcp_flags);
  stream.flows = setup_.flows;
  stream.backend_of_flow = direction == Direction::back ? backend_of_flow_.data() : nullptr;
  stream.port = PortIndex(direction == Direction::back ? 0 : 1);  // by name: back, front
  return stream;
}

Tally Rig::tally() const noexcept {
  const auto get = [&](Counter counter) { return state_.counters.get(counter); };
  return {get(Counter::received),       get(Counter::transmitted),
          get(Counter::flow_hit),       get(Counter::flow_new),
          get(Counter::forwarded_back), get(Counter::flow_not_remembered) + get(Counter::record_not_remembered)};
}

void Rig::step(Direction direction, std::uint8_t tcp_flags, std::uint32_t first, std::uint32_t count) {
  Stream now = stream(direction, tcp_flags);
  now.pick = Pick::in_turn;
  now.next = first;
  source_.start(now, 0, count);
  run(count);
}

void Rig::open_flows() {
  const bool nat = setup_.nat();
  const Stint stint(clock_.rate());
  for (std::uint32_t first = 0; first < setup_.flows; first += path::burst_max) {
    const std::uint32_t count = std::min<std::uint32_t>(path::burst_max, setup_.flows - first);
    source_.learn_backends(nat ? backend_of_flow_.data() + first : nullptr);
    step(Direction::in, tcp::syn, first, count);
    source_.learn_backends(nullptr);
    if (nat) {
      step(Direction::back, tcp::syn | tcp::ack, first, count);
    }
    step(Direction::in, tcp::ack, first, count);
  }
  open_cycles_ = stint.cycles();
  const Tally now = tally();
  const std::uint64_t live = flows_.stats().live_narrow + flows_.stats().live_wide;
  if (now.fresh != setup_.flows || now.transmitted != now.received || live != setup_.flows * (nat ? 2u : 1u)) {
    throw std::runtime_error(fmt::format("{}: {} flows opened of {}, {} entries live, {} packets left of {}",
                                         setup_.text(), now.fresh, setup_.flows, live, now.transmitted, now.received));
  }
}

void Rig::forget_half_open() {
  clock_.skip(half_open_life_ms);
  const auto now_s = static_cast<std::uint32_t>(clock_.now_ms() / 1000);
  records_.sweep(static_cast<unsigned>(records_.bucket_count()), [&](const record::Key&, const record::Record& record) {
    const bool old = record.provisional && now_s - record.created_s >= record::provisional_life_s;
    return old ? record::Sweep::erase : record::Sweep::keep;
  });
  const std::uint64_t passes = flows_.sweeps_done() + 2;
  while (flows_.sweeps_done() < passes) {
    clock_.skip(sweep_step_ms);
    path::sweep(state_, *plan_, clock_.now_ms());
  }
}

void Rig::check_output(Direction direction, std::uint32_t flow) {
  Stream now = stream(direction, tcp::ack);
  now.pick = Pick::in_turn;
  now.next = flow;
  source_.start(now, 0, 1);
  run(1);
  const Addresses base = addresses(setup_.family);
  const net::IpAddress client = client_address(setup_.family, flow);
  const net::IpAddress vip = with_low_bits(base.vip, vip_of(flow));
  const path::Packet& sent = source_.last();
  const test::Bytes got(sent.data, sent.data + sent.size);
  bool right = false;
  for (std::uint8_t i = 0; i < backends; ++i) {
    if (setup_.nat() && backend_of_flow_[flow] != i) {
      continue;
    }
    test::PacketBuilder expected;
    expected.ttl(63);
    if (direction == Direction::back) {
      expected.ethernet(front_mac, client_gateway_mac).ip(vip, client).tcp(vip_port, client_port_of(flow), tcp::ack);
    } else {
      const net::IpAddress to = setup_.nat() ? with_low_bits(base.backend, i) : vip;
      expected.ethernet(back_mac, backend_mac(i)).ip(client, to);
      expected.tcp(client_port_of(flow), setup_.nat() ? backend_port : vip_port, tcp::ack);
    }
    right = right || expected.build() == got;
  }
  if (!right) {
    throw std::runtime_error(
        fmt::format("{}: the packet of flow {} that left is not the one that should", setup_.text(), flow));
  }
}

}  // namespace limpet::perf
