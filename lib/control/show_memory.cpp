// show memory: exact figures of every table; those of flows are asked of the workers.
#include "control/ask.hpp"
#include "control/listing.hpp"
#include "control/table_jobs.hpp"

namespace limpet::control {
namespace {

using api::Json;

struct Room {
  std::uint64_t bytes = 0;
  std::uint64_t used = 0;
  std::uint64_t capacity = 0;
};

class FlowStats : public path::Task {
 public:
  void run(path::State& state, const plan::Plan&) noexcept override {
    shares = state.flows.shares();
    sources = {state.sources.size_bytes(), state.sources.used(), state.sources.capacity()};
    spliced = {state.spliced.size_bytes(), state.spliced.used(), state.spliced.capacity()};
    spliced_is_kept = !state.spliced.has_own_memory();
    const path::AwaitedConnections& all = state.awaited;
    awaited = {all.connections_bytes(), all.count(), all.capacity()};
    held = {all.packets_bytes(), all.held(), all.held_max()};
  }
  std::array<flow::ShareStats, 4> shares;
  Room sources, spliced, awaited, held;
  bool spliced_is_kept = false;
};

Json memory_row(std::string name, const Room& room, std::string place) {
  return {{"name", std::move(name)},
          {"bytes", room.bytes},
          {"used", room.used},
          {"capacity", room.capacity},
          {"entry_bytes", room.capacity == 0 ? 0 : room.bytes / room.capacity},
          {"place", std::move(place)}};
}

class MemoryJob : public Asking<FlowStats> {
 public:
  MemoryJob(Context& context, Listing listing, Done done)
      : Asking(context.runtime),
        listing_(std::move(listing)),
        done_(std::move(done)),
        tables_(context.configuration.model().limpetd.tables) {
    for (const auto& share : runtime_.records().shares()) {
      add(memory_row(
          fmt::format("records: {} {}", share.wide ? "wide" : "narrow", share.provisional ? "provisional" : "live"),
          {share.size_bytes, share.used, share.capacity}, tables_));
    }
    const auto& adjacencies = runtime_.adjacencies();
    constexpr std::uint64_t adjacency_bytes = 64;  // two slots of 32 bytes an entry
    add(memory_row("neighbours",
                   {adjacencies.capacity() * adjacency_bytes, adjacencies.count(), adjacencies.capacity()}, "heap"));
    const auto backends = runtime_.backends().count();
    add(memory_row("backend states",
                   {backends * sizeof(plan::BackendState), context.configuration.slots().backends.extent(), backends},
                   "heap"));
    add(memory_row("backend use by workers",
                   {backends * sizeof(plan::BackendUse) * runtime_.states().size(),
                    context.configuration.slots().backends.extent(), backends},
                   "heap"));
  }
  bool step() override {
    const auto is = state();
    if (is == State::waiting) {
      return false;
    }
    if (is == State::answered) {
      for (const auto& share : task().shares) {
        add(memory_row(fmt::format("flows of worker {}: {} {}", worker_, share.wide ? "wide" : "narrow",
                                   share.embryonic ? "embryonic" : "live"),
                       {share.size_bytes, share.used, share.capacity}, tables_));
      }
      add(memory_row(fmt::format("spliced connections of worker {}", worker_), task().spliced,
                     task().spliced_is_kept ? tables_ : "heap"));
      add(memory_row(fmt::format("waiting connections of worker {}", worker_), task().awaited, "heap"));
      add(memory_row(fmt::format("held packets of worker {}", worker_), task().held, "heap"));
      add(memory_row(fmt::format("sources of worker {}", worker_), task().sources, "heap"));
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
  Listing listing_;
  Done done_;
  std::string tables_;
  unsigned worker_ = 0;
  std::uint64_t number_ = 0;
  bool full_ = false;
};

void show_memory(Context& context, const Json& params, const Done& done) {
  auto listing = Listing::begin("show.memory", params);
  if (!listing) {
    return done(tl::unexpected(listing.error()));
  }
  begin(context, std::make_unique<MemoryJob>(context, std::move(*listing), done), done);
}

}  // namespace

void add_memory_command(api::Dispatcher& dispatcher, Context& context) {
  dispatcher.on_later("show.memory",
                      [&context](const Json& params, const Done& done) { show_memory(context, params, done); });
}

}  // namespace limpet::control
