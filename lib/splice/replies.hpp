// Responses in hand: heads that are not whole yet, and what was put into one, for as long as its client may have to get
// it once more. Fixed memory, taken at start; few at a time, as each lives for a round trip. Private to its worker.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "net/inserted.hpp"
#include "splice/connection_index.hpp"

namespace limpet::splice {

struct Reply {
  static constexpr std::uint16_t head_max = 4096;
  static constexpr std::uint16_t text_max = 256;

  ConnectionKey key;
  bool reads = false;       // more of the head is to come
  bool tls = false;         // ... which is a ServerHello, if anything
  bool changed = false;     // this head has been
  bool inserts = false;     // the text is bytes more; else it stands in the place of others
  std::uint32_t begin = 0;  // number of the head's first byte, as the backend counts
  std::uint32_t at = 0;     // ... of the byte that the text stands before, or begins at
  std::uint16_t head_size = 0;
  std::uint16_t text_size = 0;  // 0: nothing is changed (yet)
  char* text = nullptr;         // room for text_max bytes
  char* head = nullptr;         // what of it has come; room for head_max bytes

  [[nodiscard]] std::uint32_t next() const noexcept { return begin + head_size; }
  [[nodiscard]] std::string_view text_view() const noexcept { return {text, text_size}; }
  [[nodiscard]] std::string_view head_view() const noexcept { return {head, head_size}; }
  [[nodiscard]] net::Inserted inserted() const noexcept { return {at, inserts ? text_size : std::uint32_t{0}}; }
};

class Replies {
 public:
  Replies(std::uint32_t replies_max, const hash::Key& seed);

  [[nodiscard]] Reply* find(const ConnectionKey& key) noexcept;
  /// An empty one for this connection, in the place of what it had. Null: there are too many; `is_over(key)` tells of
  /// some whether their connection has ended without a word.
  template <class IsOver>
  [[nodiscard]] Reply* add(const ConnectionKey& key, IsOver&& is_over) noexcept {
    if (Reply* const before = find(key)) {
      erase(*before);
    }
    for (unsigned i = 0; free_.empty() && i < looks_max; ++i) {
      looked_ = looked_ + 1 == replies_max_ ? 0 : looked_ + 1;
      if (is_over(replies_[looked_].key)) {
        erase(replies_[looked_]);
      }
    }
    return free_.empty() ? nullptr : put(key);
  }
  void erase(Reply& reply) noexcept;

  [[nodiscard]] std::uint32_t used() const noexcept { return replies_max_ - static_cast<std::uint32_t>(free_.size()); }

 private:
  static constexpr unsigned looks_max = 8;

  [[nodiscard]] Reply* put(const ConnectionKey& key) noexcept;

  const std::uint32_t replies_max_;
  ConnectionIndex places_;
  std::unique_ptr<Reply[]> replies_;
  std::unique_ptr<char[]> bytes_;    // pages that nobody has touched cost nothing
  std::vector<std::uint32_t> free_;  // the last to have been used first; never grows
  std::uint32_t looked_ = 0;
};

}  // namespace limpet::splice
