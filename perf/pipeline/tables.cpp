// The flow and the record table alone, each beside rte_hash.
#include <fmt/format.h>

#include <optional>
#include <stdexcept>

#include "cases.hpp"
#include "floor.hpp"
#include "flow/table.hpp"
#include "hash/secret.hpp"
#include "record/table.hpp"
#include "traffic.hpp"

namespace limpet::perf {
namespace {

template <class T>
T value_or_throw(Result<T> result) {
  if (!result) {
    throw std::runtime_error(result.error().text);
  }
  return std::move(*result);
}

hash::Key seed(const char* purpose) {
  return hash::derive_key(hash::fixed_secret(), purpose);
}

net::IpAddress client_v4(std::uint32_t flow) {
  return net::IpAddress::v4(0x0a000000u | client_of(flow));
}

/// N flows in a table made for them.
class FlowTable {
 public:
  explicit FlowTable(std::uint32_t flows)
      : flows_(flows),
        sizes_{std::uint64_t{flows} * 5 / 4, 1},
        memory_(flow::Table::bytes_needed(sizes_)),
        table_(value_or_throw(flow::Table::create(memory_.bytes(), sizes_, seed("flow table")))) {
    for (std::uint32_t flow = 0; flow < flows; ++flow) {
      const flow::NarrowKey key = key_of(flow);
      if (table_.insert(key, table_.hash(key), {flow % 8, flow::State::established, 0, {}}) == nullptr) {
        throw std::runtime_error("flow table: no room");
      }
    }
  }
  double look_up(std::uint64_t rate, std::uint64_t count) {
    return net_of_making<flow::NarrowKey>(rate, count, random_, flows_, key_of,
                                          [&](const auto& keys) { return found_of(keys); });
  }

 private:
  /// As the path looks up a burst: the first choice of all, then the second of those that were not there.
  unsigned found_of(const std::array<flow::NarrowKey, look_ups_at_once>& keys) const noexcept {
    const auto& share = table_.live_share<flow::NarrowKey>();
    std::array<flow::NarrowEntry::Pattern, look_ups_at_once> patterns;
    std::array<std::uint64_t, look_ups_at_once> hashes;
    for (unsigned i = 0; i < look_ups_at_once; ++i) {
      patterns[i] = flow::NarrowEntry::pattern(keys[i]);
      hashes[i] = table_.hash(keys[i]);
      share.prefetch(share.first(hashes[i]));
    }
    std::array<unsigned, look_ups_at_once> later;
    unsigned later_count = 0;
    for (unsigned i = 0; i < look_ups_at_once; ++i) {
      if (share.find_in(share.first(hashes[i]), patterns[i]) == nullptr) {
        share.prefetch(share.second(hashes[i]));
        later[later_count++] = i;
      }
    }
    unsigned found = look_ups_at_once - later_count;
    for (unsigned i = 0; i < later_count; ++i) {
      found += share.find_in(share.second(hashes[later[i]]), patterns[later[i]]) != nullptr ? 1u : 0u;
    }
    return found;
  }
  static flow::NarrowKey key_of(std::uint32_t flow) noexcept {
    return {0x0a000000u | client_of(flow), client_port_of(flow, first_port(0)), service_of(flow, 16),
            flow::Direction::forward};
  }
  std::uint32_t flows_;
  flow::Sizes sizes_;
  HugeMemory memory_;
  flow::Table table_;
  Random random_;
};

/// N lasting records in a table with room for a quarter more.
class RecordTable {
 public:
  explicit RecordTable(std::uint32_t records)
      : records_(records),
        sizes_{std::uint64_t{records} * 5 / 4, 1},
        memory_(record::Table::bytes_needed(sizes_)),
        table_(value_or_throw(record::Table::create(memory_.bytes(), sizes_, seed("record table")))) {
    for (std::uint32_t n = 0; n < records; ++n) {
      claim(key_of(n), record::Share::live);
    }
  }
  double look_up(std::uint64_t rate, std::uint64_t count) {
    return net_of_making<record::Key>(rate, count, random_, records_, key_of, [&](const auto& keys) {
      std::array<std::uint64_t, look_ups_at_once> hashes;
      for (unsigned i = 0; i < look_ups_at_once; ++i) {  // as the path looks up those of first packets
        hashes[i] = table_.hash(keys[i]);
        table_.prefetch_lasting(hashes[i]);
      }
      for (const std::uint64_t hash : hashes) {
        table_.prefetch_lasting_further(hash);
      }
      unsigned found = 0;
      for (unsigned i = 0; i < look_ups_at_once; ++i) {
        found += table_.find_lasting(keys[i], hashes[i]).has_value() ? 1u : 0u;
      }
      return found;
    });
  }
  /// Cycles of `count` claims at first contact; they are gone afterwards.
  double claim_new(std::uint64_t rate, std::uint64_t count) {
    const auto each = [&](auto&& f) {
      for (std::uint64_t i = 0; i < count; ++i) {
        f(key_of(static_cast<std::uint32_t>(records_ + (next_ + i) % (clients_max - records_))));
      }
    };
    const double making = timed(rate, [&] { each([](const record::Key& key) { asm volatile("" : : "m"(key)); }); });
    const double all =
        timed(rate, [&] { each([&](const record::Key& key) { claim(key, record::Share::provisional); }); });
    each([&](const record::Key& key) { table_.erase(key, table_.hash(key)); });
    next_ += count;
    return all - making;
  }
  /// Claims that the provisional share is sure to hold at once.
  [[nodiscard]] std::uint64_t claims_max() const {
    std::uint64_t most = 0;
    for (const record::ShareStats& share : table_.shares()) {
      most = std::max(most, share.provisional ? share.capacity * 3 / 5 : 0);
    }
    return most;
  }

 private:
  static record::Key key_of(std::uint32_t n) noexcept { return record::source_key(client_v4(n), 32, 64, 1); }
  void claim(const record::Key& key, record::Share share) {
    if (table_.claim(key, table_.hash(key), BackendSlot(1), 1, share).outcome != record::Outcome::claimed) {
      throw std::runtime_error("record table: no room");
    }
  }
  std::uint32_t records_;
  record::Sizes sizes_;
  HugeMemory memory_;
  record::Table table_;
  Random random_;
  std::uint64_t next_ = 0;
};

}  // namespace

void measure_tables(const Options& options, Report& report) {
  const std::uint64_t rate = cycles_per_ms();
  constexpr std::uint64_t any = ~std::uint64_t{0};
  for (const std::uint32_t flows : {1000u, 1'000'000u, 10'000'000u}) {
    if (const std::string name = "flow.lookup." + count_text(flows); wanted(options, name)) {
      FlowTable ours(flows);
      Floor<Tuple> floor(rate, flows);
      report.add(figure(name, race(
                                  options, any, [&](auto n) { return ours.look_up(rate, n); },
                                  [&](auto n) { return floor.look_up(n); })));
    }
    if (const std::string name = "record.lookup." + count_text(flows); wanted(options, name)) {
      RecordTable ours(flows);
      Floor<Tuple> floor(rate, flows, 0, Readers::lock_free);
      report.add(figure(name, race(
                                  options, any, [&](auto n) { return ours.look_up(rate, n); },
                                  [&](auto n) { return floor.look_up(n); })));
    }
  }
  if (wanted(options, "record.claim")) {
    RecordTable ours(1'000'000);
    Floor<Tuple> floor(rate, 1'000'000, static_cast<std::uint32_t>(ours.claims_max()), Readers::lock_free);
    report.add(figure("record.claim", race(
                                          options, ours.claims_max(), [&](auto n) { return ours.claim_new(rate, n); },
                                          [&](auto n) { return floor.add_new(n); })));
  }
}

}  // namespace limpet::perf
