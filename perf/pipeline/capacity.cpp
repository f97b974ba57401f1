// Bytes that a flow and a record take. A table is made by the rules of the daemon's and filled as far as advertised;
// its bytes are shared out among those that found room.
#include "cases.hpp"
#include "flow/table.hpp"
#include "hash/secret.hpp"
#include "memory.hpp"
#include "record/table.hpp"
#include "splice/table.hpp"
#include "traffic.hpp"

namespace limpet::perf {
namespace {

constexpr std::uint32_t flows_max = 1'000'000;

hash::Key seed() {
  return hash::derive_key(hash::fixed_secret(), "capacity");
}

net::IpAddress client_v6(std::uint32_t n) {
  std::uint8_t bytes[16] = {0x20, 0x01, 0x0d, 0xb8};
  store_be<std::uint32_t>(bytes + 4, n);
  bytes[15] = 1;
  return net::IpAddress::v6(bytes);
}

template <class Key>
Key key_of(std::uint32_t n, flow::Direction direction);
template <>
flow::NarrowKey key_of(std::uint32_t n, flow::Direction direction) {
  return {0x0a000000u | client_of(n), client_port_of(n, first_port(0)), 1, direction};
}
template <>
flow::WideKey key_of(std::uint32_t n, flow::Direction direction) {
  return {client_v6(n), client_v6(1), client_port_of(n, first_port(0)), 0, 1, direction};
}

/// Bytes a flow of one width, all shares of it included, when `flows` flows of `entries_a_flow` entries are there.
template <class Key>
double bytes_a_flow(unsigned entries_a_flow) {
  constexpr bool wide = std::is_same_v<Key, flow::WideKey>;
  const flow::Sizes sizes = flow::sizes_for(flows_max);
  const std::uint64_t entries = wide ? sizes.wide_entries : sizes.narrow_entries;
  const auto flows = static_cast<std::uint32_t>(flow::advertised(wide, entries) / entries_a_flow);
  const HugeMemory memory(flow::Table::bytes_needed(sizes));
  auto table = flow::Table::create(memory.bytes(), sizes, seed());
  std::uint32_t fit = 0;
  for (std::uint32_t n = 0; n < flows; ++n) {
    unsigned entries_in = 0;
    for (unsigned i = 0; i < entries_a_flow; ++i) {
      const Key key = key_of<Key>(n, i == 0 ? flow::Direction::forward : flow::Direction::back);
      const auto* entry = table->insert(key, table->hash(key), {1, flow::State::established, 0, {}});
      entries_in += entry != nullptr ? 1u : 0u;
    }
    fit += entries_in == entries_a_flow ? 1u : 0u;
  }
  std::uint64_t size_bytes = 0;
  for (const flow::ShareStats& share : table->shares()) {
    size_bytes += share.wide == wide ? share.size_bytes : 0;
  }
  return static_cast<double>(size_bytes) / fit;
}

/// Bytes of what joins a flow's two sides.
double bytes_a_joint() {
  const HugeMemory memory(splice::Table::bytes_needed(flows_max));
  splice::Table table(memory.bytes(), seed());
  std::uint32_t fit = 0;
  for (std::uint32_t n = 0; n < flows_max; ++n) {
    fit += table.insert({client_v6(n), client_port_of(n, first_port(0)), 1}) != nullptr ? 1u : 0u;
  }
  return static_cast<double>(splice::Table::bytes_needed(flows_max)) / fit;
}

double bytes_a_record(bool wide) {
  const record::Sizes sizes = {wide ? 0u : flows_max, wide ? flows_max : 0u};
  const HugeMemory memory(record::Table::bytes_needed(sizes));
  auto table = record::Table::create(memory.bytes(), sizes, seed());
  std::uint32_t fit = 0;
  for (std::uint32_t n = 0; n < flows_max; ++n) {
    const record::Key key = record::source_key(client_v6(n), 32, wide ? 128 : 64, 1);
    const record::Claim claim = table->claim(key, table->hash(key), BackendSlot(1), 1, record::Share::live);
    fit += claim.outcome == record::Outcome::claimed ? 1u : 0u;
  }
  return static_cast<double>(table->stats().size_bytes) / fit;
}

}  // namespace

void measure_memory(const Options& options, Report& report) {
  const auto add = [&](const char* name, auto&& bytes) {
    if (wanted(options, name)) {
      report.add(figure(name, std::vector<double>{bytes()}, "bytes"));
    }
  };
  add("memory.flow_v4_dr", [] { return bytes_a_flow<flow::NarrowKey>(1); });
  add("memory.flow_v4_nat", [] { return bytes_a_flow<flow::NarrowKey>(2); });
  add("memory.flow_v6_dr", [] { return bytes_a_flow<flow::WideKey>(1); });
  add("memory.flow_v6_nat", [] { return bytes_a_flow<flow::WideKey>(2); });
  add("memory.flow_spliced_v4", [] { return bytes_a_flow<flow::NarrowKey>(2) + bytes_a_joint(); });
  add("memory.flow_spliced_v6", [] { return bytes_a_flow<flow::WideKey>(2) + bytes_a_joint(); });
  add("memory.record_narrow", [] { return bytes_a_record(false); });
  add("memory.record_wide", [] { return bytes_a_record(true); });
}

}  // namespace limpet::perf
