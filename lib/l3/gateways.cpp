// Next hops of routes, which are watched whether packets flow or not; and what is told about our own addresses.
#include <algorithm>
#include <array>

#include "l3/neighbours.hpp"
#include "plan/plan.hpp"

namespace limpet::l3 {

std::vector<Gateway> gateways_of(const plan::RouteTable& routes) {
  std::vector<Gateway> gateways;
  routes.each_gateway([&](const plan::Hop& hop) { gateways.push_back({hop.interface, hop.next_hop}); });
  return gateways;
}

void Neighbours::replace_gateways(std::span<const Gateway> gateways, Millis now_ms) {
  gateways_.clear();
  for (const Gateway& gateway : gateways) {
    const Key key{gateway.interface, gateway.address};
    if (interface(key.interface) == nullptr || is_ours(key.interface, key.address)) {
      continue;
    }
    gateways_.insert(gateway);
    if (!entries_.contains(key) && entries_.size() < limits_.entries_max) {
      Entry& entry = entries_[key];
      entry.confirmed_ms = now_ms;
      ask(key, entry, now_ms);
    }
  }
}

/// Fixed ones are believed to be there.
void Neighbours::tell_gateway(const Key& key, Entry& entry) {
  const bool answers = entry.state == NeighbourState::reachable;
  const auto now = answers ? Entry::Told::answers : Entry::Told::fails;
  if ((!answers && entry.state != NeighbourState::failed) || entry.told == now || !is_gateway(key)) {
    return;
  }
  const bool first = std::exchange(entry.told, now) == Entry::Told::nothing;
  if (!first || !answers) {  // that it answers from the start on is as it should be
    news_.push_back({{key.interface, key.address}, answers});
  }
}

std::vector<GatewayNews> Neighbours::take_news() {
  return std::exchange(news_, {});
}

void Neighbours::announce(const Gateway& ours) {
  const plan::Interface* const here = interface(ours.interface);
  if (here == nullptr) {
    return;
  }
  const Link link{here->mac, here->vlan};
  std::array<std::uint8_t, sizeof Frame::bytes> frame;
  const std::size_t size = ours.address.is_v4() ? make_gratuitous_arp(frame, link, ours.address)
                                                : make_unsolicited_advertisement(frame, link, ours.address);
  send_(ours.interface, std::span(frame).first(size));
}

/// A frame may be lost, or the link be down for a moment after the start.
void Neighbours::announce_again(Millis now_ms) {
  std::erase_if(announcements_, [&](Announcement& one) {
    one.due_ms = one.due_ms == 0 ? now_ms + limits_.announce_ms : one.due_ms;
    const bool due = one.due_ms <= now_ms;
    if (due && is_ours(one.ours.interface, one.ours.address)) {
      announce(one.ours);
    }
    return due;
  });
}

}  // namespace limpet::l3
