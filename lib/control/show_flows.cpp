// show flows: workers are asked, a bounded number of buckets a turn.
#include <array>
#include <optional>

#include "control/ask.hpp"
#include "control/listing.hpp"
#include "control/table_jobs.hpp"
#include "path/flow_keys.hpp"

namespace limpet::control {
namespace {

using api::Json;

constexpr unsigned flow_buckets_a_turn = 256;
constexpr std::size_t flow_rows_a_turn = 1024;
constexpr std::size_t bucket_entries_max = 16;

struct FlowRow {
  std::uint64_t bucket = 0;
  unsigned index = 0;  // in the bucket
  ListenerSlot listener;
  path::Connection connection;
  net::Endpoint seen;
  BackendSlot backend;
  flow::State state = flow::State::embryonic;
  std::uint16_t idle_s = 0;
};

/// Forward flows of some buckets. Allocates nothing in the worker.
class FlowSlice : public path::Task {
 public:
  FlowSlice() { rows.reserve(flow_rows_a_turn); }
  void run(path::State& state, const plan::Plan& plan) noexcept override {
    rows.clear();
    const Tick16 now(now_ms);
    for (unsigned i = 0; i < flow_buckets_a_turn && rows.size() + bucket_entries_max <= flow_rows_a_turn; ++i) {
      const std::uint64_t bucket = cursor.bucket;
      unsigned index = 0;
      cursor = state.flows.walk(cursor, 1, [&](const auto& key, const auto& entry) {
        const plan::Listener* listener = plan.listener(ListenerSlot(key.slot));
        if (key.direction == flow::Direction::forward && listener != nullptr && rows.size() < flow_rows_a_turn) {
          const std::uint16_t age = entry.used().age(now);
          rows.push_back({bucket, ++index, listener->slot, path::connection_of(*listener, key), path::seen_of(entry),
                          BackendSlot(entry.peer()), entry.state(),
                          age > flow_timeout_max_ms / 1000 + 60 ? std::uint16_t{0} : age});  // used after now_ms
        }
      });
      if (cursor.done) {
        return;
      }
    }
  }
  flow::Cursor cursor;
  Millis now_ms = 0;
  std::vector<FlowRow> rows;
};

constexpr std::array<std::string_view, 4> flow_states = {"embryonic", "established", "closing", "udp"};

class FlowsJob : public Asking<FlowSlice> {
 public:
  FlowsJob(Context& context, Listing listing, Done done)
      : Asking(context.runtime), context_(context), listing_(std::move(listing)), done_(std::move(done)) {}

  /// From a cursor; `only` one worker or all.
  bool start(std::optional<unsigned> only) {
    worker_ = only.value_or(0);
    last_ = only ? *only : static_cast<unsigned>(runtime_.states().size()) - 1;
    if (!listing_.cursor().empty()) {
      const auto place = parse_place<3>(listing_.cursor());
      if (!place || (*place)[0] > last_ || (*place)[0] < worker_) {
        return false;
      }
      worker_ = static_cast<unsigned>((*place)[0]);
      task().cursor.bucket = (*place)[1];
      skipped_ = {(*place)[1], (*place)[2]};
    }
    return true;
  }

  bool step() override {
    switch (state()) {
      case State::waiting:
        return false;
      case State::answered:
        if (!take_rows() || (task().cursor.done && worker_ == last_)) {
          done_(listing_.finish());
          return true;
        }
        if (task().cursor.done) {
          ++worker_;
          task().cursor = {};
        }
        break;
      case State::idle:
        break;
    }
    task().now_ms = runtime_.now_ms();
    ask(worker_);
    return false;
  }

 private:
  bool take_rows() {
    for (const auto& row : task().rows) {
      const bool told = row.bucket == skipped_.first && row.index <= skipped_.second;
      if (!told && !listing_.add(fmt::format("{}.{}.{}", worker_, row.bucket, row.index), json(row))) {
        return false;
      }
    }
    skipped_ = {};
    return true;
  }
  [[nodiscard]] Json json(const FlowRow& row) const {
    const auto& plan = context_.configuration.plan();
    const auto* listener = plan.listener(row.listener);
    const auto& c = row.connection;
    const bool udp = listener != nullptr && listener->listen.protocol == net::Protocol::udp;
    return {{"worker", worker_},
            {"service", listener == nullptr ? "" : plan.service_of(*listener).name},
            {"protocol", udp ? "udp" : "tcp"},
            {"client", net::Endpoint{c.client, c.client_port}.text()},
            {"destination", net::Endpoint{c.vip, c.vip_port}.text()},
            {"local", row.seen.address.is_none() ? Json(nullptr) : Json(row.seen.text())},
            {"backend", context_.configuration.slots().backends.name(row.backend.value())},
            {"state", flow_states.at(static_cast<std::size_t>(row.state))},
            {"idle_s", row.idle_s}};
  }

  Context& context_;
  Listing listing_;
  Done done_;
  unsigned worker_ = 0;
  unsigned last_ = 0;
  std::pair<std::uint64_t, std::uint64_t> skipped_{};  // bucket, index: told on the page before
};

void show_flows(Context& context, const Json& params, const Done& done) {
  auto listing = Listing::begin("show.flows", params);
  if (!listing) {
    return done(tl::unexpected(listing.error()));
  }
  const auto workers = context.runtime.states().size();
  std::optional<unsigned> only;
  if (params.contains("worker")) {
    only = params.at("worker").get<unsigned>();
  }
  if (workers == 0 || only.value_or(0) >= workers) {
    return done(api::reject(api::Code::not_found, "no worker {}; there are {}", only.value_or(0), workers));
  }
  auto job = std::make_unique<FlowsJob>(context, std::move(*listing), done);
  if (!job->start(only)) {
    return done(bad_cursor());
  }
  begin(context, std::move(job), done);
}

}  // namespace

void add_flow_commands(api::Dispatcher& dispatcher, Context& context) {
  dispatcher.on_later("show.flows",
                      [&context](const Json& params, const Done& done) { show_flows(context, params, done); });
}

}  // namespace limpet::control
