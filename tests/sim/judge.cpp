// A simulation's packets: sent, found again where they left, judged; and the books compared.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "simulation.hpp"

namespace limpet::sim {
namespace {

using counters::Counter;

std::string flag_names(std::uint8_t flags) {
  std::string text;
  for (const auto& [flag, letter] : {std::pair(net::tcp_flag::syn, 'S'), std::pair(net::tcp_flag::ack, 'A'),
                                     std::pair(net::tcp_flag::fin, 'F'), std::pair(net::tcp_flag::rst, 'R')}) {
    if ((flags & flag) != 0) {
      text += letter;
    }
  }
  return text.empty() ? "datagram" : text;
}

std::string drops(const replay::Node& node) {
  std::string text;
  for (std::size_t i = 0; i < counters::counter_count; ++i) {
    if (const auto count = node.counter(static_cast<Counter>(i)); counters::descriptions[i].is_drop && count != 0) {
      text += fmt::format(" {} {}", count, counters::descriptions[i].name);
    }
  }
  return text;
}

std::string name_of(Reason reason) {
  return std::string(path::reason_names[static_cast<std::size_t>(reason)]);
}

}  // namespace

std::string Simulation::describe(const Packet& packet) const {
  const auto& [stream, from, flags] = packet;
  return fmt::format("{} {} {} {} {}", stream.service, stream.client.text(), from == Side::client ? "->" : "<-",
                     stream.vip.text(), flag_names(flags));
}

void Simulation::exchange(std::vector<Shot> shots) {
  std::vector<replay::Node::Arrival> arrivals;
  std::erase_if(shots, [&](const Shot& shot) {  // nobody answers in a connection that is not known any more
    return shot.packet.from == Side::backend && !oracle_.knows(shot.packet.stream, node_->now_ms());
  });
  for (const Shot& shot : shots) {
    arrivals.push_back({shot.packet.from == Side::client ? front_port : back_port, shot.worker,
                        shot.talk->frame(shot.packet, next_id_ + arrivals.size())});
  }
  node_->receive(arrivals);
  const auto sent = node_->take_sent();
  std::vector<Arrived> arrived, resets;
  for (const replay::Sent& out : sent) {
    Arrived one{shots.size(), &out, {}};
    net::parse(out.bytes.data(), out.bytes.size(), out.bytes.size(), one.parsed);
    const auto id = id_of(out.bytes, one.parsed);
    one.shot = id ? *id - next_id_ : shots.size();
    if (one.shot >= shots.size()) {
      resets.push_back(one);
      continue;
    }
    arrived.push_back(one);
  }
  next_id_ += shots.size();
  totals_.packets += shots.size();
  std::vector<bool> left(shots.size());
  for (const Arrived& one : arrived) {
    if (left[one.shot]) {
      fail(describe(shots[one.shot].packet) + " left twice");
    }
    left[one.shot] = true;
  }
  check_pressure();
  leavings_.clear();
  std::vector<bool> may_end(shots.size());  // nothing tells when in a burst a packet was dropped: at any time of it
  const auto look_at_lost = [&] {
    for (std::size_t i = 0; i < shots.size(); ++i) {
      may_end[i] = may_end[i] || (!left[i] && shots[i].packet.from == Side::client &&
                                  oracle_.allowed(shots[i].packet, node_->now_ms()).drop);
    }
  };
  look_at_lost();
  for (const Arrived& reset : resets) {
    judge_reset(reset, shots, left);
  }
  for (const Arrived& one : arrived) {
    const Shot& shot = shots[one.shot];
    shot.packet.from == Side::client ? judge_up(shot, one) : judge_down(shot, one);
    look_at_lost();
  }
  for (std::size_t i = 0; i < shots.size(); ++i) {
    if (!left[i]) {
      judge_lost(shots[i], may_end[i]);
    }
  }
  check_moves();
}

/// Nothing leaves by itself but the reset of a packet that was dropped: to its client, or to the backend it was for.
void Simulation::judge_reset(const Arrived& reset, const std::vector<Shot>& shots, const std::vector<bool>& left) {
  const net::Parsed& seen = reset.parsed;
  const net::Endpoint from{seen.source, seen.source_port};
  const net::Endpoint to{seen.destination, seen.destination_port};
  for (std::size_t i = 0; i < shots.size(); ++i) {
    const Stream& stream = shots[i].packet.stream;
    const bool to_client = from == stream.vip && to == stream.client && reset.sent->port == front_port;
    const auto last = last_seen_.find(stream);
    const bool to_backend = last != last_seen_.end() && last->second == Seen{from, to} && reset.sent->port == back_port;
    if (!left[i] && (seen.tcp_flags & net::tcp_flag::rst) != 0 && (to_client || to_backend)) {
      tell(describe(shots[i].packet) + (to_client ? " reset" : " reset at the backend"));
      if (!oracle_.may_reset(stream)) {
        fail(describe(shots[i].packet) + " was reset, which no rule asks for");
      }
      return;
    }
  }
  fail(fmt::format("a frame left that nobody sent, from {} to {}", from.text(), to.text()));
}

std::string Simulation::reached(const Shot& shot, const Arrived& arrived) const {
  if (arrived.sent->to_kernel || arrived.sent->port != back_port) {
    fail(describe(shot.packet) + " left the wrong way");
  }
  net::Mac mac;
  std::copy_n(arrived.sent->bytes.begin(), 6, mac.bytes.begin());
  const auto& service = model_.services.at(shot.packet.stream.service);
  const bool direct = service.forwarding == model::Forwarding::dr;
  std::vector<std::string> pools = {service.pool};
  for (const auto& [name, pool] : model_.pools) {  // flows stay when their service turns to another pool
    pools.push_back(name);
  }
  const net::Endpoint at{arrived.parsed.destination, arrived.parsed.destination_port};
  for (const std::string& pool : pools) {
    const auto& declared = model_.pools.at(pool);
    const std::string name = direct ? backend_with(declared, mac) : backend_at(declared, at);
    if (!name.empty() && mac == mac_of(declared.backends.at(name).addresses.front().address)) {
      return pool + "/" + name;
    }
  }
  return "nowhere known, at " + arrived.parsed.destination.text();
}

void Simulation::judge_lost(const Shot& shot, bool may_end) {
  tell(describe(shot.packet) + " dropped");
  if (!may_end) {
    fail(describe(shot.packet) + " was dropped;" + drops(*node_));
  }
  oracle_.saw(shot.packet, "", node_->now_ms());
}

void Simulation::judge_up(const Shot& shot, const Arrived& arrived) {
  const Packet& packet = shot.packet;
  const std::string at = reached(shot, arrived);
  const Allowed allowed = oracle_.allowed(packet, node_->now_ms());
  tell(fmt::format("{} at {} of {{{}}}", describe(packet), at, fmt::join(allowed.backends, ", ")));
  if (!allowed.backends.contains(at)) {
    fail(fmt::format("{} reached {}; allowed: {{{}}}{}", describe(packet), at, fmt::join(allowed.backends, ", "),
                     allowed.drop ? " or dropped" : ""));
  }
  if (auto leaving = oracle_.saw(packet, at, node_->now_ms())) {
    leavings_.push_back(std::move(*leaving));
  }
  if (options_.verbose) {
    tell("    " + oracle_.describe(packet.stream));
  }
  const net::Parsed& seen = arrived.parsed;
  const Seen ends{{seen.source, seen.source_port}, {seen.destination, seen.destination_port}};
  judge_source(packet, ends);
  last_seen_[packet.stream] = ends;
  shot.talk->reached(ends);
}

/// What stands for the client: itself, or a local end that stands for nobody else.
void Simulation::judge_source(const Packet& packet, const Seen& ends) {
  const model::Service& service = model_.services.at(packet.stream.service);
  if (service.forwarding != model::Forwarding::full_nat) {
    if (ends.client.address.text() != packet.stream.client.address.text()) {
      fail(describe(packet) + " left from another address");
    }
    return;
  }
  const auto& locals = service.local_addresses;
  if (ends.client.l4_port < 1024 || std::none_of(locals.begin(), locals.end(), [&](const net::Prefix& local) {
        return local.contains(ends.client.address);
      })) {
    fail(fmt::format("{} left from {}, no local end", describe(packet), ends.client.text()));
  }
  const Millis now_ms = node_->now_ms();
  const Stream* other =
      local_ends_.other(ends, packet.stream, service.timeouts.local_port_ms, now_ms, [&](const Stream& stream) {
        const auto last = last_seen_.find(stream);
        return oracle_.knows(stream, now_ms) && last != last_seen_.end() && last->second == ends;
      });
  if (other != nullptr && !oracle_.pressed()) {
    fail(fmt::format("{} left from {}, which stands for {} of {} or rests", describe(packet), ends.client.text(),
                     other->client.text(), other->service));
  }
  local_ends_.note(ends, packet.stream, false, now_ms);
}

void Simulation::judge_down(const Shot& shot, const Arrived& arrived) {
  const Packet& packet = shot.packet;
  tell(describe(packet));
  const net::Parsed& seen = arrived.parsed;
  if (arrived.sent->port != front_port || net::Endpoint{seen.source, seen.source_port} != packet.stream.vip ||
      net::Endpoint{seen.destination, seen.destination_port} != packet.stream.client) {
    fail(describe(packet) + " left with other addresses");
  }
  oracle_.answered(packet, node_->now_ms());
  if (model_.services.at(packet.stream.service).forwarding == model::Forwarding::full_nat) {
    local_ends_.note(last_seen_.at(packet.stream), packet.stream, true, node_->now_ms());
  }
}

/// Each move that was counted has a packet that shows it and a reason that holds; each one that was seen is counted.
void Simulation::check_moves() {
  std::stable_partition(leavings_.begin(), leavings_.end(), [](const Leaving& leaving) { return leaving.certain; });
  for (const path::Move& move : node_->take_moves()) {
    ++moves_seen_;
    const auto& plan = node_->plan();
    const plan::Listener* listener = plan.listener(move.listener);
    const std::string service = listener == nullptr ? "" : plan.service_of(*listener).name;
    const std::string from = names_of_slots_[move.from.value()];
    const std::string to = names_of_slots_[move.to.value()];
    const auto shown = std::find_if(leavings_.begin(), leavings_.end(), [&](const Leaving& leaving) {
      return leaving.service == service && leaving.key == move.key && leaving.to == to && leaving.from.contains(from) &&
             leaving.reasons.contains(move.reason);
    });
    if (shown == leavings_.end()) {
      for (const Leaving& leaving : leavings_) {
        std::vector<std::string> reasons;
        std::transform(leaving.reasons.begin(), leaving.reasons.end(), std::back_inserter(reasons), name_of);
        tell(fmt::format("packets show: {} {} from {{{}}} to {}, possibly for {{{}}}", leaving.service,
                         leaving.key.text(), fmt::join(leaving.from, ", "), leaving.to, fmt::join(reasons, ", ")));
      }
      fail(fmt::format("counted a move of {} {} from {} to {} ({}) that no packet shows", service, move.key.text(),
                       from, to, name_of(move.reason)));
    }
    leavings_.erase(shown);
  }
  for (const Leaving& leaving : leavings_) {
    if (leaving.certain) {
      fail(fmt::format("{} {} moved from {} to {}, not counted", leaving.service, leaving.key.text(),
                       fmt::join(leaving.from, ", "), leaving.to));
    }
  }
  std::uint64_t counted = 0;
  for (const std::uint64_t count : node_->moves()) {
    counted += count;
  }
  if (node_->violations() != 0 || counted != moves_seen_) {
    fail(fmt::format("{} violations; {} moves counted, {} told", node_->violations(), counted, moves_seen_));
  }
}

/// Where tables were full, less is sure.
void Simulation::check_pressure() {
  std::uint64_t evicted = 0;
  for (unsigned worker = 0; worker < node_->workers(); ++worker) {
    evicted += node_->state(worker).flows.stats().embryonic_evicted;
  }
  const auto records = node_->counter(Counter::record_not_remembered) + node_->counter(Counter::record_evicted);
  // Elsewhere records run out by their profiles' limits alone, which the oracle knows.
  const bool lasting = node_->counter(Counter::flow_not_remembered) != 0 || (small_ && records != 0);
  if (lasting || evicted != 0) {
    oracle_.expect_pressure(lasting);
  }
}

void Simulation::check_nothing_left() {
  const auto records = node_->records().stats();
  if (records.live + records.provisional != 0) {
    fail(fmt::format("{} records and {} provisional ones are left", records.live, records.provisional));
  }
  for (unsigned worker = 0; worker < node_->workers(); ++worker) {
    const path::State& state = node_->state(worker);
    const auto flows = state.flows.stats();
    if (flows.live_narrow + flows.live_wide + flows.embryonic != 0) {
      fail(fmt::format("worker {} keeps {} narrow, {} wide and {} embryonic entries", worker, flows.live_narrow,
                       flows.live_wide, flows.embryonic));
    }
    for (std::uint32_t slot = 0; slot < plan::endpoint_slots_max; ++slot) {
      if (const auto taken = state.local_ports[slot].load(); taken != 0) {
        fail(fmt::format("worker {} counts {} local ports of endpoint {}", worker, taken, slot));
      }
    }
    for (const auto& [slot, name] : names_of_slots_) {
      const plan::BackendUse& use = state.uses[slot];
      if (use.flows != 0 || use.flows_alone != 0 || use.connecting != 0) {
        fail(fmt::format("worker {} counts {} flows of {}, {} of them without a record, and {} that begin", worker,
                         use.flows.load(), name, use.flows_alone.load(), use.connecting.load()));
      }
    }
  }
}

void Simulation::learn_slots() {
  for (const plan::Pool& pool : node_->plan().pools) {
    for (const plan::Backend& backend : pool.backends) {
      names_of_slots_[backend.slot.value()] = backend.name;
    }
  }
}

}  // namespace limpet::sim
