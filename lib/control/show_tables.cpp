// show flows (workers are asked, a bounded number of buckets a turn), show records (read in slices), show memory.
#include <array>
#include <charconv>
#include <optional>

#include "control/ask.hpp"
#include "control/context.hpp"
#include "control/listing.hpp"
#include "path/flow_keys.hpp"

namespace limpet::control {
namespace {

using api::Json;

constexpr unsigned flow_buckets_a_turn = 256;
constexpr std::size_t flow_rows_a_turn = 1024;
constexpr std::size_t bucket_entries_max = 16;
constexpr unsigned record_buckets_a_step = 2048;

/// "1.2.3", as cursors of tables are written. Nothing: malformed.
template <std::size_t n>
std::optional<std::array<std::uint64_t, n>> parse_place(std::string_view text) {
  std::array<std::uint64_t, n> place{};
  const char* at = text.data();
  const char* end = at + text.size();
  for (std::size_t i = 0; i < n; ++i) {
    const auto [next, error] = std::from_chars(at, end, place[i]);
    const bool last = i + 1 == n;
    if (error != std::errc{} || (last ? next != end : next == end || *next != '.')) {
      return std::nullopt;
    }
    at = next + 1;
  }
  return place;
}

struct FlowRow {
  std::uint64_t bucket = 0;
  unsigned index = 0;  // in the bucket
  ListenerSlot listener;
  path::Connection connection;
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
          rows.push_back({bucket, ++index, listener->slot, path::connection_of(*listener, key),
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

class RecordsJob : public Job {
 public:
  RecordsJob(Context& context, Listing listing, Done done)
      : context_(context), listing_(std::move(listing)), done_(std::move(done)) {}

  bool start() {
    if (listing_.cursor().empty()) {
      return true;
    }
    const auto place = parse_place<2>(listing_.cursor());
    if (place) {
      cursor_.bucket = (*place)[0];
      skipped_ = {(*place)[0], (*place)[1]};
    }
    return place.has_value();
  }

  bool step() override {
    learn_profiles();
    for (unsigned i = 0; i < record_buckets_a_step && !cursor_.done; ++i) {
      const std::uint64_t bucket = cursor_.bucket;
      std::uint64_t index = 0;
      bool full = false;
      cursor_ = context_.runtime.records().walk(cursor_, 1, [&](const record::Key& key, const record::Record& record) {
        ++index;
        const bool told = bucket == skipped_.first && index <= skipped_.second;
        full = full || (!told && !listing_.add(fmt::format("{}.{}", bucket, index), json(key, record)));
      });
      if (full) {
        break_off_ = true;
        break;
      }
    }
    if (!cursor_.done && !break_off_) {
      return false;
    }
    done_(listing_.finish());
    return true;
  }

 private:
  void learn_profiles() {
    if (plan_ == context_.configuration.shared_plan()) {
      return;
    }
    plan_ = context_.configuration.shared_plan();
    profiles_.clear();
    for (const auto& service : plan_->services) {
      for (const auto& persist : service.persist) {
        profiles_[persist.scope] = &persist;
      }
    }
  }
  [[nodiscard]] Json json(const record::Key& key, const record::Record& record) const {
    const std::uint32_t scope = key.scope & (record::scopes_max - 1);
    const auto found = profiles_.find(scope);
    const plan::Persist* profile = found == profiles_.end() ? nullptr : found->second;
    const auto& slots = context_.configuration.slots();
    const auto now_s = static_cast<std::uint32_t>(context_.runtime.now_ms() / 1000);
    const auto idle_s = static_cast<std::int32_t>(now_s - record.used_s);
    return {{"scope", slots.scopes.name(scope)},
            {"key", record::prefix_of(key, profile == nullptr ? 32u : profile->prefix4,
                                      profile != nullptr ? profile->prefix6
                                      : key.wide         ? 128u
                                                         : 64u)
                        .text()},
            {"backend", slots.backends.name(record.backend.value())},
            {"state", record.provisional ? "provisional" : "kept"},
            {"idle_s", idle_s < 0 ? 0 : idle_s},
            {"timeout_s", profile == nullptr ? 0 : profile->idle_timeout_s}};
  }

  Context& context_;
  Listing listing_;
  Done done_;
  record::Cursor cursor_;
  std::pair<std::uint64_t, std::uint64_t> skipped_{};
  bool break_off_ = false;
  std::shared_ptr<const plan::Plan> plan_;
  std::map<std::uint32_t, const plan::Persist*> profiles_;  // by scope
};

class FlowStats : public path::Task {
 public:
  void run(path::State& state, const plan::Plan&) noexcept override { stats = state.flows.stats(); }
  flow::Stats stats;
};

Json memory_row(std::string name, std::uint64_t bytes, std::uint64_t used, std::uint64_t capacity, Json place) {
  return {
      {"name", std::move(name)}, {"bytes", bytes}, {"used", used}, {"capacity", capacity}, {"place", std::move(place)}};
}

class MemoryJob : public Asking<FlowStats> {
 public:
  MemoryJob(Context& context, Listing listing, Done done)
      : Asking(context.runtime), context_(context), listing_(std::move(listing)), done_(std::move(done)) {
    const auto records = runtime_.records().stats();
    const auto& tables = context_.configuration.model().limpetd.tables;
    add(memory_row("records", records.size_bytes, records.live, records.capacity, tables));
    const auto& adjacencies = runtime_.adjacencies();
    constexpr std::uint64_t adjacency_bytes = 64;  // two slots of 32 bytes an entry
    add(memory_row("neighbours", adjacencies.capacity() * adjacency_bytes, adjacencies.count(), adjacencies.capacity(),
                   "heap"));
    const auto backends = runtime_.backends().count();
    add(memory_row("backend states", backends * sizeof(plan::BackendState),
                   context_.configuration.slots().backends.extent(), backends, "heap"));
  }
  bool step() override {
    const auto is = state();
    if (is == State::waiting) {
      return false;
    }
    if (is == State::answered) {
      const auto& stats = task().stats;
      add(memory_row(fmt::format("flows of worker {}", worker_), stats.size_bytes, stats.live_narrow + stats.live_wide,
                     stats.capacity_narrow + stats.capacity_wide, context_.configuration.model().limpetd.tables));
      ++worker_;
    }
    if (worker_ >= runtime_.states().size()) {
      done_(listing_.finish());
      return true;
    }
    ask(worker_);
    return false;
  }

 private:
  void add(Json row) {
    const auto key = number_key(++number_);
    if (!full_ && listing_.is_past(key)) {
      full_ = !listing_.add(key, std::move(row));
    }
  }
  Context& context_;
  Listing listing_;
  Done done_;
  unsigned worker_ = 0;
  std::uint64_t number_ = 0;
  bool full_ = false;
};

void begin(Context& context, std::unique_ptr<Job> job, const Done& done) {
  if (!context.jobs.add(std::move(job))) {
    done(api::reject(api::Code::busy, "too many long requests are being worked on; try again"));
  }
}

Answer bad_cursor() {
  return api::reject(api::Code::invalid_params, "cursor: not one that an answer gave");
}

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

void show_records(Context& context, const Json& params, const Done& done) {
  auto listing = Listing::begin("show.records", params);
  if (!listing) {
    return done(tl::unexpected(listing.error()));
  }
  auto job = std::make_unique<RecordsJob>(context, std::move(*listing), done);
  if (!job->start()) {
    return done(bad_cursor());
  }
  begin(context, std::move(job), done);
}

void show_memory(Context& context, const Json& params, const Done& done) {
  auto listing = Listing::begin("show.memory", params);
  if (!listing) {
    return done(tl::unexpected(listing.error()));
  }
  begin(context, std::make_unique<MemoryJob>(context, std::move(*listing), done), done);
}

}  // namespace

void add_table_commands(api::Dispatcher& dispatcher, Context& context) {
  const auto add = [&](std::string_view method, void (*handler)(Context&, const Json&, const Done&)) {
    dispatcher.on_later(method,
                        [&context, handler](const Json& params, const Done& done) { handler(context, params, done); });
  };
  add("show.flows", show_flows);
  add("show.records", show_records);
  add("show.memory", show_memory);
}

}  // namespace limpet::control
