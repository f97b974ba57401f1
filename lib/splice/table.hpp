// What spliced connections of one worker need besides their flows: by how much the numbers of the two sides differ, or,
// before there are two, where the connection waits. Two choices of buckets of four, as the flow table has them; never
// moved, no allocation after start. Private to its worker.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

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

enum class Phase : std::uint8_t {
  none,        // an empty entry
  open,        // the client's handshake is done; what it says is awaited
  connecting,  // a SYN has gone to the backend
  spliced,
};

struct Entry {
  net::IpAddress client;
  std::uint16_t client_port = 0;
  std::uint16_t listener = 0;
  /// spliced: the client's number less the backend's, of what the backend says; before: the number in Limpet's SYN-ACK
  std::uint32_t difference = 0;
  /// before: index of what waits. spliced: the number in Limpet's SYN-ACK; edited: of the last byte that the client had
  /// got when it asked last
  std::uint32_t waiting = 0;
  Phase phase = Phase::none;
  std::int8_t shift_in = 0;      // of windows that clients give; negative: to the right
  std::int8_t shift_out = 0;     // of windows that backends give
  bool blanks_sack : 1 = false;  // the backend has not offered what the client was promised
  bool asked_anew : 1 = false;   // spliced: a SYN has come since, of who may be another client
  bool edited : 1 = false;       // what the backend says is changed: never goes the express way
  bool requested : 1 = false;    // edited: the client has asked, and nothing of the response has come
  bool owes_cookie : 1 = false;  // edited: the next response gets a cookie
  bool unread : 1 = false;       // no more responses are looked at: they are no HTTP, or come out of step
  bool replying : 1 = false;     // edited: Replies has what was done to the last response, which none outlives

  [[nodiscard]] bool holds(const ConnectionKey& key) const noexcept {
    return phase != Phase::none && client == key.client && client_port == key.client_port && listener == key.listener;
  }
  [[nodiscard]] ConnectionKey key() const noexcept { return {client, client_port, listener}; }
};
static_assert(sizeof(Entry) == 32);

class Table {
 public:
  /// Room for about `connections_max` connections at a load of one half.
  Table(std::uint64_t connections_max, const hash::Key& seed);

  [[nodiscard]] Entry* find(const ConnectionKey& key) noexcept;
  /// An entry with this key and phase `open`, which is absent; null: both its buckets are full.
  [[nodiscard]] Entry* insert(const ConnectionKey& key) noexcept;
  void erase(Entry& entry) noexcept {
    entry = Entry{};
    --used_;
  }

  [[nodiscard]] std::uint64_t used() const noexcept { return used_; }
  [[nodiscard]] std::uint64_t capacity() const noexcept { return buckets_count_ * bucket_entries; }
  [[nodiscard]] std::uint64_t bucket_count() const noexcept { return buckets_count_; }

  /// Calls `f(entry)` for each entry of the next `buckets` buckets, all round; it may erase it.
  template <class F>
  void sweep(std::uint64_t buckets, F&& f) noexcept {
    for (; buckets > 0 && used_ != 0; --buckets) {
      for (Entry& entry : buckets_[swept_]) {
        if (entry.phase != Phase::none) {
          f(entry);
        }
      }
      swept_ = swept_ + 1 == buckets_count_ ? 0 : swept_ + 1;
    }
  }

 private:
  static constexpr std::size_t bucket_entries = 4;
  using Bucket = std::array<Entry, bucket_entries>;
  struct Unmap {
    std::size_t size_bytes;
    void operator()(Bucket* buckets) const noexcept;
  };

  [[nodiscard]] std::array<Bucket*, 2> buckets_of(const ConnectionKey& key) const noexcept;

  std::uint64_t buckets_count_;
  std::unique_ptr<Bucket[], Unmap> buckets_;  // pages that nobody has touched cost nothing
  hash::Key seed_;
  std::uint64_t used_ = 0;
  std::uint64_t swept_ = 0;
};

}  // namespace limpet::splice
