// What comes in: frames, wants, the configuration. What entries do with time is in neighbour_life.cpp.
#include "l3/neighbours.hpp"

#include <algorithm>
#include <array>
#include <tuple>

#include "l3/wire.hpp"
#include "net/parse.hpp"
#include "plan/plan.hpp"

namespace limpet::l3 {
namespace {

bool is_host_mac(const net::Mac& mac) noexcept {
  return !mac.is_multicast() && mac != net::Mac{};
}

bool is_on_link(const plan::Interface& interface, const IpAddress& address) noexcept {
  if (!address.is_v4() && (address.high() >> 54) == 0x3fa) {  // fe80::/10
    return true;
  }
  return std::any_of(interface.addresses.begin(), interface.addresses.end(),
                     [&](const net::Prefix& prefix) { return prefix.contains(address); });
}

bool has_address(const plan::Interface& interface, const IpAddress& address) noexcept {
  return std::any_of(interface.addresses.begin(), interface.addresses.end(),
                     [&](const net::Prefix& prefix) { return prefix.address == address; });
}

}  // namespace

std::string_view name_of(NeighbourState state) noexcept {
  switch (state) {
    case NeighbourState::incomplete:
      return "incomplete";
    case NeighbourState::reachable:
      return "reachable";
    case NeighbourState::stale:
      return "stale";
    case NeighbourState::probe:
      return "probe";
    case NeighbourState::failed:
      return "failed";
    case NeighbourState::fixed:
      return "static";
  }
  return "";
}

bool Neighbours::Rate::take(Millis now_ms, std::uint32_t max) noexcept {
  if (now_ms / 1000 != second) {
    second = now_ms / 1000;
    count = 0;
  }
  return count++ < max;
}

Neighbours::Neighbours(AdjacencyTable& table, Send send, Ours ours, NeighbourLimits limits)
    : table_(table), send_(std::move(send)), ours_(std::move(ours)), limits_(limits) {
  limits_.entries_max = std::min(limits_.entries_max, table_.capacity());
}

Neighbours::~Neighbours() = default;

const plan::Interface* Neighbours::interface(InterfaceIndex index) const noexcept {
  return index.value() < interfaces_.size() ? &interfaces_[index.value()] : nullptr;
}

bool Neighbours::is_ours(InterfaceIndex index, const IpAddress& address) const {
  const plan::Interface* const here = interface(index);
  return (here != nullptr && has_address(*here, address)) || (ours_ && ours_(index, address));
}

void Neighbours::on_interfaces(std::span<const plan::Interface> interfaces) {
  std::vector<Key> gone;
  for (const auto& [key, entry] : entries_) {
    const std::size_t index = key.interface.value();
    const bool stays = index < interfaces.size() && index < interfaces_.size() &&
                       interfaces[index].port == interfaces_[index].port &&
                       interfaces[index].vlan == interfaces_[index].vlan;
    if (!stays) {
      gone.push_back(key);
    }
  }
  for (const Key& key : gone) {
    forget(key);
  }
  interfaces_.assign(interfaces.begin(), interfaces.end());
}

void Neighbours::on_frame(InterfaceIndex index, std::span<const std::uint8_t> frame, Millis now_ms) {
  if (interface(index) == nullptr) {
    return;
  }
  Parsed parsed;
  net::parse(frame.data(), frame.size(), frame.size(), parsed);
  if (const auto arp = read_arp(frame, parsed)) {
    on_arp(index, *arp, now_ms);
  } else if (const auto nd = read_nd(frame, parsed)) {
    on_nd(index, *nd, now_ms);
  }
}

void Neighbours::on_arp(InterfaceIndex index, const ArpMessage& message, Millis now_ms) {
  learn({.key = {index, message.sender},
         .mac = &message.sender_mac,
         .answers = message.reply && message.target_mac == interface(index)->mac,
         .may_create = !message.reply && is_ours(index, message.target)},
        now_ms);
}

void Neighbours::on_nd(InterfaceIndex index, const NdMessage& message, Millis now_ms) {
  const net::Mac* const mac = message.link_address ? &*message.link_address : nullptr;
  if (message.advertisement) {  // RFC 4861, section 7.2.5
    learn({.key = {index, message.target},
           .mac = mac,
           .answers = message.solicited,
           .override_entry = message.override_entry},
          now_ms);
  } else if (mac != nullptr) {  // section 7.2.3
    learn({.key = {index, message.source}, .mac = mac, .may_create = is_ours(index, message.target)}, now_ms);
  }
}

void Neighbours::learn(const Claim& claim, Millis now_ms) {
  const plan::Interface& here = *interface(claim.key.interface);
  if (!wire::is_answerable(claim.key.address) || (claim.mac != nullptr && !is_host_mac(*claim.mac))) {
    return;
  }
  if (claim.mac != nullptr && *claim.mac == here.mac) {
    return;  // our own frame come back
  }
  if (is_ours(claim.key.interface, claim.key.address)) {
    ++counts_.address_conflicts;
    return;
  }
  const auto found = entries_.find(claim.key);
  if (found != entries_.end()) {
    if (found->second.state != NeighbourState::fixed) {
      learn_existing(claim.key, found->second, claim, now_ms);
    }
    return;
  }
  if (!claim.may_create || !is_on_link(here, claim.key.address)) {
    return;
  }
  // Half of the room is kept for those whom packets wait for, whatever a host on the link sends.
  if (entries_.size() >= limits_.entries_max / 2) {
    ++counts_.refused_full;
    return;
  }
  if (Entry* const entry = create(claim.key, learned_, limits_.learned_per_second_max, now_ms)) {
    entry->mac = *claim.mac;
    set_state(claim.key, *entry, NeighbourState::stale, now_ms + limits_.stale_check_ms);
  }
}

void Neighbours::learn_existing(const Key& key, Entry& entry, const Claim& claim, Millis now_ms) {
  const bool without_mac = entry.state == NeighbourState::incomplete || entry.state == NeighbourState::failed;
  if (claim.mac == nullptr) {
    if (claim.answers && !without_mac) {
      confirm(key, entry, now_ms);
    }
    return;
  }
  const bool changed = without_mac || entry.mac != *claim.mac;
  if (changed && !without_mac && !claim.override_entry) {  // RFC 4861, section 7.2.5, case I
    if (entry.state == NeighbourState::reachable) {
      set_state(key, entry, NeighbourState::stale, now_ms + limits_.stale_check_ms);
    }
    return;
  }
  entry.mac = *claim.mac;
  if (claim.answers) {
    confirm(key, entry, now_ms);
  } else if (changed) {
    entry.confirmed_ms = now_ms;
    set_state(key, entry, NeighbourState::stale, now_ms + limits_.stale_check_ms);
  }
}

void Neighbours::want(InterfaceIndex index, const IpAddress& address, Millis now_ms) {
  const Key key{index, address};
  if (interface(index) == nullptr || !wire::is_answerable(address) || entries_.contains(key) ||
      is_ours(index, address)) {
    return;
  }
  if (Entry* const entry = create(key, wanted_, limits_.wanted_per_second_max, now_ms)) {
    ask(key, *entry, now_ms);
  }
}

void Neighbours::tick(Millis now_ms) {
  announce_again(now_ms);
  while (!deadlines_.empty() && deadlines_.begin()->first <= now_ms) {
    const Key key = deadlines_.begin()->second;
    expire(key, entries_.at(key), now_ms);
  }
}

void Neighbours::add_static(InterfaceIndex index, const IpAddress& address, const net::Mac& mac, Millis now_ms) {
  fix({.interface = index, .address = address, .mac = mac}, now_ms);
}

void Neighbours::replace_static(std::span<const StaticNeighbour> entries, Millis now_ms) {
  std::vector<Key> gone;
  for (const auto& [key, entry] : entries_) {
    const Key& fixed = key;
    const bool stays = entry.state != NeighbourState::fixed ||
                       std::any_of(entries.begin(), entries.end(), [&](const StaticNeighbour& one) {
                         return Key{one.interface, one.address} == fixed;
                       });
    if (!stays) {
      gone.push_back(key);
    }
  }
  for (const Key& key : gone) {
    forget(key);
  }
  for (const auto& entry : entries) {
    fix(entry, now_ms);
  }
}

void Neighbours::fix(const StaticNeighbour& wanted, Millis now_ms) {
  const Key key{wanted.interface, wanted.address};
  if (!entries_.contains(key) && entries_.size() >= limits_.entries_max) {
    if (deadlines_.empty()) {
      ++counts_.refused_full;
      return;
    }
    forget(deadlines_.begin()->second);
  }
  Entry& entry = entries_[key];
  entry.mac = wanted.mac;
  entry.confirmed_ms = now_ms;
  set_state(key, entry, NeighbourState::fixed, 0);
}

void Neighbours::announce(InterfaceIndex index, std::span<const IpAddress> addresses) {
  for (const IpAddress& address : addresses) {
    announce(Gateway{index, address});
    announcements_.push_back({{index, address}, 0});
  }
}

std::vector<NeighbourRow> Neighbours::list(Millis now_ms) const {
  std::vector<NeighbourRow> rows;
  rows.reserve(entries_.size());
  for (const auto& [key, entry] : entries_) {
    rows.push_back({.interface = key.interface,
                    .address = key.address,
                    .mac = entry.mac,
                    .state = entry.state,
                    .age_ms = now_ms - entry.confirmed_ms,
                    .is_gateway = is_gateway(key),
                    .failures = entry.failures});
  }
  std::sort(rows.begin(), rows.end(), [](const NeighbourRow& a, const NeighbourRow& b) {
    return std::tie(a.interface, a.address) < std::tie(b.interface, b.address);
  });
  return rows;
}

}  // namespace limpet::l3
