// records list, show, dump: read in slices.
#include "control/listing.hpp"
#include "control/record_names.hpp"
#include "control/table_jobs.hpp"
#include "plan/lifetime.hpp"

namespace limpet::control {
namespace {

using api::Json;

constexpr unsigned buckets_a_step = 2048;

std::uint32_t now_s(const Context& context) {
  return static_cast<std::uint32_t>(context.runtime.now_ms() / 1000);
}

/// A page of records: rows of a listing, or lines of a dump, which has lasting records only.
class RecordsJob : public Job {
 public:
  RecordsJob(Context& context, RecordFilter filter, Listing listing, bool dump, Done done)
      : context_(context),
        names_(context.configuration),
        filter_(std::move(filter)),
        listing_(std::move(listing)),
        dump_(dump),
        done_(std::move(done)) {}

  /// False: the cursor is none.
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
    const auto now = now_s(context_);
    bool full = false;
    for (unsigned i = 0; i < buckets_a_step && !cursor_.done && !full; ++i) {
      const std::uint64_t bucket = cursor_.bucket;
      std::uint64_t index = 0;
      cursor_ = context_.runtime.records().walk(cursor_, 1, [&](const record::Key& key, const record::Record& record) {
        ++index;
        const bool told = bucket == skipped_.first && index <= skipped_.second;
        if (full || told || !filter_.matches(key, record) || (dump_ && !is_dumped(key, record))) {
          return;
        }
        full = !listing_.add(fmt::format("{}.{}", bucket, index),
                             dump_ ? names_.write(key, record, now) : names_.row(key, record, now));
      });
    }
    if (!cursor_.done && !full) {
      return false;
    }
    done_(listing_.finish());
    return true;
  }

 private:
  [[nodiscard]] bool is_dumped(const record::Key& key, const record::Record& record) const {
    return !record.provisional && names_.persist(key) != nullptr && names_.plan().backend(record.backend) != nullptr;
  }

  Context& context_;
  RecordNames names_;
  RecordFilter filter_;
  Listing listing_;
  bool dump_;
  Done done_;
  record::Cursor cursor_;
  std::pair<std::uint64_t, std::uint64_t> skipped_{};  // bucket, index: told on the page before
};

void list(Context& context, std::string_view method, bool dump, const Json& params, const Done& done) {
  auto listing = Listing::begin(method, params);
  if (!listing) {
    return done(tl::unexpected(listing.error()));
  }
  auto filter = RecordFilter::parse(RecordNames(context.configuration), context.configuration, params);
  if (!filter) {
    return done(tl::unexpected(filter.error()));
  }
  auto job = std::make_unique<RecordsJob>(context, std::move(*filter), std::move(*listing), dump, done);
  if (!job->start()) {
    return done(bad_cursor());
  }
  begin(context, std::move(job), done);
}

Answer show(const Context& context, const Json& params) {
  const RecordNames names(context.configuration);
  const auto& table = context.runtime.records();
  const auto place =
      names.find(params.at("service").get_ref<const std::string&>(), params.value("profile", std::string()),
                 params.at("key").get_ref<const std::string&>(),
                 [&](const RecordPlace& at) { return table.find(at.key, table.hash(at.key)).has_value(); });
  if (!place) {
    return tl::unexpected(place.error());
  }
  const auto& records = context.runtime.records();
  const auto record = records.find(place->key, records.hash(place->key));
  if (!record) {
    return api::reject(api::Code::not_found, "no record of {} in {}", names.key(place->key), names.scope(place->key));
  }
  const bool present = names.plan().backend(record->backend) != nullptr;
  const auto& state = context.runtime.backends()[record->backend];
  const bool up = state.health.load(std::memory_order_relaxed) == plan::Health::up;
  Json reply = names.row(place->key, *record, now_s(context));
  reply["profile"] = place->persist->profile;
  reply["backend_state"] = present ? admin_text(state.admin.load(std::memory_order_relaxed)) : "removed";
  reply["backend_health"] = present ? Json(up ? "up" : "down") : Json(nullptr);
  reply["away"] = record->home != record::at_home;
  reply["max_life_s"] = place->persist->max_life_s;
  reply["services"] = names.services(place->persist->scope);
  return reply;
}

}  // namespace

void add_record_list_commands(api::Dispatcher& dispatcher, Context& context) {
  const auto add = [&](std::string_view method, bool dump) {
    dispatcher.on_later(method, [&context, method, dump](const Json& params, const Done& done) {
      list(context, method, dump, params, done);
    });
  };
  add("show.records", false);
  add("records.list", false);
  add("records.dump", true);
  dispatcher.on("records.show", [&context](const Json& params) { return show(context, params); });
}

}  // namespace limpet::control
