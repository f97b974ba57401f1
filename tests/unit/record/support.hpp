// A record table with memory of its own, and keys by number.
#pragma once

#include <cstdlib>
#include <cstring>
#include <memory>

#include "record/table.hpp"

namespace limpet::record::test {

struct Memory {
  explicit Memory(Sizes sizes) : bytes(Table::bytes_needed(sizes)), begin(std::aligned_alloc(64, bytes), &std::free) {
    std::memset(begin.get(), 0, bytes);
  }
  [[nodiscard]] std::span<std::byte> span() const { return {static_cast<std::byte*>(begin.get()), bytes}; }
  std::size_t bytes;
  std::unique_ptr<void, decltype(&std::free)> begin;
};

struct Owned {
  explicit Owned(Sizes sizes) : memory(sizes), table(Table::create(memory.span(), sizes, {11, 22}).value()) {}
  Memory memory;
  Table table;
};

inline Key narrow_key(std::uint64_t n) {
  return source_key(net::IpAddress::v4(static_cast<std::uint32_t>(0x0a000000 + n)), 32, 64, 3);
}
inline Key wide_key(std::uint64_t n) {
  return {0x20010db800000000, n, 3, true};
}
inline Key key_of(bool wide, std::uint64_t n) {
  return wide ? wide_key(n) : narrow_key(n);
}
inline Sizes sizes_of(bool wide, std::uint64_t records) {
  return wide ? Sizes{0, records} : Sizes{records, 0};
}

}  // namespace limpet::record::test
