// why: the decision that a worker would take for a client, by the very same function and on that worker, so that it
// sees what the worker sees; the live flow if the client's port is given; and what a drain or removal would change.
#include <array>
#include <charconv>
#include <optional>

#include "control/ask.hpp"
#include "control/context.hpp"
#include "control/front.hpp"
#include "control/record_names.hpp"
#include "control/why_words.hpp"
#include "path/admit.hpp"
#include "path/decide.hpp"
#include "path/flow_keys.hpp"
#include "plan/content.hpp"
#include "plan/hearing.hpp"
#include "plan/lifetime.hpp"

namespace limpet::control {
namespace {

using api::Json;

/// What is asked for: a client, a key, or a client that must have that key.
struct Subject {
  plan::Tuple tuple;  // as far as client and key tell
  std::optional<record::Key> key;
  std::vector<plan::Said> said;  // by the client
  bool has_client = false;
};

/// What is asked about: plans that the job keeps alive, never the worker's own.
struct Asked {
  const plan::Plan* plan = nullptr;
  const plan::Listener* listener = nullptr;
  plan::Tuple tuple;
  std::optional<record::Key> key;               // instead of the one that profiles would find
  plan::Payload payload{};                      // of services that look at one
  const plan::BackendStates* states = nullptr;  // null: those there are
  [[nodiscard]] path::Question question(std::uint32_t now_s) const noexcept {
    const bool reads = plan->service_of(*listener).reads_content;
    return {.plan = *plan,
            .listener = *listener,
            .tuple = tuple,
            .now_s = now_s,
            .key = key ? &*key : nullptr,
            .payload = reads ? &payload : nullptr};
  }
  /// Where the client's words, or the key, lead; on that worker.
  void look(unsigned worker) noexcept {
    const plan::Service& service = plan->service_of(*listener);
    payload.scratch = plan->scratch_of(worker);
    if (!key) {
      static_cast<void>(plan::hear(service, tuple, payload));
      return;
    }
    payload.branch = nullptr;
    const plan::Persist* const persist = plan::find_given(service, *key).persist;
    for (const plan::Branch& branch :
         service.routing == nullptr ? std::span<const plan::Branch>{} : std::span(service.routing->branches)) {
      payload.branch = persist != nullptr && branch.pool == persist->pool ? &branch : payload.branch;
    }
  }
};

/// A decision, taken where the client's flows are. Changes nothing.
class Decide : public path::Task {
 public:
  void run(path::State& state, const plan::Plan& plan) noexcept override {
    const plan::Loads loads = state.loads();
    asked.look(state.index);
    asked.payload.records = &state.node.records;
    const path::Sight sight{
        state.node.records, {asked.states == nullptr ? loads.states : *asked.states, loads.own}, &state.key_loads};
    asked.payload.now_s = now_s;
    decision = path::decide(asked.question(now_s), sight);
    note_passed();
    const plan::Gate* const gate = asked.plan->service_of(*asked.listener).gate.get();
    admission = gate == nullptr || asked.tuple.client.is_none()
                    ? path::Admission::admitted
                    : path::admission(state, {*asked.plan, *gate, asked.tuple.client}, Millis{1000} * now_s);
    flow.reset();
    local = {};
    const plan::Listener* at = exact ? plan.listener(asked.listener->slot) : nullptr;
    if (at == nullptr) {
      return;
    }
    const path::Connection connection{asked.tuple.client, asked.tuple.vip, asked.tuple.client_port,
                                      asked.tuple.vip_port};
    path::with_forward_key(*at, connection, [&](const auto& key) { look(state, key); });
    if (!flow && at->narrow) {
      look(state, path::wide_forward(*at, connection));  // a flow whose client port is rewritten
    }
  }
  Asked asked;
  std::uint32_t now_s = 0;
  bool exact = false;  // ports and addresses are known: a flow may be looked for
  path::Decision decision;
  path::Admission admission = path::Admission::admitted;
  std::optional<BackendSlot> flow;
  net::Endpoint local;  // full NAT: what stands for the client of that flow
  /// Profiles that found no key, and what there was for them.
  struct Passed {
    const plan::Persist* persist;
    extract::Found value;
  };
  std::array<Passed, 32> passed;
  std::size_t passed_count = 0;

 private:
  void note_passed() noexcept {
    passed_count = 0;
    const plan::Service& service = asked.plan->service_of(*asked.listener);
    for (const plan::Persist& persist : plan::profiles_of(service, asked.question(now_s).payload)) {
      if (asked.key || &persist == decision.persist || passed_count == passed.size()) {
        return;
      }
      passed[passed_count++] = {&persist,
                                model::is_content(persist.type)
                                    ? plan::find_in(*asked.plan, service, persist, asked.tuple, asked.payload).value
                                    : extract::Found::absent};
    }
  }
  template <class Key>
  void look(path::State& state, const Key& key) noexcept {
    if (const auto* entry = state.flows.find(key, state.flows.hash(key))) {
      flow = BackendSlot(entry->peer());
      local = path::seen_of(*entry);
    }
  }
};

Json name_of(const path::Decision& decision) {
  return decision.backend == nullptr ? Json(nullptr) : Json(decision.backend->name);
}

class WhyJob : public Asking<Decide> {
 public:
  WhyJob(Context& context, const plan::Listener& listener, const Subject& subject, Done done)
      : Asking(context.runtime),
        context_(context),
        plan_(context.configuration.shared_plan()),
        has_client_(subject.has_client),
        said_(subject.said),
        worker_(context.runtime.owner().owner(subject.tuple.client)),
        done_(std::move(done)) {
    task().asked = {plan_.get(), &listener, subject.tuple, subject.key, {.last = true, .said = said_, .imagined = true},
                    nullptr};
    task().exact = has_client_ && subject.tuple.client_port != 0 && subject.tuple.vip_port != 0;
  }
  bool step() override {
    switch (state()) {
      case State::waiting:
        return false;
      case State::idle:
        task().now_s = static_cast<std::uint32_t>(runtime_.now_ms() / 1000);
        ask(worker_);
        return false;
      case State::answered:
        break;
    }
    switch (stage_) {
      case Stage::now:
        tell_decision();
        return reply_["backend"].is_null() ? finish() : ask_if_drained();
      case Stage::drained:
        reply_["if_drained"] = outcome();
        return ask_if_removed();
      case Stage::removed:
        reply_["if_removed"] = outcome();
        break;
    }
    return finish();
  }

 private:
  enum class Stage : std::uint8_t { now, drained, removed };

  [[nodiscard]] const plan::SlotMap& names() const { return context_.configuration.slots().backends; }
  [[nodiscard]] Json outcome() const {
    return {{"backend", name_of(task().decision)}, {"reason", decision_words(names(), task().decision)}};
  }

  void tell_decision() {
    const auto& decision = task().decision;
    const auto& tuple = task().asked.tuple;
    const auto& listener = *task().asked.listener;
    reply_ = {
        {"service", plan_->service_of(listener).name},
        {"client", has_client_ ? Json(net::Endpoint{tuple.client, tuple.client_port}.text()) : Json(nullptr)},
        {"listen", listener.listen.text()},
        {"destination", net::Endpoint{tuple.vip, tuple.vip_port}.text()},
        {"step", path::step_names[static_cast<std::size_t>(decision.step)]},
        {"backend", name_of(decision)},
        {"reason", decision_words(names(), decision)},
        {"worker", worker_},
        {"local", task().local.address.is_none() ? Json(nullptr) : Json(task().local.text())},
        {"local_addresses", local_addresses()},
        {"pool", path::pool_of(task().asked.question(task().now_s)).name},
        {"route", task().asked.payload.rule == nullptr ? Json(nullptr) : Json(task().asked.payload.rule->text)},
        {"profile", decision.persist == nullptr ? Json(nullptr) : Json(decision.persist->profile)},
        {"key", decision.persist == nullptr ? Json(nullptr) : Json(plan::key_text(*decision.persist, decision.key))},
        {"passed_over", passed_over()},
        {"record", record_json(decision)},
        {"ruled_out", ruled_out(decision)},
        {"if_drained", nullptr},
        {"if_removed", nullptr}};
    if (task().flow) {
      reply_["step"] = "flow";
      reply_["backend"] = names().name(task().flow->value());
      reply_["reason"] = "a live flow of this address and port goes there";
    } else if (task().admission != path::Admission::admitted) {
      reply_["step"] = "refused";
      reply_["backend"] = nullptr;
      reply_["reason"] = admission_words(task().admission);
    }
  }
  /// Of the family that the decided backend is spoken to by; null: none stands for the client.
  [[nodiscard]] Json local_addresses() const {
    const auto& asked = task().asked;
    const plan::Service& service = plan_->service_of(*asked.listener);
    const plan::Backend* const backend = task().decision.backend;
    if (!service.is_full_nat() || backend == nullptr) {
      return nullptr;
    }
    const net::Family client = asked.listener->listen.prefix.address.family();
    Json list = Json::array();
    for (const net::IpAddress& address :
         service.locals[static_cast<std::size_t>(service.family_towards(*backend, client))]) {
      list.push_back(address.text());
    }
    return list;
  }
  [[nodiscard]] Json passed_over() const {
    Json list = Json::array();
    for (const auto& [persist, value] : std::span(task().passed).first(task().passed_count)) {
      list.push_back({{"profile", persist->profile}, {"reason", passed_words(persist->type, value)}});
    }
    return list;
  }
  [[nodiscard]] Json record_json(const path::Decision& decision) const {
    if (!decision.record) {
      return nullptr;
    }
    const auto& record = *decision.record;
    return {{"backend", names().name(record.backend.value())},
            {"state", record.provisional ? "provisional" : "kept"},
            {"age_s", plan::age_s(task().now_s, record.created_s)},
            {"idle_s", plan::age_s(task().now_s, record.used_s)}};
  }
  [[nodiscard]] Json ruled_out(const path::Decision& decision) const {
    const path::Question question = task().asked.question(task().now_s);
    const auto choosing = path::choosing_for(question, {context_.runtime.backends(), nullptr}, decision.persist);
    const plan::Candidates candidates(choosing);
    Json list = Json::array();
    for (const auto& backend : choosing.pool.backends) {
      if (const auto why = candidates.exclusion(backend); why != plan::Exclusion::none) {
        list.push_back({{"backend", backend.name}, {"reason", plan::exclusion_names[static_cast<std::size_t>(why)]}});
      }
    }
    return list;
  }

  /// The same question with a copy of the backends' states in which the chosen one is drained.
  bool ask_if_drained() {
    const auto& from = context_.runtime.backends();
    chosen_ = task().decision.backend;
    drained_ = std::make_unique<plan::BackendStates>(names().extent());
    for (std::uint32_t i = 0; i < drained_->count(); ++i) {
      const BackendSlot slot(i);
      auto& to = (*drained_)[slot];
      to.health = from[slot].health.load(std::memory_order_relaxed);
      to.admin = from[slot].admin.load(std::memory_order_relaxed);
      to.weight = from[slot].weight.load(std::memory_order_relaxed);
      to.sessions = from[slot].sessions.load(std::memory_order_relaxed);
      to.connections = from[slot].connections.load(std::memory_order_relaxed);
    }
    (*drained_)[chosen_->slot].admin = plan::Admin::drain;
    task().asked.states = drained_.get();
    return next(Stage::drained);
  }
  /// The same question with a plan that lacks it.
  bool ask_if_removed() {
    model::Model model = context_.configuration.model();
    const auto slash = chosen_->name.find('/');
    const auto pool = model.pools.find(chosen_->name.substr(0, slash));
    if (context_.configuration.shared_plan() != plan_ || pool == model.pools.end()) {
      return finish();  // another apply came between
    }
    pool->second.backends.erase(chosen_->name.substr(slash + 1));
    auto candidate = context_.configuration.prepare(std::move(model), context_.runtime.device_macs(), context_.now());
    if (!candidate) {
      return finish();
    }
    without_ = candidate->plan;
    task().asked.plan = without_.get();
    task().asked.listener = without_->listener(task().asked.listener->slot);
    task().asked.states = nullptr;
    return task().asked.listener == nullptr ? finish() : next(Stage::removed);
  }
  bool next(Stage stage) {
    stage_ = stage;
    task().exact = false;
    ask(worker_);
    return false;
  }
  bool finish() {
    done_(reply_);
    return true;
  }

  Context& context_;
  std::shared_ptr<const plan::Plan> plan_;
  std::shared_ptr<const plan::Plan> without_;
  std::unique_ptr<plan::BackendStates> drained_;
  const plan::Backend* chosen_ = nullptr;
  Stage stage_ = Stage::now;
  Json reply_;
  bool has_client_;
  const std::vector<plan::Said> said_;
  unsigned worker_;
  Done done_;
};

tl::expected<Subject, api::RpcError> find_subject(const Context& context, const Json& params) {
  Subject subject;
  if (params.contains("client")) {
    const auto client = net::Endpoint::parse(params.at("client").get_ref<const std::string&>());
    if (!client) {
      return api::reject(api::Code::invalid_params, "client: expected ADDRESS or ADDRESS:PORT");
    }
    subject.tuple.client = client->address;
    subject.tuple.client_port = client->l4_port;
    subject.has_client = true;
  }
  if (!params.contains("key")) {
    return subject;
  }
  const auto& text = params.at("key").get_ref<const std::string&>();
  const auto place =
      RecordNames(context.configuration)
          .find(params.at("service").get_ref<const std::string&>(), params.value("profile", std::string()), text);
  if (!place) {
    return tl::unexpected(place.error());
  }
  subject.key = place->key;
  if (!subject.has_client) {
    subject.tuple = plan::key_tuple(*place->persist, text).value_or(plan::Tuple{});  // fingerprints are of IPv6
  }
  return subject;
}

/// Parameters that say what a client would, with the types of profiles that would find it.
constexpr std::pair<const char*, model::ProfileType> sayings[] = {
    {"cookie", model::ProfileType::cookie},       {"header", model::ProfileType::header},
    {"url_param", model::ProfileType::url_param}, {"path", model::ProfileType::path},
    {"host", model::ProfileType::host},           {"sni", model::ProfileType::tls_sni},
    {"ticket", model::ProfileType::tls_ticket},   {"session_id", model::ProfileType::tls_session_id},
    {"rdp", model::ProfileType::rdp_mstshash},    {"msts", model::ProfileType::rdp_msts},
    {"mqtt", model::ProfileType::mqtt_client_id}, {"forwarded_for", model::ProfileType::x_forwarded_for},
    {"universal", model::ProfileType::universal}};

std::optional<std::string> from_hex(std::string_view digits) {
  std::string bytes;
  for (; digits.size() >= 2; digits.remove_prefix(2)) {
    unsigned byte = 0;
    if (const auto [end, error] = std::from_chars(digits.data(), digits.data() + 2, byte, 16);
        error != std::errc{} || end != digits.data() + 2) {
      return std::nullopt;
    }
    bytes += static_cast<char>(byte);
  }
  return digits.empty() ? std::optional(bytes) : std::nullopt;
}

tl::expected<std::vector<plan::Said>, api::RpcError> find_said(const Json& params) {
  std::vector<plan::Said> said;
  for (const auto& [name, type] : sayings) {
    if (!params.contains(name)) {
      continue;
    }
    plan::Said one{type, {}, params.at(name).get<std::string>()};
    if (type <= model::ProfileType::url_param) {
      const std::size_t at = one.value.find('=');
      if (at == std::string::npos) {
        return api::reject(api::Code::invalid_params, "{}: expected NAME=VALUE", name);
      }
      one.name = one.value.substr(0, at);
      one.value.erase(0, at + 1);
    }
    if (type == model::ProfileType::tls_session_id) {
      auto bytes = from_hex(one.value);
      if (!bytes) {
        return api::reject(api::Code::invalid_params, "{}: expected pairs of hexadecimal digits", name);
      }
      one.value = std::move(*bytes);
    }
    said.push_back(std::move(one));
  }
  return said;
}

void why(Context& context, const Json& params, const Done& done) {
  auto subject = find_subject(context, params);
  if (!subject) {
    return done(tl::unexpected(subject.error()));
  }
  auto said = find_said(params);
  if (!said) {
    return done(tl::unexpected(said.error()));
  }
  subject->said = std::move(*said);
  plan::Tuple& tuple = subject->tuple;
  const auto& plan = context.configuration.plan();
  const auto front = find_front(plan, params, tuple.client.family());
  if (!front) {
    return done(tl::unexpected(front.error()));
  }
  tuple.vip = front->destination.address;
  tuple.vip_port = front->destination.l4_port;
  tuple.protocol = front->listener->listen.protocol;
  if (subject->key && subject->has_client) {
    const auto given = plan::find_given(plan.service_of(*front->listener), *subject->key);
    const auto own = plan::session_key(*given.persist, tuple, plan.fingerprint_seed);
    if (!own || !(*own == given.key)) {
      return done(api::reject(api::Code::invalid_params, "client: its key of profile {} is another: {}",
                              given.persist->profile, own ? plan::key_text(*given.persist, *own) : "none"));
    }
  }
  if (!context.jobs.add(std::make_unique<WhyJob>(context, *front->listener, *subject, done))) {
    done(api::reject(api::Code::busy, "too many long requests are being worked on; try again"));
  }
}

}  // namespace

void add_why_command(api::Dispatcher& dispatcher, Context& context) {
  dispatcher.on_later("why", [&context](const Json& params, const Done& done) { why(context, params, done); });
}

}  // namespace limpet::control
