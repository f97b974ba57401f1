#include "traffic_run.hpp"

#include <fmt/format.h>

#include <cmath>
#include <stdexcept>

namespace limpet::perf {
namespace {

namespace tcp = net::tcp_flag;

/// The share of packets, in 2^32, that are their flow's first in a second.
std::uint32_t share_of_firsts(std::uint32_t flows) {
  const double a_flow = packets_a_second / flows;
  return static_cast<std::uint32_t>((1 - std::exp(-a_flow)) / a_flow * 0x1p32);
}

/// Of N flows the first 7/8 have been seen this second; the others come in turn.
Stream within_second(Stream stream) {
  const std::uint32_t flows = stream.flows;
  stream.flows = flows - flows / 8;
  stream.in_turn_share = share_of_firsts(flows);
  stream.first = stream.next = stream.flows;
  stream.end = flows;
  return stream;
}

Stream in_turn(Stream stream, std::uint32_t first, std::uint32_t end) {
  stream.pick = Pick::in_turn;
  stream.first = stream.next = first;
  stream.end = end;
  return stream;
}

Stream stream_for(const Rig& rig, Kind kind) {
  const std::uint32_t flows = rig.setup().flows;
  const Stream hits = rig.stream(Direction::in, tcp::ack);
  switch (kind) {
    case Kind::hit:
      return within_second(hits);
    case Kind::back:
      return within_second(rig.stream(Direction::back, tcp::ack));
    case Kind::skewed: {
      Stream stream = hits;
      stream.pick = Pick::skewed;
      return stream;
    }
    case Kind::touch:
      return in_turn(hits, 0, flows);
    case Kind::fresh:
      return in_turn(rig.stream(Direction::in, tcp::syn, 1), 0, flows);
    case Kind::first:
      break;
  }
  return in_turn(rig.stream(Direction::in, tcp::syn), flows, clients_max);
}

/// Cycles of a run of the path; its clock goes on meanwhile, and at no other time.
template <class F>
double path_cycles(Rig& rig, F&& f) {
  rig.clock().go_on();
  const double spent = timed(rig.clock().rate(), f);
  rig.clock().hold();
  return spent;
}

[[noreturn]] void refuse(const std::string& name, const Tally& seen) {
  throw std::runtime_error(fmt::format(
      "{}: of {} packets {} left; {} hits, {} new flows, {} answers, {} handed over; {} not remembered, {} moves", name,
      seen.received, seen.transmitted, seen.hits, seen.fresh, seen.back, seen.handed_off, seen.forgotten, seen.moves));
}

bool all_left(const Tally& seen) {
  return seen.transmitted == seen.received && seen.forgotten == 0 && seen.moves == 0;
}

}  // namespace

TrafficRun::TrafficRun(const Options& options, Rig& rig, Kind kind, std::string name)
    : rig_(rig), kind_(kind), name_(std::move(name)), stream_(stream_for(rig, kind)), burst_(options.burst) {
  start();
}

std::uint64_t TrafficRun::slice_max() const {
  return opens() ? rig_.half_open_max() : kind_ == Kind::touch ? rig_.setup().flows / 4 : ~std::uint64_t{0};
}

void TrafficRun::run(std::uint64_t packets) {
  rig_.setup().workers == 1 ? rig_.run(packets) : rig_.run_both(packets);
}

/// Where the second is nearly over or few flows are left that it has not seen, begins another.
void TrafficRun::make_ready(std::uint64_t packets) {
  if (kind_ == Kind::touch) {
    rig_.clock().skip_second();
  }
  rig_.catch_up();
  const auto firsts = 2 * packets * stream_.in_turn_share >> 32;
  if (!has_seconds() ||
      (ready_ && rig_.source().left_in_turn() > firsts + fifo_size && rig_.clock().in_second_ms() < 700)) {
    return;
  }
  rig_.clock().skip_second();
  rig_.source().start(in_turn(stream_, 0, stream_.flows), 0, path::burst_max);
  rig_.catch_up();
  run(stream_.flows);
  start();
  ready_ = true;
}

double TrafficRun::operator()(std::uint64_t packets) {
  make_ready(packets);
  const double source = timed(rig_.clock().rate(), [&] { run_source(packets); });
  const Tally before = rig_.tally();
  const double all = path_cycles(rig_, [&] { run(packets); });
  check(rig_.tally() - before);
  if (opens()) {
    rig_.forget_half_open();
  }
  return all - source;
}

void TrafficRun::check(const Tally& seen) const {
  const std::uint64_t right = opens() ? seen.fresh : kind_ == Kind::back ? seen.back : seen.hits;
  const double crossed = static_cast<double>(seen.handed_off) / static_cast<double>(seen.received);
  const bool steered = rig_.setup().workers == 1 ? seen.handed_off == 0 : crossed > 0.45 && crossed < 0.55;
  if (right != seen.received || !all_left(seen) || !steered) {
    refuse(name_, seen);
  }
}

ChurnRun::ChurnRun(Rig& rig) : rig_(rig), through_(rig), alone_(rig) {
  rig_.clock().skip_second();  // the plan of the flows is not a new one
  const std::uint32_t flows = rig_.setup().flows;
  rig_.source().start(in_turn(rig_.stream(Direction::in, tcp::ack), 0, flows), 0, path::burst_max);
  rig_.catch_up();
  rig_.run(flows);
  rig_.source().start(through_.first_ends(rig_), 0, path::burst_max);
  rig_.catch_up();
  rig_.run(Churn::rest);
}

double ChurnRun::operator()(std::uint64_t packets) {
  const double source = timed(rig_.clock().rate(), [&] { run_source(packets); });
  const Tally before = rig_.tally();
  const double all = path_cycles(rig_, [&] { run(packets); });
  const Tally seen = rig_.tally() - before;
  const std::uint64_t opened = seen.received / Churn::a_step;
  const auto about = [&](std::uint64_t count) { return count + fifo_size > opened && count < opened + fifo_size; };
  if (!all_left(seen) || !about(seen.fresh) || !about(seen.back) ||
      seen.hits + seen.fresh + seen.back != seen.received) {
    refuse("churn", seen);
  }
  return all - source;
}

}  // namespace limpet::perf
