#include "match/scan.hpp"

#include <hs.h>

#include <array>
#include <limits>

#include "base/assert.hpp"

namespace limpet::match {
namespace {

constexpr std::uint64_t none = std::numeric_limits<std::uint64_t>::max();

// Hyperscan does not promise that matches come in the order of their ends: the least of all is kept.
struct FirstEnd {
  std::uint32_t id;
  std::uint64_t end = none;
};
int on_end(unsigned id, unsigned long long, unsigned long long to, unsigned, void* context) noexcept {
  auto& first = *static_cast<FirstEnd*>(context);
  if (id == first.id && to < first.end) {
    first.end = to;
  }
  return 0;
}

int on_id(unsigned id, unsigned long long, unsigned long long, unsigned, void* context) noexcept {
  auto& lowest = *static_cast<std::uint64_t*>(context);
  lowest = id < lowest ? id : lowest;
  return lowest == 0 ? 1 : 0;  // nothing is lower
}

int on_any(unsigned id, unsigned long long, unsigned long long, unsigned, void* context) noexcept {
  const auto& bits = *static_cast<const std::span<std::uint64_t>*>(context);
  if (id / 64 < bits.size()) {
    bits[id / 64] |= std::uint64_t{1} << id % 64;
  }
  return 0;
}

unsigned size_of(std::string_view bytes) noexcept {
  LIMPET_ASSERT(bytes.size() <= std::numeric_limits<unsigned>::max());
  return static_cast<unsigned>(bytes.size());
}

std::optional<std::size_t> result(const FirstEnd& first) noexcept {
  return first.end == none ? std::nullopt : std::optional<std::size_t>(first.end);
}

}  // namespace

std::optional<std::size_t> first_end(const Database& database, Scratch& scratch, std::string_view bytes,
                                     std::uint32_t id) noexcept {
  FirstEnd first{id};
  if (!bytes.empty()) {
    const auto done = hs_scan(database.get(), bytes.data(), size_of(bytes), 0, scratch.get(), on_end, &first);
    LIMPET_ASSERT(done == HS_SUCCESS);
  }
  return result(first);
}

std::optional<std::size_t> first_end(const Database& database, Scratch& scratch,
                                     std::span<const std::string_view> pieces, std::uint32_t id) noexcept {
  LIMPET_ASSERT(pieces.size() <= pieces_max);
  std::array<const char*, pieces_max> data;
  std::array<unsigned, pieces_max> sizes;
  unsigned count = 0;
  for (const std::string_view piece : pieces) {
    if (!piece.empty()) {
      data[count] = piece.data();
      sizes[count++] = size_of(piece);
    }
  }
  FirstEnd first{id};
  if (count > 0) {
    const auto done =
        hs_scan_vector(database.get(), data.data(), sizes.data(), count, 0, scratch.get(), on_end, &first);
    LIMPET_ASSERT(done == HS_SUCCESS);
  }
  return result(first);
}

void note_ids(const Database& database, Scratch& scratch, std::string_view bytes,
              std::span<std::uint64_t> bits) noexcept {
  if (!bytes.empty()) {
    const auto done = hs_scan(database.get(), bytes.data(), size_of(bytes), 0, scratch.get(), on_any, &bits);
    LIMPET_ASSERT(done == HS_SUCCESS);
  }
}

std::optional<std::uint32_t> lowest_id(const Database& database, Scratch& scratch, std::string_view bytes) noexcept {
  std::uint64_t lowest = none;
  if (!bytes.empty()) {
    const auto done = hs_scan(database.get(), bytes.data(), size_of(bytes), 0, scratch.get(), on_id, &lowest);
    LIMPET_ASSERT(done == HS_SUCCESS || done == HS_SCAN_TERMINATED);
  }
  return lowest == none ? std::nullopt : std::optional<std::uint32_t>(static_cast<std::uint32_t>(lowest));
}

}  // namespace limpet::match
