#include "plan/access_list.hpp"

#include <algorithm>

namespace limpet::plan {
namespace {

constexpr unsigned mapped_bits = 96;  // before an IPv4 address

}  // namespace

struct AccessList::Rule {
  Bound first, last;
  bool allow;
};

AccessList::AccessList(std::span<const net::Prefix> allow, std::span<const net::Prefix> deny) : others_(allow.empty()) {
  std::array<std::vector<Rule>, 2> rules;
  const auto add = [&](const net::Prefix& prefix, bool allowed) {
    const unsigned length = prefix.length + (prefix.address.is_v4() ? mapped_bits : 0);
    const Bound first = bound_of(prefix.address.masked(prefix.length));
    Bound last = first;
    last.high |= length >= 64 ? 0 : ~std::uint64_t{0} >> length;
    last.low |= length <= 64 ? ~std::uint64_t{0} : length == 128 ? 0 : ~std::uint64_t{0} >> (length - 64);
    rules[static_cast<std::size_t>(prefix.address.family())].push_back({first, last, allowed});
  };
  for (const net::Prefix& prefix : allow) {
    add(prefix, true);
  }
  for (const net::Prefix& prefix : deny) {
    add(prefix, false);
  }
  for (std::size_t family = 0; family < rules.size(); ++family) {
    changes_[family] = changes(std::move(rules[family]));
  }
}

/// Prefixes lie in one another or apart: a walk in order of their first addresses, with those that are open on a
/// stack, meets every place where another one begins to count.
std::vector<AccessList::Bound> AccessList::changes(std::vector<Rule> rules) const {
  std::sort(rules.begin(), rules.end(), [](const Rule& one, const Rule& other) {
    return one.first != other.first ? one.first < other.first : other.last < one.last;
  });
  std::vector<Bound> result;
  bool now = others_;
  const auto change = [&](const Bound& at, bool to) {
    if (to == now) {
      return;
    }
    now = to;
    if (!result.empty() && result.back() == at) {
      result.pop_back();  // changed there and back
    } else {
      result.push_back(at);
    }
  };
  std::vector<const Rule*> open;
  const auto close_before = [&](const Bound* next) {
    while (!open.empty() && (next == nullptr || open.back()->last < *next)) {
      Bound after = open.back()->last;
      open.pop_back();
      after.high += ++after.low == 0 ? 1 : 0;
      if (after != Bound{0, 0}) {  // else it reached the end of all addresses
        change(after, open.empty() ? others_ : open.back()->allow);
      }
    }
  };
  for (const Rule& rule : rules) {
    close_before(&rule.first);
    change(rule.first, rule.allow);
    open.push_back(&rule);
  }
  close_before(nullptr);
  return result;
}

bool AccessList::allows(const net::IpAddress& client) const noexcept {
  const std::vector<Bound>& changes = changes_[static_cast<std::size_t>(client.family())];
  const auto after = std::upper_bound(changes.begin(), changes.end(), bound_of(client));
  return others_ != ((after - changes.begin()) % 2 != 0);
}

}  // namespace limpet::plan
