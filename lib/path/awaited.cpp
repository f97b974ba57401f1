#include "path/awaited.hpp"

#include <algorithm>
#include <cstring>

#include "path/join.hpp"

namespace limpet::path {

AwaitedConnections::AwaitedConnections(const Limits& limits, const hash::Key& seed)
    : awaited_(std::make_unique<Awaited[]>(limits.awaited_max)),
      slots_(std::make_unique<Held[]>(limits.awaited_held_max)),
      together_(std::make_unique<std::uint8_t[]>(held_bytes_of_one_max)),
      wanted_(std::make_unique<std::uint32_t[]>(limits.awaited_max)),
      owners_(limits.awaited_max, seed),
      awaited_max_(limits.awaited_max),
      held_max_(limits.awaited_held_max) {
  for (std::uint32_t slot = 0; slot < limits.awaited_held_max; ++slot) {
    append(free_, slot);
  }
  for (std::uint32_t i = limits.awaited_max; i-- != 0;) {
    awaited_[i].newer = free_awaited_;
    free_awaited_ = i;
  }
}

void AwaitedConnections::append(List& list, std::uint32_t slot) noexcept {
  slots_[slot].next = none;
  (list.first == none ? list.first : slots_[list.last].next) = slot;
  list.last = slot;
}

std::uint32_t AwaitedConnections::pop(List& list) noexcept {
  const std::uint32_t slot = list.first;
  list.first = slots_[slot].next;
  return slot;
}

unsigned AwaitedConnections::take(List& list, Packet* packets, unsigned max) noexcept {
  unsigned count = 0;
  while (count < max && list.first != none) {
    const std::uint32_t slot = pop(list);
    packets[count++] = slots_[slot].packet;
    append(free_, slot);
  }
  return count;
}

Awaited* AwaitedConnections::add(const splice::ConnectionKey& key) noexcept {
  if (free_awaited_ == none) {
    return nullptr;
  }
  const std::uint32_t index = free_awaited_;
  free_awaited_ = awaited_[index].newer;
  awaited_[index] = Awaited{};
  awaited_[index].key = key;
  enter_line(awaited_[index]);
  ++count_;
  return &awaited_[index];
}

void AwaitedConnections::enter_line(Awaited& one) noexcept {
  Line& line = line_of(one);
  const std::uint32_t index = index_of(one);
  one.older = line.newest;
  one.newer = none;
  (line.newest == none ? line.oldest : awaited_[line.newest].newer) = index;
  line.newest = index;
}

void AwaitedConnections::leave_line(const Awaited& one) noexcept {
  Line& line = line_of(one);
  (one.older == none ? line.oldest : awaited_[one.older].newer) = one.newer;
  (one.newer == none ? line.newest : awaited_[one.newer].older) = one.older;
  if (line.next_look == index_of(one)) {
    line.next_look = one.newer;
  }
}

void AwaitedConnections::stop_hearing(Awaited& one) noexcept {
  if (one.hears) {
    leave_line(one);
    one.hears = false;
    enter_line(one);
  }
}

bool AwaitedConnections::hold_for_backend(Awaited& one, bool waits) noexcept {
  if (waits && !one.waits_for_backend) {
    if (for_backend_ >= awaited_max_ / 2 || held_ > held_max_ / 2) {
      return false;
    }
    if (one.held == 1 && slots_[one.first_held].segment.says_nothing()) {
      unhold(one, one.first_held, ended_);  // the first acknowledgment: what it was decided by is held next
    }
  }
  for_backend_ += unsigned{waits} - unsigned{one.waits_for_backend};
  one.waits_for_backend = waits;
  return true;
}

void AwaitedConnections::forget(Awaited& one) noexcept {
  const std::uint32_t index = index_of(one);
  leave_line(one);
  hold_for_backend(one, false);
  if (one.is_owner) {
    owners_.remove(one.key, index);
  }
  one = Awaited{};
  one.newer = free_awaited_;
  free_awaited_ = index;
  --count_;
}

/// Takes a packet off its connection's list.
void AwaitedConnections::unhold(Awaited& one, std::uint32_t slot, List& to) noexcept {
  std::uint32_t* link = &one.first_held;
  while (*link != slot) {
    link = &slots_[*link].next;
  }
  *link = slots_[slot].next;
  --one.held;
  --held_;
  append(to, slot);
}

/// The first acknowledgment alone says nothing that data does not say.
void AwaitedConnections::end_superfluous(Awaited& one) noexcept {
  if (one.held > 1 && slots_[one.first_held].segment.says_nothing()) {
    unhold(one, one.first_held, ended_);
  }
}

/// Each goes into the one before it while that has room.
void AwaitedConnections::join_small(Awaited& one) noexcept {
  for (std::uint32_t slot = one.first_held; slot != none; slot = slots_[slot].next) {
    Held& first = slots_[slot];
    while (first.next != none &&
           join(first.packet, first.segment, slots_[first.next].packet, slots_[first.next].segment)) {
      unhold(one, first.next, ended_);
    }
  }
}

void AwaitedConnections::release(Awaited& one) noexcept {
  end_superfluous(one);
  for (std::uint32_t slot = one.first_held, next = none; slot != none; slot = next) {
    next = slots_[slot].next;
    if (!is_owned(one, slots_[slot].segment.sequence)) {
      unhold(one, slot, ready_);
    }
  }
  if (one.held == 0) {
    forget(one);
  }
}

void AwaitedConnections::release_owner(Awaited& one) noexcept {
  owners_.add(one.key, index_of(one));
  one.is_owner = true;
  release(one);
}

Awaited* AwaitedConnections::find_owner(const splice::ConnectionKey& key) noexcept {
  const std::uint32_t index = owners_.find(
      key, [this](std::uint32_t at) -> const auto& { return awaited_[at].key; });
  return index == none ? nullptr : &awaited_[index];
}

bool AwaitedConnections::end_owned(Awaited& one, std::uint32_t number) noexcept {
  while (one.first_held != none && ahead(number, slots_[one.first_held].segment.next()) >= 0) {
    unhold(one, one.first_held, ended_);
  }
  if (one.held != 0) {
    return false;
  }
  forget(one);
  return true;
}

bool AwaitedConnections::can_own(const Awaited& one) const noexcept {
  bool can = true;
  each_held(one, [&](const Packet& packet, const Segment&) { can = can && packet.contiguous == packet.size; });
  return can;
}

void AwaitedConnections::end(Awaited& one) noexcept {
  while (one.first_held != none) {
    unhold(one, one.first_held, ended_);
  }
  forget(one);
}

void AwaitedConnections::end_all() noexcept {
  for (Line* const line : {&hearing_, &others_}) {
    while (line->oldest != none) {
      end(awaited_[line->oldest]);
    }
  }
  while (ready_.first != none) {
    append(ended_, pop(ready_));
  }
}

AwaitedConnections::Hold AwaitedConnections::make_room(Awaited& one, std::uint32_t sequence) noexcept {
  if (one.held == held_of_one_max) {
    join_small(one);
  }
  if (one.held < held_of_one_max) {
    return Hold::held;
  }
  bool has_gap = false;
  std::uint32_t last = none, next = one.client_sequence + 1;
  for (std::uint32_t slot = one.first_held; slot != none; slot = slots_[slot].next) {
    const Segment& there = slots_[slot].segment;
    has_gap = has_gap || ahead(there.sequence, next) > 0;
    next = ahead(there.next(), next) > 0 ? there.next() : next;
    last = slot;
  }
  if (ahead(slots_[last].segment.sequence, sequence) > 0) {
    unhold(one, last, ended_);
    return Hold::held;
  }
  return has_gap ? Hold::outside : Hold::much;
}

AwaitedConnections::Hold AwaitedConnections::hold(Awaited& one, const Packet& packet, const Segment& segment) noexcept {
  const std::uint32_t first = one.client_sequence + 1;
  if (ahead(segment.sequence, first) < 0 || ahead(segment.next(), first) > int{held_bytes_of_one_max}) {
    return ahead(segment.next(), first) <= 0 ? Hold::duplicate : Hold::outside;
  }
  for (std::uint32_t slot = one.first_held, next = none; slot != none; slot = next) {
    const Segment& there = slots_[slot].segment;
    next = slots_[slot].next;
    const bool begins_before = ahead(there.sequence, segment.sequence) <= 0;
    const bool ends_behind = ahead(there.next(), segment.next()) >= 0;
    if (begins_before && ends_behind && (segment.says_nothing() || !there.says_nothing())) {
      return Hold::duplicate;
    }
    if (!there.says_nothing() && ahead(there.sequence, segment.sequence) >= 0 &&
        ahead(there.next(), segment.next()) <= 0) {
      unhold(one, slot, ended_);  // all of it comes again
    }
  }
  if (free_.first == none) {
    return Hold::full;
  }
  if (const Hold room = make_room(one, segment.sequence); room != Hold::held) {
    return room;
  }
  std::uint32_t* link = &one.first_held;
  while (*link != none && ahead(slots_[*link].segment.sequence, segment.sequence) <= 0) {
    link = &slots_[*link].next;
  }
  const std::uint32_t slot = pop(free_);
  slots_[slot] = {packet, segment, *link};
  *link = slot;
  last_held_ = slot;
  ++one.held;
  ++held_;
  return Hold::held;
}

void AwaitedConnections::give_back(Awaited& one) noexcept {
  unhold(one, last_held_, free_);
}

void AwaitedConnections::bring_up(Awaited& one) noexcept {
  end_superfluous(one);
  if (one.first_held != none) {
    unhold(one, one.first_held, ready_);
  }
}

std::span<const std::uint8_t> AwaitedConnections::contents(const Awaited& one) noexcept {
  std::uint32_t next = one.client_sequence + 1;
  std::span<const std::uint8_t> first;
  std::size_t copied = 0;
  for (std::uint32_t slot = one.first_held; slot != none; slot = slots_[slot].next) {
    const Held& held = slots_[slot];
    const std::int32_t known = ahead(next, held.segment.sequence);
    if (known < 0 || held.segment.offset > held.packet.contiguous) {
      break;
    }
    const std::uint32_t at_hand =
        std::min<std::uint32_t>(held.segment.size, std::uint32_t{held.packet.contiguous} - held.segment.offset);
    if (static_cast<std::uint32_t>(known) >= at_hand) {
      continue;
    }
    const std::span<const std::uint8_t> fresh(held.packet.data + held.segment.offset + known,
                                              at_hand - static_cast<std::uint32_t>(known));
    if (first.empty()) {
      first = fresh;
    } else {
      if (copied == 0) {
        std::memcpy(together_.get(), first.data(), first.size());
        copied = first.size();
      }
      std::memcpy(together_.get() + copied, fresh.data(), fresh.size());  // within held_bytes_of_one_max
      copied += fresh.size();
    }
    next += static_cast<std::uint32_t>(fresh.size());
    if (at_hand < held.segment.size) {
      break;
    }
  }
  return copied == 0 ? first : std::span<const std::uint8_t>(together_.get(), copied);
}

const Packet* AwaitedConnections::first_packet(const Awaited& one) const noexcept {
  return one.first_held == none ? nullptr : &slots_[one.first_held].packet;
}

void AwaitedConnections::want(Awaited& one, Wants what) noexcept {
  const bool in_line = one.wants != Wants::nothing;
  if (in_line || wanted_count_ < awaited_max_) {
    one.wants = std::max(one.wants, what);
  }
  if (!in_line && wanted_count_ < awaited_max_) {
    wanted_[(wanted_first_ + wanted_count_) % awaited_max_] = index_of(one);
    ++wanted_count_;
  }
}

Awaited* AwaitedConnections::take_wanted() noexcept {
  while (wanted_count_ != 0) {
    Awaited& one = awaited_[wanted_[wanted_first_]];
    wanted_first_ = (wanted_first_ + 1) % awaited_max_;
    --wanted_count_;
    if (one.wants != Wants::nothing) {  // else it has been forgotten meanwhile
      return &one;
    }
  }
  return nullptr;
}

}  // namespace limpet::path
