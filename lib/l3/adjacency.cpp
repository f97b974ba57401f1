#include "l3/adjacency.hpp"

#include <bit>

namespace limpet::l3 {
namespace {

constexpr unsigned state_shift = 48;
constexpr std::uint64_t never_used = 0;
constexpr std::uint64_t removed = std::uint64_t{0xff} << state_shift;

std::uint64_t pack(AdjacencyState state, const net::Mac& mac) noexcept {
  std::uint64_t value = static_cast<std::uint64_t>(state) << state_shift;
  for (unsigned i = 0; i < 6; ++i) {
    value |= std::uint64_t{mac.bytes[i]} << (8 * i);
  }
  return value;
}

Adjacency unpack(std::uint64_t value) noexcept {
  Adjacency result;
  result.state = static_cast<AdjacencyState>(value >> state_shift);
  for (unsigned i = 0; i < 6; ++i) {
    result.mac.bytes[i] = static_cast<std::uint8_t>(value >> (8 * i));
  }
  return result;
}

}  // namespace

AdjacencyTable::AdjacencyTable(std::uint32_t capacity, std::uint64_t seed)
    : capacity_(capacity),
      mask_(std::bit_ceil(std::size_t{capacity} * 2 + 2) - 1),
      seed_(seed),
      entries_(std::make_unique<Entry[]>(mask_ + 1)) {}

Adjacency AdjacencyTable::find(InterfaceIndex interface, const net::IpAddress& address) const noexcept {
  std::size_t slot = first_slot(interface, address);
  for (std::size_t i = 0; i <= mask_; ++i, slot = (slot + 1) & mask_) {
    Entry& entry = entries_[slot];
    // The key loads acquire, so that the second look at the sequence can't move before them: whoever saw a part of
    // a new key also sees that the sequence moved on.
    const auto sequence = entry.sequence.load(std::memory_order_acquire);
    const bool match = entry.interface.load(std::memory_order_acquire) == interface.value() &&
                       entry.high.load(std::memory_order_acquire) == address.high() &&
                       entry.low.load(std::memory_order_acquire) == address.low();
    const auto value = entry.value.load(std::memory_order_acquire);
    if (value == never_used) {
      break;
    }
    if (!match || value == removed || (sequence & 1) != 0 ||
        entry.sequence.load(std::memory_order_relaxed) != sequence) {
      continue;
    }
    if (!entry.used.load(std::memory_order_relaxed)) {
      entry.used.store(true, std::memory_order_relaxed);
    }
    return unpack(value);
  }
  return {};
}

bool AdjacencyTable::set(InterfaceIndex interface, const net::IpAddress& address, AdjacencyState state,
                         const net::Mac& mac) noexcept {
  if (Entry* const entry = entry_of(interface, address)) {
    if (entry->value.exchange(pack(state, mac), std::memory_order_acq_rel) != pack(state, mac)) {
      changed();
    }
    return true;
  }
  if (count_ == capacity_) {
    return false;
  }
  Entry* const entry = free_slot(interface, address);
  const auto sequence = entry->sequence.load(std::memory_order_relaxed);
  entry->sequence.store(sequence + 1, std::memory_order_relaxed);
  entry->interface.store(interface.value(), std::memory_order_release);
  entry->high.store(address.high(), std::memory_order_release);
  entry->low.store(address.low(), std::memory_order_release);
  entry->used.store(false, std::memory_order_relaxed);
  entry->value.store(pack(state, mac), std::memory_order_release);
  entry->sequence.store(sequence + 2, std::memory_order_release);
  ++count_;
  changed();
  return true;
}

void AdjacencyTable::remove(InterfaceIndex interface, const net::IpAddress& address) noexcept {
  Entry* const entry = entry_of(interface, address);
  if (entry == nullptr) {
    return;
  }
  entry->value.store(removed, std::memory_order_release);
  --count_;
  changed();
  // Where no search goes on behind this slot, it and the removed ones before it need not be walked over any more.
  auto slot = static_cast<std::size_t>(entry - entries_.get());
  if (entries_[(slot + 1) & mask_].value.load(std::memory_order_relaxed) != never_used) {
    return;
  }
  while (entries_[slot].value.load(std::memory_order_relaxed) == removed) {
    entries_[slot].value.store(never_used, std::memory_order_release);
    slot = (slot - 1) & mask_;
  }
}

bool AdjacencyTable::take_used(InterfaceIndex interface, const net::IpAddress& address) noexcept {
  Entry* const entry = entry_of(interface, address);
  return entry != nullptr && entry->used.exchange(false, std::memory_order_relaxed);
}

AdjacencyTable::Entry* AdjacencyTable::entry_of(InterfaceIndex interface, const net::IpAddress& address) noexcept {
  std::size_t slot = first_slot(interface, address);
  for (std::size_t i = 0; i <= mask_; ++i, slot = (slot + 1) & mask_) {
    Entry& entry = entries_[slot];
    const auto value = entry.value.load(std::memory_order_relaxed);
    if (value == never_used) {
      return nullptr;
    }
    if (value != removed && entry.interface.load(std::memory_order_relaxed) == interface.value() &&
        entry.high.load(std::memory_order_relaxed) == address.high() &&
        entry.low.load(std::memory_order_relaxed) == address.low()) {
      return &entry;
    }
  }
  return nullptr;
}

AdjacencyTable::Entry* AdjacencyTable::free_slot(InterfaceIndex interface, const net::IpAddress& address) noexcept {
  std::size_t slot = first_slot(interface, address);
  for (;; slot = (slot + 1) & mask_) {  // ends: half of the slots at least hold no entry
    const auto value = entries_[slot].value.load(std::memory_order_relaxed);
    if (value == never_used || value == removed) {
      return &entries_[slot];
    }
  }
}

}  // namespace limpet::l3
