#include "flow/table.hpp"

#include <algorithm>

namespace limpet::flow {
namespace {

constexpr std::uint64_t embryonic_part = 16;
constexpr std::uint64_t buckets_max = std::uint64_t{1} << 32;
constexpr std::uint64_t entries_a_bucket = Share<NarrowKey>::bucket_entries;

constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) {
  return value / unit + (value % unit != 0);
}

struct Buckets {
  std::uint64_t live, embryonic;
};

constexpr Buckets buckets_for(std::uint64_t entries, std::uint16_t embryonic_permille) {
  const std::uint64_t live = std::max<std::uint64_t>(1, round_up(entries, entries_a_bucket));
  const std::uint64_t permille = std::min<std::uint64_t>(embryonic_permille, 1000);
  return {live, permille == 0 ? round_up(live, embryonic_part)
                              : live / 1000 * permille + round_up(live % 1000 * permille, 1000)};
}
constexpr Buckets narrow_buckets(const Sizes& sizes) {
  return buckets_for(sizes.narrow_entries, sizes.embryonic_permille);
}
constexpr Buckets wide_buckets(const Sizes& sizes) {
  return buckets_for(sizes.wide_entries, sizes.embryonic_permille);
}

template <class Key>
constexpr std::size_t bytes_of(Buckets buckets) {
  return (buckets.live + buckets.embryonic) * sizeof(typename Share<Key>::Bucket);
}

}  // namespace

Sizes sizes_for(std::uint64_t flows_max, std::uint64_t embryonic_max) noexcept {
  const std::uint64_t narrow = round_up(flows_max * 5, 2), wide = round_up(flows_max * 4, 7);  // see advertised()
  const std::uint64_t permille = flows_max == 0 ? 0 : round_up(embryonic_max * 1000, flows_max);
  return {narrow, wide, static_cast<std::uint16_t>(std::min<std::uint64_t>(permille, 1000))};
}

std::size_t Table::bytes_needed(Sizes sizes) noexcept {
  return bytes_of<NarrowKey>(narrow_buckets(sizes)) + bytes_of<WideKey>(wide_buckets(sizes));
}

bool Table::possible(Sizes sizes) noexcept {
  return narrow_buckets(sizes).live < buckets_max && wide_buckets(sizes).live < buckets_max;
}

Result<Table> Table::create(std::span<std::byte> memory, Sizes sizes, hash::Key seed) {
  const Buckets narrow = narrow_buckets(sizes);
  const Buckets wide = wide_buckets(sizes);
  if (!possible(sizes)) {
    return fail("flow table of {} and {} entries: at most {} of each", sizes.narrow_entries, sizes.wide_entries,
                buckets_max * entries_a_bucket - entries_a_bucket);
  }
  if (memory.size() < bytes_needed(sizes)) {
    return fail("flow table needs {} bytes of memory, {} given", bytes_needed(sizes), memory.size());
  }
  if (reinterpret_cast<std::uintptr_t>(memory.data()) % 64 != 0) {
    return fail("memory of a flow table must begin at a multiple of 64 bytes");
  }
  Table table;
  std::byte* at = memory.data();
  const auto take = [&]<class Key>(Share<Key>& share, std::uint64_t buckets) {
    share = Share<Key>(at, buckets, seed);
    at += buckets * sizeof(typename Share<Key>::Bucket);
  };
  take(table.narrow_, narrow.live);
  take(table.narrow_embryonic_, narrow.embryonic);
  take(table.wide_, wide.live);
  take(table.wide_embryonic_, wide.embryonic);
  table.seed_ = seed;
  return table;
}

Stats Table::stats() const noexcept {
  const std::uint64_t size_bytes =
      (narrow_.buckets() + narrow_embryonic_.buckets()) * sizeof(Share<NarrowKey>::Bucket) +
      (wide_.buckets() + wide_embryonic_.buckets()) * sizeof(Share<WideKey>::Bucket);
  return {narrow_.entries(),
          wide_.entries(),
          narrow_embryonic_.entries() + wide_embryonic_.entries(),
          embryonic_evicted_,
          narrow_.buckets() * entries_a_bucket,
          wide_.buckets() * entries_a_bucket,
          size_bytes};
}

std::array<ShareStats, 4> Table::shares() const noexcept {
  const auto of = []<class Key>(const Share<Key>& share, bool embryonic) {
    return ShareStats{std::is_same_v<Key, WideKey>, embryonic, share.entries(), share.buckets() * entries_a_bucket,
                      share.buckets() * sizeof(typename Share<Key>::Bucket)};
  };
  return {of(narrow_, false), of(narrow_embryonic_, true), of(wide_, false), of(wide_embryonic_, true)};
}

}  // namespace limpet::flow
