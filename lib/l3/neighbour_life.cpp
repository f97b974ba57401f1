// The life of a neighbour entry: asked for, confirmed, stale, probed, forgotten (RFC 4861, section 7.3).
#include <array>
#include <optional>

#include "base/assert.hpp"
#include "l3/neighbours.hpp"
#include "plan/plan.hpp"

namespace limpet::l3 {
namespace {

AdjacencyState published(NeighbourState state) noexcept {
  switch (state) {
    case NeighbourState::incomplete:
      return AdjacencyState::incomplete;
    case NeighbourState::failed:
      return AdjacencyState::failed;
    default:
      return AdjacencyState::reachable;
  }
}

/// Whom a question about `target` comes from: our address of its network, else any of its family; else what can be
/// made up without configuration.
IpAddress asker(const plan::Interface& interface, const IpAddress& target) noexcept {
  std::optional<IpAddress> any;
  for (const auto& prefix : interface.addresses) {
    if (prefix.contains(target)) {
      return prefix.address;
    }
    if (!any && prefix.address.family() == target.family()) {
      any = prefix.address;
    }
  }
  return any ? *any : target.is_v4() ? IpAddress::v4(std::uint32_t{0}) : link_local_of(interface.mac);
}

}  // namespace

Neighbours::Entry* Neighbours::create(const Key& key, Rate& rate, std::uint32_t rate_max, Millis now_ms) {
  if (entries_.size() >= limits_.entries_max) {
    ++counts_.refused_full;
    return nullptr;
  }
  if (!rate.take(now_ms, rate_max)) {
    ++counts_.refused_rate;
    return nullptr;
  }
  Entry& entry = entries_[key];
  entry.confirmed_ms = now_ms;
  entry.used_ms = now_ms;
  return &entry;
}

void Neighbours::set_state(const Key& key, Entry& entry, NeighbourState state, Millis deadline_ms) {
  if (entry.deadline_ms != 0) {
    deadlines_.erase({entry.deadline_ms, key});
  }
  entry.state = state;
  entry.deadline_ms = deadline_ms;
  if (deadline_ms != 0) {
    deadlines_.insert({deadline_ms, key});
  }
  tell_gateway(key, entry);
  const bool stored = table_.set(key.interface, key.address, published(state), entry.mac);
  LIMPET_ASSERT(stored);  // there are never more entries than the table has room for
}

void Neighbours::confirm(const Key& key, Entry& entry, Millis now_ms) {
  entry.confirmed_ms = now_ms;
  set_state(key, entry, NeighbourState::reachable,
            now_ms + (is_gateway(key) ? limits_.gateway_check_ms : limits_.reachable_ms));
}

void Neighbours::ask(const Key& key, Entry& entry, Millis now_ms) {
  ++entry.asked;
  const Millis wait_ms = entry.asked == 1 ? limits_.first_retry_ms : limits_.retry_ms;
  set_state(key, entry, entry.state, now_ms + wait_ms);
  const plan::Interface& here = *interface(key.interface);
  const Link link{here.mac, here.vlan};
  const net::Mac* const known = entry.state == NeighbourState::probe ? &entry.mac : nullptr;
  const IpAddress source = asker(here, key.address);
  std::array<std::uint8_t, sizeof Frame::bytes> frame;
  const std::size_t size = key.address.is_v4() ? make_arp_request(frame, link, source, key.address, known)
                                               : make_solicitation(frame, link, source, key.address, known);
  send_(key.interface, std::span(frame).first(size));
}

void Neighbours::expire(const Key& key, Entry& entry, Millis now_ms) {
  switch (entry.state) {
    case NeighbourState::incomplete:
    case NeighbourState::probe:
      if (entry.asked <= limits_.retries) {
        ask(key, entry, now_ms);
      } else {
        on_unanswered(key, entry, now_ms);
      }
      break;
    case NeighbourState::reachable:
    case NeighbourState::stale:
      on_stale(key, entry, now_ms);
      break;
    case NeighbourState::failed:
      if (is_gateway(key)) {
        ask(key, entry, now_ms);
        break;
      }
      [[fallthrough]];
    case NeighbourState::fixed:
      forget(key);
      break;
  }
}

void Neighbours::on_unanswered(const Key& key, Entry& entry, Millis now_ms) {
  // Everyone is asked next, which finds the address at another MAC too: for a gateway now, else for the next packet.
  if (entry.state == NeighbourState::probe) {
    if (!is_gateway(key)) {
      return forget(key);
    }
    entry.state = NeighbourState::incomplete;
    entry.asked = 0;
    return ask(key, entry, now_ms);
  }
  ++entry.failures;
  ++counts_.failures;
  set_state(key, entry, NeighbourState::failed, now_ms + (is_gateway(key) ? limits_.retry_ms : limits_.failed_ms));
}

void Neighbours::on_stale(const Key& key, Entry& entry, Millis now_ms) {
  if (table_.take_used(key.interface, key.address) || is_gateway(key)) {
    entry.used_ms = now_ms;
    entry.asked = 0;
    entry.state = NeighbourState::probe;
    ask(key, entry, now_ms);
  } else if (now_ms - entry.used_ms >= limits_.stale_max_ms) {
    forget(key);
  } else {
    set_state(key, entry, NeighbourState::stale, now_ms + limits_.stale_check_ms);
  }
}

void Neighbours::forget(Key key) {
  const auto found = entries_.find(key);
  if (found->second.deadline_ms != 0) {
    deadlines_.erase({found->second.deadline_ms, key});
  }
  entries_.erase(found);
  table_.remove(key.interface, key.address);
}

}  // namespace limpet::l3
