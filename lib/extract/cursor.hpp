// Bounded reading of binary protocols. Inside extract only.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/big_endian.hpp"
#include "extract/found.hpp"

namespace limpet::extract {

/// The bytes of one message, read in order. What fails, fails for good: all later reads give zeros and empty views, and
/// state() says why. Bytes behind the message's end are malformed to ask for; those that have not come yet, incomplete.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) noexcept : bytes_(bytes) {}

  [[nodiscard]] Found state() const noexcept { return state_; }
  [[nodiscard]] bool good() const noexcept { return state_ == Found::value; }
  [[nodiscard]] std::size_t position() const noexcept { return at_; }
  void fail() noexcept { state_ = good() ? Found::malformed : state_; }
  void expect(bool right) noexcept {
    if (!right) {
      fail();
    }
  }
  /// The message ends so many bytes from here; never behind an end that was known.
  void end_in(std::size_t size_bytes) noexcept {
    if (good()) {
      expect(size_bytes <= end_ - at_);
      end_ = std::min(end_, at_ + size_bytes);
    }
  }
  [[nodiscard]] std::size_t left() const noexcept { return end_ - at_; }

  std::string_view view(std::size_t size_bytes) noexcept {
    if (!good()) {
      return {};
    }
    if (size_bytes > end_ - at_) {
      fail();
      return {};
    }
    if (size_bytes > bytes_.size() - at_) {
      state_ = Found::incomplete;
      return {};
    }
    at_ += size_bytes;
    return bytes_.substr(at_ - size_bytes, size_bytes);
  }
  void skip(std::size_t size_bytes) noexcept { view(size_bytes); }
  /// Big-endian.
  template <std::unsigned_integral T>
  T number() noexcept {
    const std::string_view bytes = view(sizeof(T));
    return bytes.empty() ? T{0} : load_be<T>(bytes.data());
  }
  /// The bytes that must come next: `malformed` as soon as one differs.
  void expect_bytes(std::string_view known) noexcept {
    if (good()) {
      const std::string_view here = bytes_.substr(at_, known.size());
      expect(known.starts_with(here));
      skip(known.size());
    }
  }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
  std::size_t end_ = ~std::size_t{0};
  Found state_ = Found::value;
};

}  // namespace limpet::extract
