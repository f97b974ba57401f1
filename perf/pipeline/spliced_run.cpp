#include "spliced_run.hpp"

#include <fmt/format.h>

#include <cstring>
#include <stdexcept>

#include "race.hpp"
#include "script.hpp"

namespace limpet::perf {
namespace {

constexpr std::uint32_t further_requests = 8;  // of each connection
constexpr std::uint32_t room = 100'000;

/// Its plan is some seconds old, as the express way wants it.
std::unique_ptr<Rig> make_rig(std::uint64_t cycles_per_ms) {
  Setup setup{net::Family::v4, "nat", 0, room};
  setup.reads_cookie = true;
  auto rig = std::make_unique<Rig>(setup, cycles_per_ms);
  path::State& state = rig->state();
  state.legs.renew(rig->plan(), state.node.adjacencies.version(), rig->clock().now_ms());
  for (int i = 0; i < 3; ++i) {
    rig->clock().skip_second();
  }
  rig->catch_up();
  return rig;
}

}  // namespace

void ScriptIo::load(const Arrival& arrival) noexcept {
  arrival_ = &arrival;
  handed_out_ = 0;
}

void ScriptIo::put(PortIndex port, std::span<const std::uint8_t> frame, path::Packet& packet) noexcept {
  std::uint8_t* const buffer = buffers_.take();
  std::memcpy(buffer, frame.data(), frame.size());
  Buffers::describe(buffer, static_cast<std::uint16_t>(frame.size()), port, packet);
}

unsigned ScriptIo::receive(path::Source from, path::Packet* packets, unsigned max) noexcept {
  if (arrival_ == nullptr || arrival_->port.value() != from.index) {
    return 0;
  }
  unsigned n = 0;
  while (n < max && handed_out_ < arrival_->frames.size()) {
    put(arrival_->port, arrival_->frames[handed_out_++], packets[n++]);
  }
  return n;
}

unsigned ScriptIo::transmit(path::Destination to, const path::Packet* packets, unsigned n) noexcept {
  for (unsigned i = 0; i < n; ++i) {
    if (sent_ != nullptr && to.outlet == path::Outlet::port) {
      sent_->push_back({PortIndex(to.index), test::Bytes(packets[i].data, packets[i].data + packets[i].size)});
    }
    buffers_.give(packets[i].buffer);
  }
  return n;
}

bool ScriptIo::make(PortIndex received_on, std::span<const std::uint8_t> frame, path::Packet& packet) noexcept {
  put(received_on, frame, packet);
  return true;
}

SplicedRun::SplicedRun(Part part, std::uint32_t connections, unsigned burst, std::uint64_t cycles_per_ms)
    : cycles_per_ms_(cycles_per_ms),
      count_(std::uint64_t{connections} * (part == Part::whole ? 1 : further_requests)),
      rig_(make_rig(cycles_per_ms)) {
  if (part == Part::whole) {
    const auto write_down = [&](std::uint32_t first, std::vector<Arrival>& to) {
      for (Script& script : scripts(first, connections, burst)) {
        script.open(to);
        script.close(to);
      }
    };
    write_down(connections, before_);  // others, so that the tables' pages are there
    const std::uint64_t begin = transmitted();
    write_down(0, measured_);
    transmitted_ = transmitted() - begin;
    return;
  }
  std::vector<Script> all = scripts(0, connections, burst);
  for (Script& script : all) {
    script.open(before_);
  }
  const std::uint64_t begin = transmitted();
  for (std::uint32_t i = 0; i < further_requests; ++i) {
    for (Script& script : all) {
      script.ask(measured_);
    }
  }
  transmitted_ = transmitted() - begin;
}

std::vector<Script> SplicedRun::scripts(std::uint32_t first, std::uint32_t connections, unsigned burst) {
  std::vector<Script> made;
  for (std::uint32_t next = 0; next < connections; next += burst) {
    made.emplace_back(*rig_, io_, first + next, std::min<std::uint32_t>(burst, connections - next));
  }
  return made;
}

std::uint64_t SplicedRun::transmitted() const noexcept {
  return rig_->state().counters.get(counters::Counter::transmitted);
}

void SplicedRun::feed(std::span<const Arrival> arrivals) noexcept {
  for (const Arrival& arrival : arrivals) {
    io_.load(arrival);
    path::turn(rig_->state(), rig_->plan(), io_, rig_->clock().now_ms());
  }
}

void SplicedRun::make_ready() {
  rig_.reset();
  rig_ = make_rig(cycles_per_ms_);
  feed(before_);
}

void SplicedRun::run() {
  const std::uint64_t begin = transmitted();
  feed(measured_);
  if (transmitted() - begin != transmitted_) {
    throw std::runtime_error(
        fmt::format("spliced connections: {} packets left, not {}", transmitted() - begin, transmitted_));
  }
}

void SplicedRun::run_source() noexcept {
  std::array<path::Packet, path::burst_max> packets;
  for (const Arrival& arrival : measured_) {
    io_.load(arrival);
    for (const path::Source from : io_.sources()) {
      if (const unsigned n = io_.receive(from, packets.data(), path::burst_max); n != 0) {
        io_.transmit({}, packets.data(), n);
      }
    }
  }
}

double SplicedRun::operator()() {
  make_ready();
  const double source = timed(cycles_per_ms_, [&] { run_source(); });
  return timed(cycles_per_ms_, [&] { run(); }) - source;
}

}  // namespace limpet::perf
