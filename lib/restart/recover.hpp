// Flows and records of a process that ended, made the tables of this one: as they lie, where sizes, workers and secret
// are the same; else each valid entry is put anew into fresh tables. The files may hold anything. Before workers start,
// main thread (and whoever moves a replayed node's clock).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "flow/recovery.hpp"
#include "hash/owner.hpp"
#include "hash/secret.hpp"
#include "plan/slot_map.hpp"
#include "record/recovery.hpp"
#include "restart/header.hpp"
#include "splice/table.hpp"

namespace limpet::restart {

/// The files of one set, header and all.
struct Files {
  std::span<std::byte> names, records;
  std::vector<std::span<std::byte>> flows;    // by worker
  std::vector<std::span<std::byte>> spliced;  // likewise; or none
};

/// Derived from the node's secret.
struct Keys {
  hash::Key records, flows;
  std::uint64_t id = 0;
};
[[nodiscard]] Keys keys_of(const hash::Secret& secret);

/// Bytes of the files, headers included.
[[nodiscard]] std::size_t records_file_bytes(const Geometry& geometry) noexcept;
[[nodiscard]] std::size_t flows_file_bytes(const Geometry& geometry) noexcept;
[[nodiscard]] std::size_t spliced_file_bytes(const Geometry& geometry) noexcept;
[[nodiscard]] std::size_t names_file_bytes(const plan::Slots& slots);

/// What a set of files says about itself.
struct Old {
  std::uint32_t layout = 0;
  Geometry geometry;
  std::uint64_t set_id = 0;
  std::uint64_t alive_s = 0;
  plan::Slots slots;
};

/// An error names the file and what is wrong with it: none of the set can be used.
[[nodiscard]] Result<Old> read(const Files& files, const BootId& boot, std::uint32_t backends_max);

/// Signs zeroed files of the right sizes, and writes the names.
[[nodiscard]] Result<void> begin(const Files& files, const Geometry& geometry, const BootId& boot, std::uint64_t set_id,
                                 const plan::Slots& slots);

/// The names of a set in a larger file, zeroed, that takes the place of `old_names`.
void begin_larger_names(std::span<std::byte> larger, std::span<const std::byte> old_names, const plan::Slots& slots);

struct Tables {
  record::Table records;
  std::vector<flow::Table> flows;      // by worker
  std::vector<splice::Table> spliced;  // likewise; or none
};
/// Views on the files' memory, with nothing looked at. Of an older layout: to be read only.
[[nodiscard]] Result<Tables> tables_in(const Files& files, const Geometry& geometry, const Keys& keys,
                                       std::uint32_t layout = layout_now);

struct Report {
  std::uint64_t records = 0, records_dropped = 0;
  std::uint64_t flow_entries = 0, flow_entries_dropped = 0;  // a NAT flow has two
  std::uint64_t spliced = 0;                                 // what spliced flows' sides differ by
};

/// `tables` are views on the very files that `old` was read of, with the same geometry and the present layout.
Report adopt(Tables& tables, const Old& old, Millis now_ms);

/// Fresh tables and what they lie in.
struct Fresh {
  Tables& tables;
  const Files& files;
  const Geometry& geometry;
};
/// Puts the valid entries of `files` into fresh tables, each flow to its client's owner.
[[nodiscard]] Result<Report> refill(const Fresh& fresh, const Files& files, const Old& old, const hash::Owner& owner,
                                    Millis now_ms);

}  // namespace limpet::restart
