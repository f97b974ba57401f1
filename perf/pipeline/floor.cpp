#include "floor.hpp"

#include <fmt/format.h>

#include <unordered_map>

#include "cases.hpp"
#include "net/parsed.hpp"
#include "network.hpp"
#include "source.hpp"

namespace limpet::perf {
namespace {

struct TupleHash {
  std::size_t operator()(const Tuple& tuple) const noexcept {
    std::uint64_t words[2];
    std::memcpy(words, &tuple, sizeof words);
    const std::uint64_t mixed = (words[0] ^ words[1] * 0x9e3779b97f4a7c15ULL) * 0xd6e8feb86659fd93ULL;
    return static_cast<std::size_t>(mixed ^ (mixed >> 32));
  }
};

/// The least that a program which forwards can do: read each packet's first line, swap its MACs, send it.
void measure_macswap(const Options& options, Report& report) {
  Source source;
  Stream stream;
  stream.frame = make_template(net::Family::v4, Direction::in, net::tcp_flag::ack);
  stream.flows = 1000;
  source.start(stream, Source::fifo_size, options.burst);
  std::array<path::Packet, path::burst_max> packets;
  const std::uint64_t rate = cycles_per_ms();
  const auto run = [&](bool swap) {
    const Stint stint(rate);
    std::uint64_t done = 0;
    while (done < options.packets) {
      const unsigned n = source.receive({}, packets.data(), path::burst_max);
      for (unsigned i = 0; swap && i < n; ++i) {
        std::array<std::uint8_t, 12> macs;
        std::memcpy(macs.data(), packets[i].data, 12);
        std::memcpy(packets[i].data, macs.data() + 6, 6);
        std::memcpy(packets[i].data + 6, macs.data(), 6);
      }
      source.transmit({path::Outlet::port, 0}, packets.data(), n);
      done += n;
    }
    return stint.cycles() / static_cast<double>(done);
  };
  std::vector<double> samples;
  for (unsigned repeat = 0; repeat < options.repeats; ++repeat) {
    const double alone = run(false);
    samples.push_back(run(true) - alone);
  }
  report.add(figure("floor macswap", std::move(samples)));
}

void measure_unordered_map(const Options& options, Report& report, std::uint32_t flows) {
  const std::string name = fmt::format("floor unordered_map {}", count_text(flows));
  if (!wanted(options, name)) {
    return;
  }
  std::unordered_map<Tuple, std::uint32_t, TupleHash> map;
  map.reserve(flows);
  for (std::uint32_t flow = 0; flow < flows; ++flow) {
    map.emplace(tuple_of(flow), flow);
  }
  report.add(figure(name,
                    measure_look_up(options, flows,
                                    [&](const Tuples& tuples) {
                                      unsigned found = 0;
                                      for (const Tuple& tuple : tuples) {
                                        found += map.find(tuple) != map.end() ? 1u : 0u;
                                      }
                                      return found;
                                    }),
                    "look-up alone"));
}

}  // namespace

Tuple tuple_of(std::uint32_t flow) noexcept {
  return {0x0a000000u | client_of(flow), 0xc0000210u | vip_of(flow), client_port_of(flow), vip_port};
}

void measure_floor(const Options& options, Report& report) {
  report.heading("floor, net of the source");
  if (wanted(options, "floor macswap")) {
    measure_macswap(options, report);
  }
  measure_unordered_map(options, report, 1000);
  if (!options.quick) {
    measure_unordered_map(options, report, 1'000'000);
  }
}

}  // namespace limpet::perf
