// What the tests of this folder share: a frame in a block of exact size, parsed.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "l3/messages.hpp"
#include "net/parse.hpp"
#include "support/packet_builder.hpp"

namespace limpet::l3 {

using test::Bytes;
using test::PacketBuilder;

inline Parsed parse_all(const Bytes& frame) {
  Parsed parsed;
  net::parse(frame.data(), frame.size(), frame.size(), parsed);
  return parsed;
}

/// A frame with room behind it, in a heap block that ends where the room ends.
struct Editable {
  explicit Editable(const Bytes& frame, std::size_t room = 64)
      : block(std::make_unique<std::uint8_t[]>(frame.size() + room)),
        buffer{block.get(), frame.size(), frame.size() + room},
        parsed(parse_all(frame)) {
    std::copy(frame.begin(), frame.end(), block.get());
  }
  [[nodiscard]] Bytes bytes(std::size_t size) const { return {block.get(), block.get() + size}; }

  std::unique_ptr<std::uint8_t[]> block;
  Buffer buffer;
  Parsed parsed;
};

}  // namespace limpet::l3
