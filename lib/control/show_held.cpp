// show held: connections that wait for their client's words or for a backend. Workers are asked, a bounded number of
// places a turn.
#include "control/worker_listing.hpp"
#include "path/owned.hpp"

namespace limpet::control {
namespace {

using api::Json;
using splice::Phase;

constexpr std::uint32_t places_a_turn = 256;

/// How much waits.
struct HeldTotals {
  std::uint64_t connections = 0, connections_max = 0;
  std::uint64_t packets = 0, packets_max = 0;
};

struct HeldRow {
  TablePlace place;
  splice::ConnectionKey key;
  Phase phase = Phase::open;
  std::array<BackendSlot, 3> tried;
  std::uint8_t tried_count = 0;
  bool for_backend = false;  // ... that is down
  std::uint16_t packets = 0;
  std::uint32_t bytes = 0, owned_bytes = 0;
  Millis waited_ms = 0, left_ms = 0;
};

/// Some of a worker's connections, or with `only_totals` none. Allocates nothing in the worker.
class HeldSlice : public Slice<HeldRow> {
 public:
  HeldSlice() { rows.reserve(places_a_turn); }
  void run(path::State& state, const plan::Plan&) noexcept override {
    rows.clear();
    const path::AwaitedConnections& all = state.awaited;
    totals = {all.count(), all.capacity(), all.held(), all.held_max()};
    if (only_totals) {
      return;
    }
    const auto first = static_cast<std::uint32_t>(std::min<std::uint64_t>(from, all.capacity()));
    from =
        all.walk(first, places_a_turn, [&](std::uint32_t index, const path::Awaited& one) { add(state, index, one); });
    at_end = from == all.capacity();
  }
  bool only_totals = false;
  HeldTotals totals;

 private:
  void add(path::State& state, std::uint32_t index, const path::Awaited& one) noexcept {
    const splice::Entry* const entry = state.spliced.find(one.key);
    if (!path::belongs(state, entry, one)) {
      return;
    }
    HeldRow row{.place = {index, 1},
                .key = one.key,
                .phase = entry->phase,
                .tried = one.tried,
                .tried_count = one.tried_count,
                .for_backend = one.waits_for_backend,
                .packets = one.held,
                .waited_ms = now_ms - std::min(one.opened_ms, now_ms),
                .left_ms = one.late_ms - std::min(one.late_ms, now_ms)};
    state.awaited.each_held(one, [&](const path::Packet&, const path::Segment& segment) {
      row.bytes += segment.size;
      row.owned_bytes += state.awaited.is_owned(one, segment.sequence) ? segment.size : 0;
    });
    rows.push_back(row);
  }
};

std::string_view waits_for(const HeldRow& row) {
  if (row.phase == Phase::open) {
    return row.for_backend ? "backend" : "data";
  }
  return row.phase == Phase::connecting ? "backend" : "acknowledgment";
}

class HeldJob : public WorkerListing<HeldSlice, HeldRow> {
 public:
  using WorkerListing::WorkerListing;

  bool step() override {
    if (counted_all_) {
      return WorkerListing::step();
    }
    const auto is = state();
    if (is == State::waiting) {
      return false;
    }
    if (is == State::answered) {
      add_totals(task().totals);
      counted_all_ = next_ == last();
      ++next_;
    }
    task().only_totals = !counted_all_;
    if (counted_all_) {
      return WorkerListing::step();
    }
    ask(next_);
    return false;
  }
  bool start(std::optional<unsigned> only) {
    if (!WorkerListing::start(only)) {
      return false;
    }
    next_ = only.value_or(0);
    return true;
  }

 private:
  [[nodiscard]] Json json(const HeldRow& row) const override {
    const auto& plan = context_.configuration.plan();
    const auto* listener = plan.listener(ListenerSlot(row.key.listener));
    Json tried = Json::array();
    for (const BackendSlot slot : std::span(row.tried).first(row.tried_count)) {
      tried.push_back(context_.configuration.slots().backends.name(slot.value()));
    }
    const bool is_open = row.phase == Phase::open;
    return {{"worker", worker()},
            {"service", listener == nullptr ? "" : plan.service_of(*listener).name},
            {"client", net::Endpoint{row.key.client, row.key.client_port}.text()},
            {"waits_for", waits_for(row)},
            {"backend", is_open || tried.empty() ? Json(nullptr) : Json(tried.back())},
            {"packets", row.packets},
            {"bytes", row.bytes},
            {"owned_bytes", row.owned_bytes},
            {"waited_ms", row.waited_ms},
            {"left_ms", is_open ? Json(row.left_ms) : Json(nullptr)},
            {"tried", std::move(tried)}};
  }
  [[nodiscard]] Json finish(Listing& listing) override {
    Json reply = listing.finish();
    reply["totals"] = {{"connections", totals_.connections},
                       {"connections_max", totals_.connections_max},
                       {"packets", totals_.packets},
                       {"packets_max", totals_.packets_max}};
    return reply;
  }
  void add_totals(const HeldTotals& of) {
    totals_.connections += of.connections;
    totals_.connections_max += of.connections_max;
    totals_.packets += of.packets;
    totals_.packets_max += of.packets_max;
  }

  HeldTotals totals_;
  unsigned next_ = 0;  // worker to be asked how much waits
  bool counted_all_ = false;
};

}  // namespace

void add_held_command(api::Dispatcher& dispatcher, Context& context) {
  dispatcher.on_later("show.held", [&context](const Json& params, const Done& done) {
    list_by_worker<HeldJob>("show.held", context, params, done);
  });
}

}  // namespace limpet::control
