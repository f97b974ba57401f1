// records set, clear, load: what the operator changes about records while workers use them.
#include "control/record_names.hpp"
#include "control/table_jobs.hpp"
#include "plan/lifetime.hpp"

namespace limpet::control {
namespace {

using api::Json;

constexpr unsigned buckets_a_step = 2048;
constexpr int races_max = 100;
constexpr std::size_t problems_max = 100;  // told of one request; all are counted

std::uint32_t now_s(const Context& context) {
  return static_cast<std::uint32_t>(context.runtime.now_ms() / 1000);
}

/// Binds the key to the backend, whatever workers do meanwhile. The backend that it named before, if any; the error:
/// there is no room.
Result<std::optional<BackendSlot>> bind(record::Table& records, const RecordPlace& place, BackendSlot to,
                                        std::uint32_t now) {
  const auto& key = place.key;
  const auto hash = records.hash(key);
  const auto room = place.persist->room();
  for (int i = 0; i < races_max; ++i) {
    const auto found = records.find(key, hash);
    if (found) {
      if (records.replace(key, hash, found->backend, to, now)) {
        records.confirm(key, hash, now, room);
        return found->backend;
      }
      continue;
    }
    const auto claim = records.claim(key, hash, to, now, record::Share::live, room);
    if (claim.outcome == record::Outcome::claimed) {
      return std::nullopt;
    }
    if (claim.outcome == record::Outcome::full) {
      return fail("there is no room for another record");
    }
  }
  return fail("the record changes all the time; try again");
}

Answer set(Context& context, const Json& params) {
  const RecordNames names(context.configuration);
  const auto& service = params.at("service").get_ref<const std::string&>();
  const auto slot = context.configuration.slots().backends.find(params.at("backend").get_ref<const std::string&>());
  const auto place =
      names.find(service, params.value("profile", std::string()), params.at("key").get_ref<const std::string&>(),
                 [&](const RecordPlace& at) { return slot && names.may_name(*at.persist, BackendSlot(*slot)); });
  if (!place) {
    return tl::unexpected(place.error());
  }
  const auto& backend = params.at("backend").get_ref<const std::string&>();
  if (!slot || names.plan().backend(BackendSlot(*slot)) == nullptr) {
    return api::reject(api::Code::not_found, "no backend \"{}\" (show backends lists them)", backend);
  }
  const BackendSlot to(*slot);
  if (!names.may_name(*place->persist, to)) {
    return api::reject(api::Code::refused, "{} is no backend of service {}", backend, service);
  }
  const auto before = bind(context.runtime.records(), *place, to, now_s(context));
  if (!before) {
    return api::reject(api::Code::refused, "{}", before.error().text);
  }
  const auto key = names.key(place->key);
  const auto from = *before ? names.backend(**before) : std::string();
  if (*before && **before != to) {
    context.moves.add_own({0, unix_ms(), service, key, from, backend, path::Reason::operator_set});
  }
  context.events.add("records", fmt::format("{} of {}: set to {} (was {})", key, names.scope(place->key), backend,
                                            *before ? from : "not bound"));
  return Json{{"scope", names.scope(place->key)},
              {"key", key},
              {"before", *before ? Json(from) : Json(nullptr)},
              {"backend", backend}};
}

class ClearJob : public Job {
 public:
  ClearJob(Context& context, RecordFilter filter, std::string words, Done done)
      : context_(context), filter_(std::move(filter)), words_(std::move(words)), done_(std::move(done)) {}

  bool step() override {
    auto& records = context_.runtime.records();
    cursor_ = records.walk(cursor_, buckets_a_step, [&](const record::Key& key, const record::Record& record) {
      if (filter_.matches(key, record) && records.erase(key, records.hash(key))) {
        ++cleared_;
      }
    });
    if (!cursor_.done) {
      return false;
    }
    context_.events.add("records", fmt::format("{} cleared ({})", cleared_, words_));
    done_(Json{{"cleared", cleared_}});
    return true;
  }

 private:
  Context& context_;
  RecordFilter filter_;
  std::string words_;  // of the event
  Done done_;
  record::Cursor cursor_;
  std::uint64_t cleared_ = 0;
};

void clear(Context& context, const Json& params, const Done& done) {
  std::string words;
  for (const auto* name : {"service", "profile", "backend", "key"}) {
    if (params.contains(name)) {
      words += fmt::format("{}{} {}", words.empty() ? "" : ", ", name, params.at(name).get<std::string>());
    }
  }
  const bool all = params.value("all", false);
  if (all && !words.empty()) {
    return done(api::reject(api::Code::invalid_params, "all: means all records; leave it out to clear only some"));
  }
  if (!all && words.empty()) {
    return done(api::reject(api::Code::invalid_params, "name a service, profile, backend or key, or say all"));
  }
  auto filter = RecordFilter::parse(RecordNames(context.configuration), context.configuration, params);
  if (!filter) {
    return done(tl::unexpected(filter.error()));
  }
  begin(context, std::make_unique<ClearJob>(context, std::move(*filter), all ? "all" : words, done), done);
}

/// Lines of one request, each for itself.
class Loader {
 public:
  explicit Loader(Context& context) : context_(context), names_(context.configuration), now_s_(now_s(context)) {}

  void take(std::uint64_t number, std::string_view line) {
    if (line.empty()) {
      return;
    }
    const auto read = names_.read(line);
    if (read) {
      store(*read);
      return;
    }
    ++refused_;
    if (problems_.size() < problems_max) {
      problems_.push_back({{"line", number}, {"text", read.error().text}});
    }
  }
  [[nodiscard]] Json reply() const {
    return {{"loaded", loaded_},   {"kept", kept_},       {"expired", expired_},
            {"no_room", no_room_}, {"refused", refused_}, {"problems", problems_}};
  }

 private:
  void store(const RecordLine& line) {
    const record::Record record{line.backend, now_s_ - line.age_s, now_s_ - line.idle_s, false, line.home};
    if (plan::life_of(record, *line.place.persist, now_s_) != plan::Life::going_on) {
      ++expired_;
      return;
    }
    const auto claim = context_.runtime.records().restore(line.place.key, record, line.place.persist->room());
    ++(claim.outcome == record::Outcome::claimed ? loaded_
       : claim.outcome == record::Outcome::taken ? kept_
                                                 : no_room_);
  }

  Context& context_;
  RecordNames names_;
  std::uint32_t now_s_;
  std::uint64_t loaded_ = 0, kept_ = 0, expired_ = 0, no_room_ = 0, refused_ = 0;
  Json problems_ = Json::array();
};

Answer load(Context& context, const Json& params) {
  Loader loader(context);
  std::uint64_t number = params.value("first_line", std::uint64_t{1});
  std::string_view text = params.at("text").get_ref<const std::string&>();
  for (; !text.empty(); ++number) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    line.remove_suffix(line.ends_with('\r') ? 1 : 0);
    loader.take(number, line);
  }
  return loader.reply();
}

}  // namespace

void add_record_edit_commands(api::Dispatcher& dispatcher, Context& context) {
  dispatcher.on("records.set", [&context](const Json& params) { return set(context, params); });
  dispatcher.on("records.load", [&context](const Json& params) { return load(context, params); });
  dispatcher.on_later("records.clear",
                      [&context](const Json& params, const Done& done) { clear(context, params, done); });
}

}  // namespace limpet::control
