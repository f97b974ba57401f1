#include "plan/routing.hpp"

#include <algorithm>

#include "extract/client_hello.hpp"
#include "extract/http_request.hpp"
#include "extract/text.hpp"
#include "match/scan.hpp"
#include "plan/plan.hpp"
#include "plan/session_key.hpp"

namespace limpet::plan {
namespace {

using extract::Value;

constexpr std::size_t name_bytes_max = 255;  // RFC 1035, section 2.3.4

constexpr model::ProfileType type_of(Subject subject) noexcept {
  return subject == Subject::host   ? model::ProfileType::host
         : subject == Subject::path ? model::ProfileType::path
                                    : model::ProfileType::tls_sni;
}

Value read(Subject subject, const Payload& payload, extract::HelloScratch& scratch) noexcept {
  if (!payload.said.empty() || payload.bytes.empty()) {
    for (const Said& one : payload.said) {
      if (one.type == type_of(subject)) {
        return extract::value_of(one.value);
      }
    }
    return {payload.said.empty() && !payload.last ? extract::Found::incomplete : extract::Found::absent};
  }
  const std::string_view bytes(reinterpret_cast<const char*>(payload.bytes.data()), payload.bytes.size());
  if (subject == Subject::sni) {
    return extract::sni(bytes, scratch);
  }
  const extract::Head head = extract::read_request(bytes);
  return subject == Subject::host ? extract::host(head) : extract::path(head);
}

/// Names of hosts are the same in any case, and with the root's dot (RFC 4343; RFC 1034, section 3.1).
std::string_view plain(Subject subject, std::string_view value, std::array<char, name_bytes_max>& room) noexcept {
  if (subject == Subject::path) {
    return value;
  }
  value = extract::lowered(value, room);
  return value.substr(0, value.size() - (value.ends_with('.') ? 1 : 0));
}

}  // namespace

std::uint64_t Routing::hash(Subject subject, bool is_prefix, std::string_view name) const noexcept {
  return hash::keyed(seed_, hash::keyed(seed_, name), static_cast<std::uint64_t>(subject) << 1 | (is_prefix ? 1u : 0u));
}

void Routing::add(Rule rule) {
  Use& use = uses_[static_cast<std::size_t>(rule.subject)];
  use.any = true;
  const auto index = static_cast<std::uint32_t>(rules_.size());
  if (rule.name.empty()) {
    use.patterns.push_back(index);
  } else {
    names_.add(hash(rule.subject, rule.is_prefix, rule.name), index);
  }
  if (rule.subject == Subject::path && !rule.name.empty() &&
      std::find(use.sizes.begin(), use.sizes.end(), rule.name.size()) == use.sizes.end()) {
    use.sizes.push_back(rule.name.size());
  }
  rules_.push_back(std::move(rule));
}

std::uint32_t Routing::find_name(Subject subject, bool is_prefix, std::string_view name) const noexcept {
  const std::uint32_t* const index = names_.find(hash(subject, is_prefix, name));
  return index == nullptr || rules_[*index].name != name ? none : *index;
}

std::uint32_t Routing::find(Subject subject, std::string_view value,
                            const std::array<std::uint64_t, expressions_max / 64>& matched) const noexcept {
  const Use& use = uses_[static_cast<std::size_t>(subject)];
  std::uint32_t first = none;
  if (subject == Subject::path) {
    for (const std::size_t size : use.sizes) {
      if (size <= value.size()) {
        first = std::min(first, find_name(subject, true, value.substr(0, size)));
      }
    }
  } else {
    first = find_name(subject, false, value);
    for (std::size_t dot = value.find('.', 1); dot != std::string_view::npos; dot = value.find('.', dot + 1)) {
      first = std::min(first, find_name(subject, true, value.substr(dot)));
    }
  }
  for (const std::uint32_t index : use.patterns) {
    const std::uint32_t id = rules_[index].pattern;
    if (index < first && (matched[id / 64] >> id % 64 & 1) != 0) {
      return index;
    }
  }
  return first;
}

Routed route(const Service& service, const Payload& payload) noexcept {
  const Routing* const routing = service.routing.get();
  if (routing == nullptr) {
    return {};
  }
  std::uint32_t first = Routing::none;
  std::array<bool, subject_count> unknown{};
  for (const Subject subject : {Subject::host, Subject::path, Subject::sni}) {
    if (!routing->looks_at(subject)) {
      continue;
    }
    extract::HelloScratch scratch;
    const Value value = read(subject, payload, scratch);
    unknown[static_cast<std::size_t>(subject)] = value.found == extract::Found::incomplete && !payload.last;
    if (value.found != extract::Found::value) {
      continue;
    }
    std::array<char, name_bytes_max> room;
    const std::string_view name = plain(subject, value.bytes, room);
    std::array<std::uint64_t, expressions_max / 64> matched{};
    if (routing->has_patterns(subject) && payload.scratch != nullptr) {
      match::note_ids(service.expressions->database, *payload.scratch, name, matched);
    }
    first = std::min(first, routing->find(subject, name, matched));
  }
  for (std::uint32_t index = 0; index < routing->rules().size() && index < first; ++index) {
    if (unknown[static_cast<std::size_t>(routing->rules()[index].subject)]) {
      return {.waits = true};
    }
  }
  if (first == Routing::none) {
    return {};
  }
  const Rule& rule = routing->rules()[first];
  return {rule.branch == Rule::own ? nullptr : &routing->branches[rule.branch], &rule, false};
}

}  // namespace limpet::plan
