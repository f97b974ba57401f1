// What spliced connections of one worker need besides their flows: by how much the numbers of the two sides differ, or,
// before there are two, where the connection waits. Two choices of buckets of four, as the flow table has them, and at
// most three entries moved when both are full (two when nearly all is full); pointer-free, so that a mapped file can be
// read by another process. The last word of an entry is written last, in one aligned store, and makes it valid. No
// allocation after start. Private to its worker.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "hash/keyed.hpp"
#include "net/address.hpp"

namespace limpet::splice {

/// A connection as the client knows it. With the listener, as one worker may have equal ones of several.
struct ConnectionKey {
  net::IpAddress client;
  std::uint16_t client_port = 0;
  std::uint16_t listener = 0;  // slot
  friend bool operator==(const ConnectionKey&, const ConnectionKey&) noexcept = default;
};

[[nodiscard]] inline std::uint64_t hash_of(const ConnectionKey& key, const hash::Key& seed) noexcept {
  const std::uint64_t ports = std::uint64_t{key.client_port} << 16 | key.listener;
  return hash::keyed(seed, key.client.high() ^ ports << 32, key.client.low());
}

enum class Phase : std::uint8_t {
  none,        // an empty entry
  open,        // the client's handshake is done; what it says is awaited
  connecting,  // a SYN has gone to the backend
  spliced,
};

/// What is known of a connection once both sides are joined.
struct Joint {
  std::uint32_t difference = 0;  // the client's number less the backend's, of what the backend says
  std::uint32_t own = 0;         // the number in Limpet's SYN-ACK
  int shift_in = 0;
  int shift_out = 0;
  bool blanks_sack = false;
  std::optional<std::uint32_t> later{};  // the client's timestamps less the backend's; nothing: they use none
};

struct alignas(8) Entry {
  net::IpAddress client;
  std::uint16_t client_port = 0;
  std::uint16_t listener = 0;
  /// spliced: the client's number less the backend's, of what the backend says; before: the number in Limpet's SYN-ACK
  std::uint32_t difference = 0;
  /// before: index of what waits. spliced: the number in Limpet's SYN-ACK; edited: of the last byte that the client had
  /// got when it asked last; stamped, which edited ones never are: the client's timestamps less the backend's
  std::uint32_t waiting = 0;
  // One word of bits, as the whole is half a cache line.
  Phase phase : 2 = Phase::none;
  std::uint32_t shift_in : 4 = 0;   // of windows that clients give, to the left
  bool blanks_sack : 1 = false;     // the backend has not offered what the client was promised
  bool asked_anew : 1 = false;      // spliced: a SYN has come since, of who may be another client
  std::uint32_t back_by : 4 = 0;    // of windows that backends give
  bool back_right : 1 = false;      // ... to the right
  bool owned : 1 = false;           // spliced: some of what the client said is still Limpet's to repeat
  bool edited : 1 = false;          // what the backend says is changed: never goes the express way
  bool requested : 1 = false;       // edited: the client has asked, and nothing of the response has come
  std::uint32_t own_mark : 12 = 0;  // spliced: of the number in Limpet's SYN-ACK
  bool owes_cookie : 1 = false;     // edited: the next response gets a cookie
  bool unread : 1 = false;          // no more responses are looked at: they are no HTTP, or come out of step
  bool replying : 1 = false;        // edited: Replies has what was done to the last response, which none outlives
  bool stamped : 1 = false;         // spliced: both sides use timestamps

  /// The bits of a cookie that hang on the client's number: they tell a connection from the next one between its ends.
  [[nodiscard]] static constexpr std::uint32_t mark_of(std::uint32_t own) noexcept { return own >> 8 & 0xfff; }
  /// Of windows that backends give; negative: to the right.
  [[nodiscard]] int shift_out() const noexcept {
    const auto by = static_cast<int>(back_by);
    return back_right ? -by : by;
  }
  /// Data of its connection needs nothing but other numbers.
  [[nodiscard]] bool is_plain() const noexcept {
    return (phase == Phase::spliced) & !(asked_anew | edited | owned);  // bits of one word, not branches
  }
  /// Whatever moment the process is killed at, it is spliced as `joint` says or not at all.
  void join(const Joint& joint) noexcept;
  void clear() noexcept;
  /// Of an empty entry.
  void write(const Entry& from) noexcept;

  [[nodiscard]] bool holds(const ConnectionKey& key) const noexcept {
    return phase != Phase::none && client == key.client && client_port == key.client_port && listener == key.listener;
  }
  [[nodiscard]] ConnectionKey key() const noexcept { return {client, client_port, listener}; }
};
static_assert(sizeof(Entry) == 32 && offsetof(Entry, waiting) == 24);

class Table {
 public:
  /// Room for about `connections_max` connections at a load of 7/8, in memory of its own.
  Table(std::uint64_t connections_max, const hash::Key& seed);
  /// In `memory`, of some bytes_needed(), at a multiple of 64 and zero where nothing is stored.
  /// `with_records`: as bytes_needed() has it; else, to be read only, what versions without places of records left.
  Table(std::span<std::byte> memory, const hash::Key& seed, bool with_records = true) noexcept;
  [[nodiscard]] static std::size_t bytes_needed(std::uint64_t connections_max) noexcept;
  /// Some connections' bytes_needed(), `with_records` or without.
  [[nodiscard]] static bool is_size(std::size_t size_bytes, bool with_records = true) noexcept;

  [[nodiscard]] std::uint64_t hash(const ConnectionKey& key) const noexcept { return hash_of(key, seed_); }
  /// Asks for the bucket where an entry with this hash most likely is.
  void prefetch(std::uint64_t hash) const noexcept {
    const Bucket& bucket = first(hash);
    __builtin_prefetch(&bucket.entries[0]);
    __builtin_prefetch(&bucket.entries[2]);
  }
  /// The other bucket.
  void prefetch_second(std::uint64_t hash) const noexcept {
    const Bucket& bucket = second(hash);
    __builtin_prefetch(&bucket.entries[0]);
    __builtin_prefetch(&bucket.entries[2]);
  }
  [[nodiscard]] Entry* find(const ConnectionKey& key, std::uint64_t hash) const noexcept {
    if (used_ == 0) {
      return nullptr;
    }
    Entry* const entry = find_first(key, hash);
    return entry != nullptr ? entry : find_second(key, hash);
  }
  /// In one of its buckets.
  [[nodiscard]] Entry* find_first(const ConnectionKey& key, std::uint64_t hash) const noexcept {
    return find_in(first(hash), key);
  }
  [[nodiscard]] Entry* find_second(const ConnectionKey& key, std::uint64_t hash) const noexcept {
    return find_in(second(hash), key);
  }
  [[nodiscard]] Entry* find(const ConnectionKey& key) const noexcept { return find(key, hash(key)); }
  /// An entry with this key and phase `open`, which is absent; others may have moved. Null: there is no room.
  [[nodiscard]] Entry* insert(const ConnectionKey& key) noexcept;
  /// A copy of an entry of another table. False: it is there already, or there is no room.
  bool restore(const Entry& from, std::uint32_t record = 0) noexcept;
  /// Where the record of its session lies (record::Table::place_of); 0: nowhere. 0 at first.
  [[nodiscard]] std::uint32_t record_of(const Entry& entry) const noexcept {
    return records_ == nullptr ? 0 : records_[place_of(entry)];
  }
  void set_record(const Entry& entry, std::uint32_t place) noexcept {
    if (records_ != nullptr) {
      records_[place_of(entry)] = place;
    }
  }
  void erase(Entry& entry) noexcept {
    entry.clear();
    --used_;
  }

  [[nodiscard]] std::uint64_t used() const noexcept { return used_; }
  [[nodiscard]] std::uint64_t capacity() const noexcept { return buckets_count_ * bucket_entries; }
  [[nodiscard]] std::uint64_t bucket_count() const noexcept { return buckets_count_; }
  [[nodiscard]] std::uint64_t size_bytes() const noexcept { return buckets_count_ * (sizeof(Bucket) + records_bytes); }
  [[nodiscard]] bool has_own_memory() const noexcept { return buckets_.get_deleter().size_bytes != 0; }

  /// Takes over what another process left in the memory, which may be anything: entries that `accept(entry)` refuses,
  /// that lie in none of their buckets or are there twice are emptied, the others counted. Returns how many it emptied.
  template <class F>
  std::uint64_t adopt(F&& accept) noexcept {
    used_ = 1;  // find() looks
    std::uint64_t dropped = 0;
    std::uint64_t kept = 0;
    const auto clear_unless = [&](auto&& good) {
      kept = 0;
      for (std::uint64_t i = 0; i < buckets_count_; ++i) {
        for (Entry& entry : buckets_[i].entries) {
          if (entry.phase != Phase::none && !good(entry)) {
            entry.clear();
            ++dropped;
          }
          kept += entry.phase != Phase::none ? 1u : 0u;
        }
      }
    };
    clear_unless(accept);
    clear_unless([&](const Entry& entry) { return find(entry.key()) == &entry; });
    used_ = kept;
    return dropped;
  }

  /// Calls `f(entry)` for each.
  template <class F>
  void each(F&& f) noexcept {
    for (std::uint64_t i = 0; i < buckets_count_; ++i) {
      for (Entry& entry : buckets_[i].entries) {
        if (entry.phase != Phase::none) {
          f(entry);
        }
      }
    }
  }

  /// Calls `f(entry)` for each entry of the next `buckets` buckets, all round; it may erase it.
  template <class F>
  void sweep(std::uint64_t buckets, F&& f) noexcept {
    for (; buckets > 0 && used_ != 0; --buckets) {
      for (Entry& entry : buckets_[swept_].entries) {
        if (entry.phase != Phase::none) {
          f(entry);
        }
      }
      swept_ = swept_ + 1 == buckets_count_ ? 0 : swept_ + 1;
    }
  }

 private:
  static constexpr std::size_t bucket_entries = 4;
  struct alignas(64) Bucket {
    std::array<Entry, bucket_entries> entries;
  };
  static_assert(sizeof(Bucket) == 128);
  static constexpr std::size_t records_bytes = bucket_entries * sizeof(std::uint32_t);  // of a bucket
  struct Unmap {
    std::size_t size_bytes;  // 0: somebody else's
    void operator()(Bucket* buckets) const noexcept;
  };

  [[nodiscard]] Bucket& first(std::uint64_t hash) const noexcept { return at(hash >> 32); }
  [[nodiscard]] Bucket& second(std::uint64_t hash) const noexcept { return at(hash & 0xffffffffu); }
  [[nodiscard]] Bucket& at(std::uint64_t half) const noexcept { return buckets_[(half * buckets_count_) >> 32]; }
  static Entry* find_in(Bucket& bucket, const ConnectionKey& key) noexcept {
    for (Entry& entry : bucket.entries) {
      if (entry.holds(key)) {
        return &entry;
      }
    }
    return nullptr;
  }
  [[nodiscard]] std::size_t place_of(const Entry& entry) const noexcept {
    return static_cast<std::size_t>(&entry - buckets_[0].entries.data());
  }
  static Entry* free_in(Bucket& bucket) noexcept;
  Entry* place_for(const ConnectionKey& key) noexcept;
  Entry* make_room(Bucket& bucket, unsigned moves) noexcept;

  std::uint64_t buckets_count_;               // below 2^32
  std::unique_ptr<Bucket[], Unmap> buckets_;  // pages that nobody has touched cost nothing
  std::uint32_t* records_ = nullptr;          // behind the buckets, one for each of their entries
  hash::Key seed_;
  std::uint64_t used_ = 0;
  std::uint64_t swept_ = 0;
};

}  // namespace limpet::splice
