#include "worker/recovery.hpp"

#include <optional>

#include "restart/names.hpp"

namespace limpet::worker {
namespace {

struct Before {
  restart::Files files;
  restart::Old old;
};

/// The set in force, if it can be read.
std::optional<Before> look(Tables& tables, std::uint32_t backends_max, std::vector<std::string>& notes) {
  auto files = tables.old_files();
  if (files && !*files) {
    return std::nullopt;
  }
  std::string why = files ? "" : files.error().text;
  if (files) {
    if (auto old = restart::read(**files, restart::boot_id(), backends_max)) {
      return Before{std::move(**files), std::move(*old)};
    } else {
      why = old.error().text;
    }
    tables.unmap(**files);
  }
  notes.push_back(
      fmt::format("the flows and records of before cannot be used: {}; they are set aside as {}, all starts "
                  "empty",
                  why, tables.set_aside()));
  return std::nullopt;
}

std::string told(const restart::Report& report, bool as_they_lie) {
  return fmt::format("{} records and {} flow entries of before go on{}; {} and {} were over or damaged", report.records,
                     report.flow_entries, as_they_lie ? "" : ", put into new tables", report.records_dropped,
                     report.flow_entries_dropped);
}

}  // namespace

Result<Recovered> recover(Tables& tables, const Wanted& wanted, const hash::Secret& secret, const hash::Owner& owner,
                          Millis now_ms) {
  const restart::Keys keys = restart::keys_of(secret);
  std::vector<std::string> notes;
  auto before = look(tables, wanted.backends_max, notes);
  const bool splices = wanted.splices || (before && before->old.geometry.spliced_bytes != 0);
  const restart::Geometry geometry{wanted.records, wanted.flows, static_cast<std::uint32_t>(wanted.nodes.size()),
                                   keys.id, splices ? wanted.spliced_bytes : 0};
  const bool as_they_lie = before && before->old.layout == restart::layout_now && before->old.geometry == geometry;
  plan::Slots slots = before ? before->old.slots : plan::Slots(wanted.backends_max);
  restart::Files files;
  if (as_they_lie) {
    files = before->files;
  } else {
    auto made =
        tables.make_files(geometry, restart::names_file_bytes(slots), wanted.nodes, before ? &before->files : nullptr);
    if (!made) {
      return tl::unexpected(made.error());
    }
    files = *made;
    const std::uint64_t set_id = (before ? before->old.set_id : 0) + 1;
    if (auto begun = restart::begin(files, geometry, restart::boot_id(), set_id, slots); !begun) {
      return tl::unexpected(begun.error());
    }
  }
  auto views = restart::tables_in(files, geometry, keys);
  if (!views) {
    return tl::unexpected(views.error());
  }
  if (as_they_lie) {
    notes.push_back(told(restart::adopt(*views, before->old, now_ms), true));
  } else if (before) {
    auto report = restart::refill({*views, files, geometry}, before->files, before->old, owner, now_ms);
    if (!report) {
      return tl::unexpected(report.error());
    }
    notes.push_back(told(*report, false));
    tables.unmap(before->files);
  }
  restart::set_alive(files.names, now_ms / 1000);
  if (!as_they_lie) {
    if (auto put = tables.put_in_force(); !put) {
      return tl::unexpected(put.error());
    }
  }
  return Recovered{std::move(files), std::move(*views), std::move(slots), std::move(notes)};
}

Result<void> save_slots(Tables& tables, std::span<std::byte>& names, const plan::Slots& slots) {
  if (restart::write_names(names.subspan(restart::header_bytes), slots)) {
    return {};
  }
  auto larger = tables.replace_names(restart::names_file_bytes(slots), [&](std::span<std::byte> fresh) {
    restart::begin_larger_names(fresh, names, slots);
  });
  if (!larger) {
    return tl::unexpected(larger.error());
  }
  tables.unmap(names);
  names = *larger;
  return {};
}

}  // namespace limpet::worker
