// Integers as they lie on the wire. No implicit conversion: a host value is made with `.host()`.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <type_traits>

namespace limpet {

template <std::unsigned_integral T>
constexpr T byte_swap(T value) noexcept {
  if constexpr (sizeof(T) == 1) {
    return value;
  } else if constexpr (sizeof(T) == 2) {
    return static_cast<T>(__builtin_bswap16(value));
  } else if constexpr (sizeof(T) == 4) {
    return __builtin_bswap32(value);
  } else {
    return __builtin_bswap64(value);
  }
}

/// An unsigned integer in network byte order; alignment 1 fields are read with load_be instead.
template <std::unsigned_integral T>
class BigEndian {
 public:
  constexpr BigEndian() noexcept = default;
  explicit constexpr BigEndian(T host) noexcept : raw_(swap(host)) {}
  static constexpr BigEndian from_raw(T raw) noexcept {
    BigEndian value;
    value.raw_ = raw;
    return value;
  }
  [[nodiscard]] constexpr T host() const noexcept { return swap(raw_); }
  [[nodiscard]] constexpr T raw() const noexcept { return raw_; }
  friend constexpr bool operator==(BigEndian, BigEndian) noexcept = default;

 private:
  static constexpr T swap(T value) noexcept {
    return std::endian::native == std::endian::little ? byte_swap(value) : value;
  }
  T raw_ = 0;
};

using be16 = BigEndian<std::uint16_t>;
using be32 = BigEndian<std::uint32_t>;
using be64 = BigEndian<std::uint64_t>;

/// Reads a big-endian integer at any address; the caller has checked that sizeof(T) bytes are there.
template <std::unsigned_integral T>
T load_be(const void* bytes) noexcept {
  T raw;
  __builtin_memcpy(&raw, bytes, sizeof raw);
  return BigEndian<T>::from_raw(raw).host();
}

/// Writes a big-endian integer at any address.
template <std::unsigned_integral T>
void store_be(void* bytes, std::type_identity_t<T> host) noexcept {
  const T raw = BigEndian<T>(host).raw();
  __builtin_memcpy(bytes, &raw, sizeof raw);
}

}  // namespace limpet
