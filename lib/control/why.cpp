// why: the decision that a worker would take for a client, by the very same function, and the live flow if the
// client's port is given.
#include <optional>

#include "control/ask.hpp"
#include "control/context.hpp"
#include "path/decide.hpp"
#include "path/flow_keys.hpp"

namespace limpet::control {
namespace {

using api::Json;

/// Looks for one flow.
class FlowQuestion : public path::Task {
 public:
  void run(path::State& state, const plan::Plan& plan) noexcept override {
    found.reset();
    const plan::Listener* at = plan.listener(listener);
    if (at == nullptr) {
      return;
    }
    path::with_forward_key(*at, connection, [&](const auto& key) { look(state, key); });
    if (!found && at->narrow) {
      look(state, path::wide_forward(*at, connection));  // a flow whose client port is rewritten
    }
  }
  ListenerSlot listener;
  path::Connection connection;
  std::optional<BackendSlot> found;

 private:
  template <class Key>
  void look(path::State& state, const Key& key) noexcept {
    if (const auto* entry = state.flows.find(key, state.flows.hash(key))) {
      found = BackendSlot(entry->peer());
    }
  }
};

std::string_view why_not(const plan::BackendStates& states, const plan::Backend& backend, net::Family family) {
  const auto& state = states[backend.slot];
  const auto admin = state.admin.load(std::memory_order_relaxed);
  if (admin == plan::Admin::offline) {
    return "offline";
  }
  if (state.health.load(std::memory_order_relaxed) == plan::Health::down) {
    return "down";
  }
  if (admin == plan::Admin::drain) {
    return "drain";
  }
  if (backend.endpoint(family).address.is_none()) {
    return family == net::Family::v4 ? "no IPv4 address" : "no IPv6 address";
  }
  return backend.weight == 0 ? "weight 0" : "";
}

Json ruled_out(const Context& context, const plan::Pool& pool, net::Family family) {
  Json list = Json::array();
  for (const auto& backend : pool.backends) {
    if (const auto reason = why_not(context.runtime.backends(), backend, family); !reason.empty()) {
      list.push_back({{"backend", backend.name}, {"reason", reason}});
    }
  }
  return list;
}

std::string words(const Context& context, const path::Decision& decision) {
  const auto& names = context.configuration.slots().backends;
  switch (decision.refusal) {
    case path::Refusal::no_backend:
      return "no backend of the pool takes new sessions";
    case path::Refusal::no_record:
      return "max_records is reached and on_full = refuse";
    case path::Refusal::reset:
      return fmt::format("its record names {}, which is down, and on_down = reset", names.name(decision.from.value()));
    case path::Refusal::hold:
      return fmt::format("its record names {}, which is down, and on_down = hold", names.name(decision.from.value()));
    case path::Refusal::none:
      break;
  }
  if (decision.step == path::Step::record) {
    return "the session's record names it";
  }
  if (decision.from.valid()) {
    return fmt::format("its record named {}, but: {}; the pool's algorithm chose anew",
                       names.name(decision.from.value()),
                       path::reason_names[static_cast<std::size_t>(decision.reason)]);
  }
  return decision.persist == nullptr ? "no profile; the pool's algorithm chose by client address and port"
                                     : "no record; the pool's algorithm chose by the key";
}

/// The answer as far as decide() gives it.
Json decision_json(const Context& context, const plan::Listener& listener, const net::Endpoint& client) {
  const auto& plan = context.configuration.plan();
  const auto& service = plan.service_of(listener);
  const auto family = client.address.family();
  const auto now_s = static_cast<std::uint32_t>(context.runtime.now_ms() / 1000);
  const plan::Tuple tuple{client.address, listener.listen.prefix.address, client.l4_port, listener.listen.l4_port,
                          listener.listen.protocol};
  const auto decision =
      path::decide({plan, listener, tuple, now_s}, {context.runtime.records(), {context.runtime.backends()}, nullptr});
  Json key = nullptr;
  if (decision.persist != nullptr) {
    key = plan::key_text(*decision.persist, decision.key);
  }
  return {{"service", service.name},
          {"client", client.text()},
          {"listen", listener.listen.text()},
          {"step", path::step_names[static_cast<std::size_t>(decision.step)]},
          {"backend", decision.backend == nullptr ? Json(nullptr) : Json(decision.backend->name)},
          {"reason", words(context, decision)},
          {"worker", context.runtime.owner().owner(client.address)},
          {"profile", decision.persist == nullptr ? Json(nullptr) : Json(decision.persist->profile)},
          {"key", std::move(key)},
          {"ruled_out", ruled_out(context, plan.pool_of(service), family)}};
}

class WhyJob : public Asking<FlowQuestion> {
 public:
  WhyJob(Context& context, const plan::Listener& listener, const net::Endpoint& client, Done done)
      : Asking(context.runtime),
        context_(context),
        plan_(context.configuration.shared_plan()),
        reply_(decision_json(context, listener, client)),
        worker_(context.runtime.owner().owner(client.address)),
        done_(std::move(done)) {
    task().listener = listener.slot;
    task().connection = {client.address, listener.listen.prefix.address, client.l4_port, listener.listen.l4_port};
  }
  bool step() override {
    switch (state()) {
      case State::waiting:
        return false;
      case State::idle:
        ask(worker_);
        return false;
      case State::answered:
        break;
    }
    if (task().found) {
      reply_["step"] = "flow";
      reply_["backend"] = context_.configuration.slots().backends.name(task().found->value());
      reply_["reason"] = "a live flow of this address and port goes there";
    }
    done_(reply_);
    return true;
  }

 private:
  Context& context_;
  std::shared_ptr<const plan::Plan> plan_;
  Json reply_;
  unsigned worker_;
  Done done_;
};

/// The listener asked about: by text, or the first of the client's family.
tl::expected<const plan::Listener*, api::RpcError> find_listener(const plan::Plan& plan, const Json& params,
                                                                 net::Family family) {
  const auto& name = params.at("service").get_ref<const std::string&>();
  const auto wanted = params.value("listen", std::string());
  bool known = false;
  for (const auto& listener : plan.listeners) {
    if (plan.service_of(listener).name != name) {
      continue;
    }
    known = true;
    if (listener.listen.prefix.address.family() == family && (wanted.empty() || listener.listen.text() == wanted)) {
      return &listener;
    }
  }
  if (!known) {
    return api::reject(api::Code::not_found, "no service \"{}\" (show services lists them)", name);
  }
  return api::reject(api::Code::not_found, "service {} has no {}listen address {}", name,
                     family == net::Family::v4 ? "IPv4 " : "IPv6 ", wanted);
}

void why(Context& context, const Json& params, const Done& done) {
  const auto client = net::Endpoint::parse(params.at("client").get_ref<const std::string&>());
  if (!client) {
    return done(api::reject(api::Code::invalid_params, "client: expected ADDRESS or ADDRESS:PORT"));
  }
  const auto listener = find_listener(context.configuration.plan(), params, client->address.family());
  if (!listener) {
    return done(tl::unexpected(listener.error()));
  }
  // A flow is found by its exact destination, which a prefix or "*" does not tell.
  const auto& listen = (*listener)->listen;
  if (client->l4_port == 0 || !listen.prefix.is_host() || listen.l4_port == 0) {
    return done(decision_json(context, **listener, *client));
  }
  if (!context.jobs.add(std::make_unique<WhyJob>(context, **listener, *client, done))) {
    done(api::reject(api::Code::busy, "too many long requests are being worked on; try again"));
  }
}

}  // namespace

void add_why_command(api::Dispatcher& dispatcher, Context& context) {
  dispatcher.on_later("why", [&context](const Json& params, const Done& done) { why(context, params, done); });
}

}  // namespace limpet::control
