#include "path/fragments.hpp"

#include <bit>

namespace limpet::path {

/// A burst may take as many slots as it has packets before those that it frees are given back.
Fragments::Fragments(const Limits& limits)
    : limits_(limits),
      buckets_(std::bit_ceil((std::max(limits.fragments_max, 1u) + ways - 1) / ways)),
      datagrams_(std::make_unique<Datagram[]>(std::size_t{buckets_} * ways)),
      slots_(std::make_unique<Held[]>(limits.fragments_held_max + burst_max)) {
  const std::uint32_t count = limits.fragments_held_max + burst_max;
  for (std::uint32_t i = 0; i < count; ++i) {
    slots_[i].next = i + 1 < count ? i + 1 : none;
  }
  free_ = {0, count - 1};
}

bool Fragments::is_over(const Datagram& datagram, Millis now_ms) const noexcept {
  return datagram.stage == Datagram::Stage::free || now_ms - datagram.since_ms >= limits_.fragment_timeout_ms;
}

Datagram& Fragments::find_or_make(const DatagramKey& key, std::uint64_t hash, Millis now_ms,
                                  counters::Block& counters) noexcept {
  Datagram* const bucket = &datagrams_[(hash & (buckets_ - 1)) * ways];
  Datagram* place = bucket;
  for (unsigned i = 0; i < ways; ++i) {
    Datagram& datagram = bucket[i];
    if (is_over(datagram, now_ms)) {
      place = place->stage == Datagram::Stage::free ? place : &datagram;
    } else if (datagram.key == key) {
      return datagram;
    } else if (!is_over(*place, now_ms) && datagram.since_ms < place->since_ms) {
      place = &datagram;
    }
  }
  end(*place, counters, is_over(*place, now_ms) ? Counter::drop_fragment_timeout : Counter::drop_fragment_full);
  *place = Datagram{};
  place->key = key;
  place->since_ms = now_ms;
  append(*place);
  return *place;
}

void Fragments::append(Datagram& datagram) noexcept {
  const std::uint32_t index = index_of(datagram);
  datagram.stage = Datagram::Stage::waiting;
  datagram.older = newest_;
  datagram.newer = none;
  (newest_ == none ? oldest_ : datagrams_[newest_].newer) = index;
  newest_ = index;
}

void Fragments::unlink(Datagram& datagram) noexcept {
  if (datagram.stage != Datagram::Stage::waiting) {
    return;
  }
  (datagram.older == none ? oldest_ : datagrams_[datagram.older].newer) = datagram.newer;
  (datagram.newer == none ? newest_ : datagrams_[datagram.newer].older) = datagram.older;
}

std::uint32_t Fragments::pop(List& list) noexcept {
  const std::uint32_t index = list.first;
  if (index != none) {
    list.first = slots_[index].next;
    list.last = list.first == none ? none : list.last;
  }
  return index;
}

void Fragments::move_held(Datagram& datagram, List& to) noexcept {
  if (datagram.held == 0) {
    return;
  }
  for (std::uint32_t i = datagram.first_held; i != none; i = slots_[i].next) {
    held_bytes_ -= slots_[i].packet.size;
  }
  (to.first == none ? to.first : slots_[to.last].next) = datagram.first_held;
  to.last = datagram.last_held;
  held_ -= datagram.held;
  datagram.held = 0;
  datagram.first_held = datagram.last_held = none;
}

/// The oldest give way: what comes out of order comes soon after, or never.
bool Fragments::make_room(const Datagram& but, std::uint32_t bytes, counters::Block& counters) noexcept {
  const auto is_full = [&] {
    return held_ >= limits_.fragments_held_max || held_bytes_ + bytes > limits_.fragments_held_bytes;
  };
  while (is_full()) {
    std::uint32_t victim = oldest_;
    if (victim == index_of(but)) {
      victim = but.newer;
    }
    if (victim == none || held_ == but.held) {
      return false;
    }
    end(datagrams_[victim], counters, Counter::drop_fragment_full);
  }
  return true;
}

bool Fragments::hold(Datagram& datagram, const Packet& packet, InterfaceIndex interface,
                     counters::Block& counters) noexcept {
  if (datagram.held >= held_of_one_max || free_.first == none || !make_room(datagram, packet.size, counters)) {
    return false;
  }
  const std::uint32_t index = pop(free_);
  Held& slot = slots_[index];
  slot.packet = packet;
  slot.item = Item{};
  slot.item.interface = interface;
  slot.next = none;
  (datagram.held == 0 ? datagram.first_held : slots_[datagram.last_held].next) = index;
  datagram.last_held = index;
  ++datagram.held;
  ++held_;
  held_bytes_ += packet.size;
  return true;
}

void Fragments::decide(Datagram& datagram, const Item& item) noexcept {
  unlink(datagram);
  datagram.stage = Datagram::Stage::decided;
  datagram.item = item;
  datagram.listener = item.listener == nullptr ? ListenerSlot{} : item.listener->slot;
  datagram.backend = item.backend == nullptr ? BackendSlot{} : item.backend->slot;
  for (std::uint32_t i = datagram.first_held; i != none; i = slots_[i].next) {
    const InterfaceIndex interface = slots_[i].item.interface;
    slots_[i].item = item;
    slots_[i].item.interface = interface;
  }
  move_held(datagram, ready_);
}

void Fragments::refuse(Datagram& datagram, counters::Block& counters, Counter reason) noexcept {
  counters.add(reason, datagram.held);
  unlink(datagram);
  move_held(datagram, ended_);
  datagram.stage = Datagram::Stage::refused;
}

void Fragments::forget(Datagram& datagram) noexcept {
  unlink(datagram);
  move_held(datagram, ended_);
  datagram.stage = Datagram::Stage::free;
}

void Fragments::end(Datagram& datagram, counters::Block& counters, Counter reason) noexcept {
  counters.add(reason, datagram.held);
  forget(datagram);
}

void Fragments::end_all() noexcept {
  while (oldest_ != none) {
    forget(datagrams_[oldest_]);
  }
}

unsigned Fragments::take_ready(Packet* packets, Item* items, unsigned max) noexcept {
  unsigned count = 0;
  for (; count < max && ready_.first != none; ++count) {
    const std::uint32_t index = pop(ready_);
    packets[count] = slots_[index].packet;
    items[count] = slots_[index].item;
    slots_[index].next = free_.first;
    free_ = {index, free_.first == none ? index : free_.last};
  }
  return count;
}

unsigned Fragments::take_ended(Packet* packets, unsigned max) noexcept {
  unsigned count = 0;
  for (; count < max && ended_.first != none; ++count) {
    const std::uint32_t index = pop(ended_);
    packets[count] = slots_[index].packet;
    slots_[index].next = free_.first;
    free_ = {index, free_.first == none ? index : free_.last};
  }
  return count;
}

}  // namespace limpet::path
