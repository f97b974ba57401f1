// What every reader of keys has to hold to, whatever the bytes are. Byte 0 of an input says how much of the rest is a
// beginning that came alone, in parts of 255.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string_view>

#include "base/assert.hpp"
#include "extract/found.hpp"

namespace limpet::fuzz {

using extract::Found;
using extract::Value;

/// A heap block of just these bytes.
class Block {
 public:
  explicit Block(std::string_view bytes) : bytes_(std::make_unique<char[]>(bytes.size())), size_(bytes.size()) {
    std::copy(bytes.begin(), bytes.end(), bytes_.get());
  }
  [[nodiscard]] std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t size_;
};

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size)
      : whole_(text(data, size)),
        beginning_(whole_.view().substr(0, whole_.view().size() * (size > 0 ? data[0] : 0) / 255)) {}

  [[nodiscard]] std::string_view whole() const { return whole_.view(); }

  /// Asks of both: what the beginning says stays so, and a value is not empty. Returns what the whole says.
  template <class Read>
  auto ask(Read&& read) const {
    const auto early = read(beginning_.view());
    const auto late = read(whole_.view());
    LIMPET_ASSERT(early.found == Found::incomplete || early == late);
    return late;
  }
  /// The same of readers that give a view: it lies inside the bytes, or in `elsewhere`.
  template <class Read>
  Value ask_view(Read&& read, std::string_view elsewhere = {}) const {
    const auto checked = [&](std::string_view bytes) {
      const Value value = read(bytes);
      LIMPET_ASSERT((value.found == Found::value) == !value.bytes.empty());
      LIMPET_ASSERT(value.bytes.empty() || inside(value.bytes, bytes) || inside(value.bytes, elsewhere));
      return value;
    };
    const Value early = checked(beginning_.view());
    const Block kept(early.bytes);  // `elsewhere` is written anew
    const Value late = checked(whole_.view());
    LIMPET_ASSERT(early.found == Found::incomplete || (early.found == late.found && kept.view() == late.bytes));
    return late;
  }

 private:
  static std::string_view text(const std::uint8_t* data, std::size_t size) {
    return size > 0 ? std::string_view(reinterpret_cast<const char*>(data) + 1, size - 1) : std::string_view{};
  }
  static bool inside(std::string_view part, std::string_view all) {
    constexpr std::less_equal<const char*> not_behind;
    return not_behind(all.data(), part.data()) && not_behind(part.data() + part.size(), all.data() + all.size());
  }
  Block whole_, beginning_;
};

}  // namespace limpet::fuzz
