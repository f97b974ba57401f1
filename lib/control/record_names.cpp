#include "control/record_names.hpp"

#include <algorithm>

#include "api/dispatcher.hpp"
#include "plan/lifetime.hpp"

namespace limpet::control {
namespace {

using api::Json;

constexpr std::size_t line_depth_max = 4;

/// Brackets nest no deeper than a line of ours could.
bool is_shallow(std::string_view line) noexcept {
  return static_cast<std::size_t>(
             std::count_if(line.begin(), line.end(), [](char c) { return c == '[' || c == '{'; })) <= line_depth_max;
}

Result<std::string> text_of(const Json& line, const char* name) {
  const auto found = line.find(name);
  if (found == line.end() || !found->is_string()) {
    return fail("\"{}\" is missing or no text", name);
  }
  return found->get<std::string>();
}

/// Seconds; absent: 0.
Result<std::uint32_t> seconds_of(const Json& line, const char* name) {
  const auto found = line.find(name);
  if (found == line.end()) {
    return 0;
  }
  if (!found->is_number_unsigned() || found->get<std::uint64_t>() > INT32_MAX) {
    return fail("\"{}\" is no number of seconds", name);
  }
  return found->get<std::uint32_t>();
}

const plan::Service* find_service(const plan::Plan& plan, const std::string& name) {
  const auto found = std::find_if(plan.services.begin(), plan.services.end(),
                                  [&](const auto& service) { return service.name == name; });
  return found == plan.services.end() ? nullptr : &*found;
}

tl::unexpected<api::RpcError> no_service(const std::string& name) {
  return api::reject(api::Code::not_found, "no service \"{:.60}\" (show services lists them)", name);
}

}  // namespace

std::string RecordNames::key(const record::Key& key) const {
  if (const auto* profile = persist(key)) {
    return plan::key_text(*profile, key);
  }
  return record::prefix_of(key, 32, key.wide ? 128 : 64).text();
}

tl::expected<RecordPlace, api::RpcError> RecordNames::find(const std::string& service, const std::string& profile,
                                                           std::string_view key, const Preference& prefers) const {
  const auto* found = find_service(*plan_, service);
  if (found == nullptr) {
    return no_service(service);
  }
  bool known = profile.empty() && !found->persist.empty();
  std::optional<RecordPlace> place;
  bool preferred = false;
  found->each_branch([&](std::uint32_t, const auto& profiles) {
    for (const auto& persist : profiles) {
      if (preferred || (!profile.empty() && persist.profile != profile)) {
        continue;
      }
      known = true;
      if (const auto parsed = plan::parse_key(persist, key)) {
        const RecordPlace here{&persist, *parsed};
        preferred = prefers && prefers(here);
        place = preferred || !place ? here : *place;
      }
    }
  });
  if (place) {
    return *place;
  }
  if (!known) {
    return profile.empty()
               ? api::reject(api::Code::not_found, "service {} has no profile: it keeps no records", service)
               : api::reject(api::Code::not_found, "service {} has no profile \"{:.60}\"", service, profile);
  }
  return api::reject(api::Code::invalid_params,
                     "key: \"{:.80}\" is no key of {} (records list shows how keys are written)", key,
                     profile.empty() ? "the service's profiles" : "that profile");
}

bool RecordNames::may_name(const plan::Persist& persist, BackendSlot backend) const noexcept {
  if (plan_->backend(backend) == nullptr) {
    return false;
  }
  if (persist.reach == model::Scope::global) {
    return true;
  }
  return persist.pool == plan_->backend_of_slot[backend.value()].pool;
}

std::string RecordNames::home(const record::Key& key, const record::Record& record) const {
  const auto* profile = persist(key);
  if (record.home == record::at_home || profile == nullptr || plan_->backend(record.backend) == nullptr) {
    return {};
  }
  const auto find_in = [&](const plan::Pool& pool) -> const plan::Backend* {
    const auto found = std::find_if(pool.backends.begin(), pool.backends.end(),
                                    [&](const auto& backend) { return record::home_of(backend.slot) == record.home; });
    return found == pool.backends.end() ? nullptr : &*found;
  };
  const auto* found = find_in(plan_->pools[plan_->backend_of_slot[record.backend.value()].pool]);
  for (auto pool = plan_->pools.begin();
       found == nullptr && profile->reach == model::Scope::global && pool != plan_->pools.end(); ++pool) {
    found = find_in(*pool);
  }
  return found == nullptr ? std::string() : found->name;
}

std::vector<std::string> RecordNames::services(std::uint32_t scope) const {
  std::vector<std::string> names;
  for (const auto& service : plan_->services) {
    bool uses = false;
    service.each_branch([&](std::uint32_t, const auto& profiles) {
      uses = uses || std::any_of(profiles.begin(), profiles.end(),
                                 [scope](const auto& persist) { return persist.scope == scope; });
    });
    if (uses) {
      names.push_back(service.name);
    }
  }
  return names;
}

Result<RecordLine> RecordNames::read(std::string_view line) const {
  const Json value = is_shallow(line) ? Json::parse(line, nullptr, false) : Json(Json::value_t::discarded);
  if (!value.is_object()) {
    return fail("expected one JSON object");
  }
  const auto scope = text_of(value, "scope");
  const auto key = scope.and_then([&](const auto&) { return text_of(value, "key"); });
  const auto backend = key.and_then([&](const auto&) { return text_of(value, "backend"); });
  const auto age_s = backend.and_then([&](const auto&) { return seconds_of(value, "age_s"); });
  const auto idle_s = age_s.and_then([&](const auto&) { return seconds_of(value, "idle_s"); });
  if (!idle_s) {
    return tl::unexpected(idle_s.error());
  }
  const auto& slots = configuration_.slots();
  const auto scope_slot = slots.scopes.find(*scope);
  const auto* persist = scope_slot ? plan_->persist_of_scope(*scope_slot) : nullptr;
  if (persist == nullptr) {
    return fail("no service of the configuration has records \"{:.80}\"", *scope);
  }
  const auto parsed = plan::parse_key(*persist, *key);
  if (!parsed) {
    return fail("\"{:.80}\" is no key of profile {}", *key, persist->profile);
  }
  const auto slot = slots.backends.find(*backend);
  if (!slot || !may_name(*persist, BackendSlot(*slot))) {
    return fail("no backend \"{:.80}\" that such a record may name", *backend);
  }
  const auto home = home_of(value, *persist);
  if (!home) {
    return tl::unexpected(home.error());
  }
  return RecordLine{{persist, *parsed}, BackendSlot(*slot), *age_s, *idle_s, *home};
}

/// None when it is absent, null or of a backend that is no more.
Result<std::uint16_t> RecordNames::home_of(const Json& line, const plan::Persist& persist) const {
  const auto found = line.find("home");
  if (found == line.end() || found->is_null()) {
    return record::at_home;
  }
  if (!found->is_string()) {
    return fail("\"home\" is no text");
  }
  const auto slot = configuration_.slots().backends.find(found->get_ref<const std::string&>());
  return slot && may_name(persist, BackendSlot(*slot)) ? record::home_of(BackendSlot(*slot)) : record::at_home;
}

Json RecordNames::write(const record::Key& key, const record::Record& record, std::uint32_t now_s) const {
  const auto home = this->home(key, record);
  return {{"scope", scope(key)},
          {"key", this->key(key)},
          {"backend", backend(record.backend)},
          {"age_s", plan::age_s(now_s, record.created_s)},
          {"idle_s", plan::age_s(now_s, record.used_s)},
          {"home", home.empty() ? Json(nullptr) : Json(home)}};
}

Json RecordNames::row(const record::Key& key, const record::Record& record, std::uint32_t now_s) const {
  Json row = write(key, record, now_s);
  const auto* profile = persist(key);
  row["state"] = record.provisional ? "provisional" : "kept";
  row["timeout_s"] = profile == nullptr ? 0 : profile->idle_timeout_s;
  return row;
}

bool RecordFilter::choose(const plan::Plan& plan, const std::string& service, const std::string& profile,
                          const std::string& key) {
  bool known = profile.empty();
  std::vector<bool> scopes(plan.scopes.size());
  std::vector<record::Key> keys;
  const auto add = [&](const plan::Persist& persist) {
    known = true;
    scopes.at(persist.scope) = true;
    if (const auto parsed = key.empty() ? std::nullopt : plan::parse_key(persist, key)) {
      keys.push_back(*parsed);
    }
  };
  for (const auto& one : plan.services) {
    one.each_branch([&](std::uint32_t, const auto& profiles) {
      for (const auto& persist : profiles) {
        if ((service.empty() || one.name == service) && (profile.empty() || persist.profile == profile)) {
          add(persist);
        }
      }
    });
  }
  scopes_ = std::move(scopes);
  if (!key.empty()) {
    keys_ = std::move(keys);
  }
  return known;
}

tl::expected<RecordFilter, api::RpcError> RecordFilter::parse(const RecordNames& names,
                                                              const Configuration& configuration, const Json& params) {
  RecordFilter filter;
  const auto service = params.value("service", std::string());
  const auto profile = params.value("profile", std::string());
  const auto key = params.value("key", std::string());
  if (!service.empty() && find_service(names.plan(), service) == nullptr) {
    return no_service(service);
  }
  const bool chooses = !service.empty() || !profile.empty() || !key.empty();
  if (chooses && !filter.choose(names.plan(), service, profile, key)) {
    return service.empty()
               ? api::reject(api::Code::not_found, "no service has a profile \"{:.60}\"", profile)
               : api::reject(api::Code::not_found, "service {} has no profile \"{:.60}\"", service, profile);
  }
  if (filter.keys_ && filter.keys_->empty()) {
    return api::reject(api::Code::invalid_params, "key: \"{:.80}\" is no key of these profiles", key);
  }
  if (const auto backend = params.value("backend", std::string()); !backend.empty()) {
    const auto slot = configuration.slots().backends.find(backend);
    if (!slot) {
      return api::reject(api::Code::not_found, "no backend \"{}\" (show backends lists them)", backend);
    }
    filter.backend_ = BackendSlot(*slot);
  }
  return filter;
}

bool RecordFilter::matches(const record::Key& key, const record::Record& record) const {
  const auto scope = record::scope_of(key);
  if (scopes_ && (scope >= scopes_->size() || !(*scopes_)[scope])) {
    return false;
  }
  if (backend_ && record.backend != *backend_) {
    return false;
  }
  return !keys_ || std::find(keys_->begin(), keys_->end(), key) != keys_->end();
}

}  // namespace limpet::control
