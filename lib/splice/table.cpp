#include "splice/table.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "base/assert.hpp"

namespace limpet::splice {
namespace {

constexpr std::uint64_t buckets_min = 16;
constexpr std::uint64_t buckets_max = 0xffffffff;

std::uint64_t buckets_for(std::uint64_t connections_max) noexcept {
  return std::clamp(connections_max / 7 * 2 + 2, buckets_min, buckets_max);  // four entries each
}

void* map(std::size_t size_bytes) {
  void* const memory = mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  LIMPET_ASSERT(memory != MAP_FAILED);
  return memory;
}

/// The last word of `from`, in one store, after all that was written before.
void store_last(Entry& entry, const Entry& from) noexcept {
  using Word [[gnu::may_alias]] = std::uint64_t;
  constexpr std::size_t at = offsetof(Entry, waiting);
  Word word = 0;
  std::memcpy(&word, reinterpret_cast<const std::byte*>(&from) + at, sizeof word);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  __atomic_store_n(reinterpret_cast<Word*>(reinterpret_cast<std::byte*>(&entry) + at), word, __ATOMIC_RELEASE);
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

}  // namespace

void Entry::join(const Joint& joint) noexcept {
  difference = joint.difference;
  Entry joined = *this;
  joined.waiting = joint.later.value_or(joint.own);
  joined.phase = Phase::spliced;
  joined.shift_in = static_cast<std::uint32_t>(joint.shift_in) & 0xf;
  joined.back_by = static_cast<std::uint32_t>(std::abs(joint.shift_out)) & 0xf;
  joined.back_right = joint.shift_out < 0;
  joined.blanks_sack = joint.blanks_sack;
  joined.own_mark = mark_of(joint.own) & 0xfff;
  joined.stamped = joint.later.has_value();
  store_last(*this, joined);
}

void Entry::clear() noexcept {
  store_last(*this, Entry{});
}

void Entry::write(const Entry& from) noexcept {
  client = from.client;
  client_port = from.client_port;
  listener = from.listener;
  difference = from.difference;
  store_last(*this, from);
}

void Table::Unmap::operator()(Bucket* buckets) const noexcept {
  if (size_bytes != 0) {
    munmap(buckets, size_bytes);
  }
}

std::size_t Table::bytes_needed(std::uint64_t connections_max) noexcept {
  return buckets_for(connections_max) * (sizeof(Bucket) + records_bytes);
}

bool Table::is_size(std::size_t size_bytes, bool with_records) noexcept {
  const std::size_t each = sizeof(Bucket) + (with_records ? records_bytes : 0), buckets = size_bytes / each;
  return size_bytes % each == 0 && buckets >= buckets_min && buckets <= buckets_max;
}

Table::Table(std::uint64_t connections_max, const hash::Key& seed)
    : buckets_count_(buckets_for(connections_max)),
      buckets_(static_cast<Bucket*>(map(bytes_needed(connections_max))), Unmap{bytes_needed(connections_max)}),
      records_(static_cast<std::uint32_t*>(static_cast<void*>(buckets_.get() + buckets_count_))),
      seed_(seed) {}

Table::Table(std::span<std::byte> memory, const hash::Key& seed, bool with_records) noexcept
    : buckets_count_(memory.size() / (sizeof(Bucket) + (with_records ? records_bytes : 0))),
      buckets_(static_cast<Bucket*>(static_cast<void*>(memory.data())), Unmap{0}),
      records_(with_records ? static_cast<std::uint32_t*>(static_cast<void*>(buckets_.get() + buckets_count_))
                            : nullptr),
      seed_(seed) {}

Entry* Table::free_in(Bucket& bucket) noexcept {
  for (Entry& entry : bucket.entries) {
    if (entry.phase == Phase::none) {
      return &entry;
    }
  }
  return nullptr;
}

/// A place freed in a full bucket, by moving one entry to its other bucket, or up to three in a row. For a moment the
/// entry moved is in both, never in none.
Entry* Table::make_room(Bucket& bucket, unsigned moves) noexcept {
  for (Entry& entry : bucket.entries) {
    const std::uint64_t its = hash(entry.key());
    Bucket& other = &first(its) == &bucket ? second(its) : first(its);
    Entry* const to = moves == 1 ? free_in(other) : &other == &bucket ? nullptr : make_room(other, moves - 1);
    if (to != nullptr) {
      set_record(*to, record_of(entry));
      to->write(entry);
      entry.clear();
      return &entry;
    }
  }
  return nullptr;
}

Entry* Table::place_for(const ConnectionKey& key) noexcept {
  const std::uint64_t hash = this->hash(key);
  for (Bucket* const bucket : {&first(hash), &second(hash)}) {
    if (Entry* const entry = free_in(*bucket)) {
      return entry;
    }
  }
  const unsigned moves_max = used_ * 10 < capacity() * 9 ? 3 : 2;
  for (unsigned moves = 1; moves <= moves_max; ++moves) {
    for (Bucket* const bucket : {&first(hash), &second(hash)}) {
      if (Entry* const entry = make_room(*bucket, moves)) {
        return entry;
      }
    }
  }
  return nullptr;
}

Entry* Table::insert(const ConnectionKey& key) noexcept {
  Entry* const entry = place_for(key);
  if (entry != nullptr) {
    set_record(*entry, 0);
    entry->write(
        Entry{.client = key.client, .client_port = key.client_port, .listener = key.listener, .phase = Phase::open});
    ++used_;
  }
  return entry;
}

bool Table::restore(const Entry& from, std::uint32_t record) noexcept {
  Entry* const entry = find(from.key()) != nullptr ? nullptr : place_for(from.key());
  if (entry != nullptr) {
    set_record(*entry, record);
    entry->write(from);
    ++used_;
  }
  return entry != nullptr;
}

}  // namespace limpet::splice
