// show flows: workers are asked, a bounded number of buckets a turn.
#include <array>

#include "control/worker_listing.hpp"
#include "path/flow_keys.hpp"

namespace limpet::control {
namespace {

using api::Json;

constexpr unsigned flow_buckets_a_turn = 256;
constexpr std::size_t flow_rows_a_turn = 1024;
constexpr std::size_t bucket_entries_max = 16;

struct FlowRow {
  TablePlace place;
  ListenerSlot listener;
  path::Connection connection;
  net::Endpoint seen;
  BackendSlot backend;
  flow::State state = flow::State::embryonic;
  std::uint16_t idle_s = 0;
};

/// Forward flows of some buckets. Allocates nothing in the worker.
class FlowSlice : public Slice<FlowRow> {
 public:
  FlowSlice() { rows.reserve(flow_rows_a_turn); }
  void run(path::State& state, const plan::Plan& plan) noexcept override {
    rows.clear();
    const Tick16 now(now_ms);
    flow::Cursor cursor{from};
    for (unsigned i = 0;
         !cursor.done && i < flow_buckets_a_turn && rows.size() + bucket_entries_max <= flow_rows_a_turn; ++i) {
      const std::uint64_t bucket = cursor.bucket;
      unsigned index = 0;
      cursor = state.flows.walk(cursor, 1, [&](const auto& key, const auto& entry) {
        const plan::Listener* listener = plan.listener(ListenerSlot(key.slot));
        if (key.direction == flow::Direction::forward && listener != nullptr && rows.size() < flow_rows_a_turn) {
          const std::uint16_t age = entry.used().age(now);
          rows.push_back({{bucket, ++index},
                          listener->slot,
                          path::connection_of(*listener, key),
                          path::seen_of(entry),
                          BackendSlot(entry.peer()),
                          entry.state(),
                          age > flow_timeout_max_ms / 1000 + 60 ? std::uint16_t{0} : age});  // used after now_ms
        }
      });
    }
    from = cursor.bucket;
    at_end = cursor.done;
  }
};

constexpr std::array<std::string_view, 4> flow_states = {"embryonic", "established", "closing", "udp"};

class FlowsJob : public WorkerListing<FlowSlice, FlowRow> {
 public:
  using WorkerListing::WorkerListing;

 private:
  [[nodiscard]] Json json(const FlowRow& row) const override {
    const auto& plan = context_.configuration.plan();
    const auto* listener = plan.listener(row.listener);
    const auto& c = row.connection;
    const bool udp = listener != nullptr && listener->listen.protocol == net::Protocol::udp;
    return {{"worker", worker()},
            {"service", listener == nullptr ? "" : plan.service_of(*listener).name},
            {"protocol", udp ? "udp" : "tcp"},
            {"client", net::Endpoint{c.client, c.client_port}.text()},
            {"destination", net::Endpoint{c.vip, c.vip_port}.text()},
            {"local", row.seen.address.is_none() ? Json(nullptr) : Json(row.seen.text())},
            {"backend", context_.configuration.slots().backends.name(row.backend.value())},
            {"state", flow_states.at(static_cast<std::size_t>(row.state))},
            {"idle_s", row.idle_s}};
  }
};

}  // namespace

void add_flow_commands(api::Dispatcher& dispatcher, Context& context) {
  dispatcher.on_later("show.flows", [&context](const Json& params, const Done& done) {
    list_by_worker<FlowsJob>("show.flows", context, params, done);
  });
}

}  // namespace limpet::control
