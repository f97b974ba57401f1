#include "match/scan.hpp"

#include <hs.h>

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

}  // namespace

std::optional<std::size_t> first_end(const Database& database, Scratch& scratch, std::string_view bytes,
                                     std::uint32_t id) noexcept {
  FirstEnd first{id};
  if (!bytes.empty()) {
    const auto done = hs_scan(database.get(), bytes.data(), size_of(bytes), 0, scratch.get(), on_end, &first);
    LIMPET_ASSERT(done == HS_SUCCESS);
  }
  return first.end == none ? std::nullopt : std::optional<std::size_t>(first.end);
}

void note_ids(const Database& database, Scratch& scratch, std::string_view bytes,
              std::span<std::uint64_t> bits) noexcept {
  if (!bytes.empty()) {
    const auto done = hs_scan(database.get(), bytes.data(), size_of(bytes), 0, scratch.get(), on_any, &bits);
    LIMPET_ASSERT(done == HS_SUCCESS);
  }
}

}  // namespace limpet::match
