// A set of table files, whole at first, with the input's bytes written over it: recovery refuses it, or makes whole
// tables of what is there. Input: byte 0: bit 0 signs the headers anew, bit 1 the names, bit 2 puts the entries into
// fresh tables; then pieces of file (1 byte), place (2) and size (1), and as many bytes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/assert.hpp"
#include "restart/names.hpp"
#include "restart/recover.hpp"

namespace {

using namespace limpet;
using namespace limpet::restart;

constexpr BootId boot = {1};
constexpr std::uint32_t backends_max = 16;
constexpr Millis now_ms = 1'000'000;
constexpr unsigned workers = 2;
const Geometry geometry = {{8, 8}, {8, 8}, workers, 7, splice::Table::bytes_needed(8)};
const Keys keys = {{1, 2}, {3, 4}, 7};

struct alignas(64) Line {
  std::byte bytes[64];
};

struct Set {
  Set() {
    plan::Slots slots(backends_max);
    for (plan::SlotMap* map : {&slots.listeners, &slots.backends, &slots.endpoints, &slots.scopes}) {
      map->acquire("one");
      map->acquire("two");
    }
    files.names = take(names_file_bytes(slots));
    files.records = take(records_file_bytes(geometry));
    for (unsigned i = 0; i < workers; ++i) {
      files.flows.push_back(take(flows_file_bytes(geometry)));
      files.spliced.push_back(take(spliced_file_bytes(geometry)));
    }
    LIMPET_ASSERT(begin(files, geometry, boot, 1, slots).has_value());
    set_alive(files.names, now_ms / 1000);
  }
  std::span<std::byte> take(std::size_t size_bytes) {
    memory.emplace_back((size_bytes + 63) / 64);
    return std::as_writable_bytes(std::span(memory.back())).first(size_bytes);
  }
  std::span<std::byte> file(unsigned index) {
    const auto& each = index < 2 + workers ? files.flows : files.spliced;
    return index == 0 ? files.names : index == 1 ? files.records : each[index % workers];
  }
  static constexpr unsigned count = 2 + 2 * workers;
  std::vector<std::vector<Line>> memory;
  Files files;
};

void sign_header(std::span<std::byte> file) {
  Header header{};
  std::memcpy(&header, file.data(), sizeof header);
  header.checksum = checksum(std::as_bytes(std::span(&header, 1)).first(offsetof(Header, checksum)));
  std::memcpy(file.data(), &header, sizeof header);
}

/// A right checksum for the half in force (names.hpp tells how it lies).
void sign_names(std::span<std::byte> area) {
  std::uint64_t version = 0, size = 0;
  std::memcpy(&version, area.data(), 8);
  const std::size_t half_bytes = (area.size() - 64) / 2 / 64 * 64;
  const auto half = area.subspan(64 + (version & 1) * half_bytes, half_bytes);
  std::memcpy(half.data(), &version, 8);
  std::memcpy(&size, half.data() + 8, 8);
  size = std::min<std::uint64_t>(size, half_bytes - 24);
  std::memcpy(half.data() + 8, &size, 8);
  const std::uint64_t sum = checksum(half.subspan(24, size));
  std::memcpy(half.data() + 16, &sum, 8);
}

void check(Tables& tables, const Report& report) {
  std::uint64_t records = 0, entries = 0;
  static_cast<void>(tables.records.walk({}, ~0u, [&](const record::Key& key, const record::Record& record) {
    ++records;
    const auto found = tables.records.find(key, tables.records.hash(key));
    LIMPET_ASSERT(found && *found == record && record.backend.value() < backends_max);
  }));
  LIMPET_ASSERT(records == report.records);
  for (flow::Table& flows : tables.flows) {
    flows.each([&](const auto& key, auto& entry) {
      ++entries;
      LIMPET_ASSERT(flows.find(key, flows.hash(key)) == &entry);
      LIMPET_ASSERT(key.direction == flow::Direction::back || entry.peer() < backends_max);
      return flow::Sweep::keep;
    });
  }
  LIMPET_ASSERT(entries == report.flow_entries);
  std::uint64_t spliced = 0;
  for (splice::Table& table : tables.spliced) {
    table.each([&](const splice::Entry& entry) {
      ++spliced;
      LIMPET_ASSERT(table.find(entry.key()) == &entry && entry.phase == splice::Phase::spliced);
    });
  }
  LIMPET_ASSERT(spliced == report.spliced);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  Set set;
  for (std::size_t at = 1; at + 4 <= size;) {
    const auto file = set.file(data[at] % Set::count);
    const std::size_t place = (std::size_t{data[at + 1]} << 8 | data[at + 2]) % file.size();
    const std::size_t bytes = std::min({std::size_t{data[at + 3]}, size - at - 4, file.size() - place});
    std::memcpy(file.data() + place, data + at + 4, bytes);
    at += 4 + bytes;
  }
  for (unsigned i = 0; (data[0] & 1) != 0 && i < Set::count; ++i) {
    sign_header(set.file(i));
  }
  if ((data[0] & 2) != 0) {
    sign_names(set.files.names.subspan(header_bytes));
  }
  const auto old = read(set.files, boot, backends_max);
  if (!old) {
    return 0;
  }
  if ((data[0] & 4) == 0 && old->geometry == geometry) {
    Tables tables = tables_in(set.files, geometry, keys).value();
    check(tables, adopt(tables, *old, now_ms));
    return 0;
  }
  Set fresh;
  Tables tables = tables_in(fresh.files, geometry, keys).value();
  check(tables, refill({tables, fresh.files, geometry}, set.files, *old, hash::Owner(workers), now_ms).value());
  return 0;
}
