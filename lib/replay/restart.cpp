// A node in memory over a kill and a start: the same recovery as limpetd's, on memory instead of files.

#include "path/recount.hpp"
#include "replay/node.hpp"
#include "restart/names.hpp"

namespace limpet::replay {
namespace {

const restart::BootId& boot() {
  static const restart::BootId id = restart::boot_id();
  return id;
}

}  // namespace

std::span<std::byte> Node::take(std::size_t size_bytes) {
  memory_.emplace_back(size_bytes);
  return memory_.back().bytes();
}

restart::Geometry Node::wanted_geometry() const {
  return {record::sizes_for(options_.records_max), flow::sizes_for(options_.flows_max), options_.workers,
          restart::keys_of(secret_).id, splice::Table::bytes_needed(options_.limits.spliced_max)};
}

/// Fresh tables for this node's options and slots.
Result<void> Node::make_tables() {
  const restart::Keys keys = restart::keys_of(secret_);
  geometry_ = wanted_geometry();
  if (!record::Table::possible(geometry_.records) || !flow::Table::possible(geometry_.flows)) {
    return fail("tables of {} records and {} flows cannot be", options_.records_max, options_.flows_max);
  }
  files_.names = take(restart::names_file_bytes(slots_));
  files_.records = take(restart::records_file_bytes(geometry_));
  for (unsigned i = 0; i < options_.workers; ++i) {
    files_.flows.push_back(take(restart::flows_file_bytes(geometry_)));
  }
  for (unsigned i = 0; i < options_.workers; ++i) {
    files_.spliced.push_back(take(restart::spliced_file_bytes(geometry_)));
  }
  if (auto begun = restart::begin(files_, geometry_, boot(), 1, slots_); !begun) {
    return begun;
  }
  restart::set_alive(files_.names, now_ms_ / 1000);
  auto tables = restart::tables_in(files_, geometry_, keys);
  if (!tables) {
    return tl::unexpected(tables.error());
  }
  tables_.emplace(std::move(*tables));
  return {};
}

/// As the names' file of limpetd: in another place when it has become too small.
void Node::save_slots() {
  if (restart::write_names(files_.names.subspan(restart::header_bytes), slots_)) {
    return;
  }
  const auto larger = take(restart::names_file_bytes(slots_));
  restart::begin_larger_names(larger, files_.names, slots_);
  files_.names = larger;
}

Result<void> Node::take_over(Node& killed) {
  auto old = restart::read(killed.files_, boot(), plan::backend_slots_default);
  if (!old) {
    return tl::unexpected(old.error());
  }
  const restart::Geometry wanted = wanted_geometry();
  slots_ = old->slots;
  if (old->geometry == wanted) {
    geometry_ = wanted;
    memory_ = std::move(killed.memory_);
    files_ = killed.files_;
    tables_.emplace(restart::tables_in(files_, geometry_, restart::keys_of(secret_)).value());
    recovered_ = restart::adopt(*tables_, *old, now_ms_);
    return {};
  }
  if (auto made = make_tables(); !made) {
    return made;
  }
  auto report = restart::refill({*tables_, files_, geometry_}, killed.files_, *old, owner_, now_ms_);
  if (!report) {
    return tl::unexpected(report.error());
  }
  recovered_ = *report;
  return {};
}

Result<std::unique_ptr<Node>> Node::restart(std::unique_ptr<Node> killed, const model::Model& model,
                                            const Options& options) {
  Options from_now = options;
  from_now.start_ms = killed->now_ms_;
  std::unique_ptr<Node> node(new Node(killed->secret_, from_now));
  if (auto taken = node->take_over(*killed); !taken) {
    return tl::unexpected(taken.error());
  }
  for (const auto& [name, known] : killed->known_backends_) {
    const auto before = killed->slots_.backends.find(name);
    const auto now = node->slots_.backends.find(name);
    if (before && now) {
      const auto& from = killed->backends_[BackendSlot(*before)];
      auto& to = node->backends_[BackendSlot(*now)];
      to.admin.store(from.admin.load(std::memory_order_relaxed), std::memory_order_relaxed);
      to.health.store(from.health.load(std::memory_order_relaxed), std::memory_order_relaxed);
      node->known_backends_.emplace(name, known);
    }
  }
  node->build();
  if (auto applied = node->apply(model); !applied) {
    return tl::unexpected(applied.error());
  }
  for (const auto& worker : node->workers_) {
    path::recount(*worker->state, *node->plan_);
  }
  return node;
}

}  // namespace limpet::replay
