#include "replay/node.hpp"

#include <sys/mman.h>

#include <algorithm>

#include "path/recount.hpp"
#include "path/turn.hpp"
#include "plan/lifetime.hpp"

namespace limpet::replay {
namespace {

constexpr Millis step_ms = 50;
constexpr Millis sweep_pass_ms = 10'000;
constexpr unsigned steps_max = 200;  // a longer gap is crossed in as many steps and one leap

std::map<std::string, net::Mac> stand_in_macs(const model::Model& model) {
  std::map<std::string, net::Mac> macs;
  for (const auto& [name, port] : model.ports) {
    macs.emplace(name, stand_in_mac(macs.size()));
  }
  return macs;
}

bool same_ports(const model::Model& model, const plan::Plan& plan) {
  return std::all_of(plan.interfaces.begin(), plan.interfaces.end(),
                     [&](const plan::Interface& interface) {
                       return interface.vlan != 0 || model.ports.contains(interface.name);
                     }) &&
         model.ports.size() == plan.interfaces_of_port.size();
}

/// A backend's state as the model creates it.
void set_state(plan::BackendState& state, const model::Backend& backend, bool is_new) {
  state.weight.store(backend.weight * plan::weight_one, std::memory_order_relaxed);
  if (is_new) {
    state.admin.store(static_cast<plan::Admin>(backend.state), std::memory_order_relaxed);
    state.health.store(plan::Health::up, std::memory_order_relaxed);
  }
}

}  // namespace

net::Mac stand_in_mac(std::size_t port_index) noexcept {
  return {{0x02, 0, 0, 0, 1, static_cast<std::uint8_t>(port_index)}};
}

Memory::Memory(std::size_t size_bytes) : bytes_(nullptr, Unmap{size_bytes}) {
  void* bytes = mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  LIMPET_ASSERT(bytes != MAP_FAILED);
  bytes_.reset(static_cast<std::byte*>(bytes));
}

void Memory::Unmap::operator()(std::byte* bytes) const noexcept {
  munmap(bytes, size_bytes);
}

Node::Node(const hash::Secret& secret, const Options& options)
    : secret_(secret),
      options_(options),
      now_ms_(options.start_ms),
      swept_ms_(options.start_ms),
      owner_(options.workers),
      wires_(options.workers, options.segment_bytes) {}

Node::~Node() {
  for (auto& worker : workers_) {
    const path::Waiting& waiting = worker->state->waiting;
    for (unsigned i = 0; i < waiting.count; ++i) {
      worker->io.transmit({path::Outlet::release, 0}, &waiting.items[i].packet, 1);
    }
    path::end_fragments(*worker->state, worker->io);
    path::end_awaited(*worker->state, worker->io);
  }
}

Result<std::unique_ptr<Node>> Node::create(const model::Model& model, const hash::Secret& secret,
                                           const Options& options) {
  std::unique_ptr<Node> node(new Node(secret, options));
  if (auto made = node->make_tables(); !made) {
    return tl::unexpected(made.error());
  }
  node->build();
  if (auto applied = node->apply(model); !applied) {
    return tl::unexpected(applied.error());
  }
  return node;
}

void Node::build() {
  const path::Node shared{owner_, tables_->records, backends_, adjacencies_};
  for (unsigned i = 0; i < options_.workers; ++i) {
    workers_.push_back(
        std::unique_ptr<Worker>(new Worker{tables_->flows[i], nullptr, MemoryIo(wires_, i, options_.workers)}));
    Worker& worker = *workers_.back();
    worker.state = std::make_unique<path::State>(i, shared, worker.flows, std::move(tables_->spliced[i]),
                                                 plan::backend_slots_default, options_.limits);
  }
  neighbours_ = std::make_unique<l3::Neighbours>(
      adjacencies_,
      [this](InterfaceIndex interface, std::span<const std::uint8_t> frame) {
        wires_.from_control.push_back(make_frame(plan_->interfaces[interface.value()].port, frame));
      },
      [this](InterfaceIndex interface, const net::IpAddress& address) {
        return plan_->interfaces[interface.value()].owns(address) || plan_->fronts.is_vip(address);
      });
}

Result<void> Node::apply(const model::Model& model) {
  if (plan_ != nullptr && !same_ports(model, *plan_)) {
    return fail("other ports than at the start: needs a restart");
  }
  plan::Slots slots = slots_;
  const std::uint64_t version = plan_ == nullptr ? 1 : plan_->version + 1;
  auto plan = plan::compile({.model = model,
                             .secret = secret_,
                             .device_macs = stand_in_macs(model),
                             .version = version,
                             .previous = plan_.get(),
                             .workers = options_.workers,
                             .unix_at_zero_s = options_.unix_at_zero_s},
                            slots);
  if (!plan) {
    return tl::unexpected(plan.error());
  }
  slots_ = std::move(slots);
  save_slots();
  adopt(model, std::move(*plan));
  return {};
}

void Node::adopt(const model::Model& model, std::shared_ptr<const plan::Plan> plan) {
  plan_ = std::move(plan);
  plan::keep_only_used(*plan_, slots_);
  for (const plan::Pool& pool : plan_->pools) {
    for (const plan::Backend& backend : pool.backends) {
      const auto& declared = model.pools.at(pool.name).backends.at(backend.name.substr(pool.name.size() + 1));
      set_state(backends_[backend.slot], declared, known_backends_.emplace(backend.name, true).second);
    }
  }
  neighbours_->on_interfaces(plan_->interfaces);
  std::vector<l3::StaticNeighbour> fixed;
  plan::each_interface(model, [&](InterfaceIndex index, const model::Interface& interface) {
    for (const auto& [address, mac] : interface.neighbors) {
      fixed.push_back({index, address, mac});
    }
  });
  neighbours_->replace_static(fixed, now_ms_);
  neighbours_->replace_gateways(l3::gateways_of(plan_->routes), now_ms_);
}

bool Node::serve_control() {
  bool busy = false;
  for (auto& worker : workers_) {
    l3::Frame frame;
    while (worker->state->to_control.frames.pop(frame)) {
      neighbours_->on_frame(frame.interface, frame.view(), now_ms_);
      busy = true;
    }
    while (worker->state->to_control.resets.pop(frame)) {
      wires_.from_control.push_back(make_frame(plan_->interfaces[frame.interface.value()].port, frame.view()));
      busy = true;
    }
    l3::Want want;
    while (worker->state->to_control.wants.pop(want)) {
      neighbours_->want(want.interface, want.address, now_ms_);
      busy = true;
    }
  }
  return busy;
}

/// Ends the records that are over, as control does in limpetd: a whole pass takes sweep_pass_ms.
void Node::sweep_records() {
  const Millis late_ms = std::min(now_ms_ - swept_ms_, sweep_pass_ms);
  const std::uint64_t buckets = tables_->records.bucket_count() * late_ms / sweep_pass_ms;
  if (buckets == 0) {
    return;
  }
  swept_ms_ = now_ms_;
  const auto now_s = static_cast<std::uint32_t>(now_ms_ / 1000);
  std::uint64_t ended = 0;
  tables_->records.sweep(static_cast<unsigned>(buckets), [&](const record::Key& key, const record::Record& record) {
    const bool over = plan::is_over(*plan_, key, record, now_s);
    ended += over && !record.provisional ? 1 : 0;
    return over ? record::Sweep::erase : record::Sweep::keep;
  });
  workers_[0]->state->counters.add(counters::Counter::record_ended, ended);
}

/// As control does in limpetd.
void Node::sum_connections() {
  std::vector<path::State*> states;
  for (const auto& worker : workers_) {
    states.push_back(worker->state.get());
  }
  for (const plan::Pool& pool : plan_->pools) {
    for (const plan::Backend& backend : pool.backends) {
      path::sum_connections(states, backend.slot, backends_);
    }
  }
}

void Node::settle() {
  bool busy = true;
  while (busy) {
    for (auto& worker : workers_) {
      path::turn(*worker->state, *plan_, worker->io, now_ms_);
    }
    busy = serve_control();
    for (const auto& worker : workers_) {
      busy = busy || !worker->io.idle() || worker->state->last_sweep_ms < now_ms_;
    }
  }
}

void Node::advance(Millis now_ms) {
  restart::set_alive(files_.names, std::max(now_ms, now_ms_) / 1000);
  const Millis gap = now_ms > now_ms_ ? now_ms - now_ms_ : 0;
  for (unsigned step = 0; step < std::min<Millis>(gap / step_ms, steps_max); ++step) {
    now_ms_ += step_ms;
    neighbours_->tick(now_ms_);
    sweep_records();
    sum_connections();
    settle();
  }
  now_ms_ = std::max(now_ms_, now_ms);
  neighbours_->tick(now_ms_);
  sweep_records();
  sum_connections();
  settle();
}

void Node::receive(PortIndex port, unsigned worker, std::span<const std::uint8_t> bytes) {
  LIMPET_ASSERT(port.value() < plan_->interfaces_of_port.size());
  workers_[worker]->io.arrive(port, bytes);
  settle();
}

void Node::receive(std::span<const Arrival> arrivals) {
  for (const Arrival& arrival : arrivals) {
    workers_[arrival.worker]->io.arrive(arrival.port, arrival.bytes);
  }
  settle();
}

std::vector<Sent> Node::take_sent() {
  return std::exchange(wires_.sent, {});
}

std::uint64_t Node::counter(counters::Counter counter) const noexcept {
  std::uint64_t sum = 0;
  for (const auto& worker : workers_) {
    sum += worker->state->counters.get(counter);
  }
  return sum;
}

std::array<std::uint64_t, path::reason_count> Node::moves() const noexcept {
  std::array<std::uint64_t, path::reason_count> sums{};
  for (const auto& worker : workers_) {
    for (std::size_t reason = 0; reason < path::reason_count; ++reason) {
      sums[reason] += worker->state->moves[reason].load(std::memory_order_relaxed);
    }
  }
  return sums;
}

std::vector<path::Move> Node::take_moves() {
  std::vector<path::Move> moves;
  for (auto& worker : workers_) {
    path::Move move;
    while (worker->state->to_control.moves.pop(move)) {
      moves.push_back(move);
    }
  }
  return moves;
}

plan::BackendState& Node::backend(const std::string& name) {
  const auto slot = slots_.backends.find(name);
  LIMPET_ASSERT(slot.has_value());
  return backends_[BackendSlot(*slot)];
}

}  // namespace limpet::replay
