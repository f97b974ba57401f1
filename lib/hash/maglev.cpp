#include "hash/maglev.hpp"

#include <algorithm>
#include <array>

namespace limpet::hash {
namespace {

constexpr std::array<std::uint32_t, 8> primes = {251, 1009, 4099, 16411, 65537, 262147, 1048583, 6553577};
constexpr std::uint32_t slots_a_candidate = 100;

std::uint32_t size_for(std::size_t candidates) {
  const auto* const size = std::find_if(primes.begin(), primes.end(),
                                        [&](std::uint32_t prime) { return prime >= candidates * slots_a_candidate; });
  return size == primes.end() ? primes.back() : *size;
}

/// The order in which a candidate would like slots: offset, offset + skip, ... modulo the size.
struct Wishes {
  std::uint32_t next;
  std::uint32_t skip;
  std::uint64_t due = 0;  // turns that it has earned, in units of the largest weight
};

}  // namespace

MaglevTable::MaglevTable(const Key& seed, std::vector<MaglevCandidate> candidates)
    : candidates_(std::move(candidates)) {
  fill(seed, size_for(candidates_.size()));
}

MaglevTable::MaglevTable(const Key& seed, std::vector<MaglevCandidate> candidates, std::uint32_t size)
    : candidates_(std::move(candidates)) {
  fill(seed, size);
}

void MaglevTable::fill(const Key& seed, std::uint32_t size) {
  slots_.assign(size, nobody);
  std::vector<Wishes> wishes;
  std::uint64_t weight_max = 0;
  for (const MaglevCandidate& candidate : candidates_) {
    const std::uint64_t hash = keyed(seed, candidate.name_hash, 0);
    wishes.push_back({static_cast<std::uint32_t>((hash >> 32) % size),
                      static_cast<std::uint32_t>((hash & 0xffffffffu) % (size - 1) + 1)});
    weight_max = std::max<std::uint64_t>(weight_max, candidate.weight);
  }
  if (weight_max == 0) {
    return;
  }
  for (std::uint32_t filled = 0; filled < size;) {
    for (std::size_t i = 0; i < wishes.size() && filled < size; ++i) {
      Wishes& wish = wishes[i];
      wish.due += candidates_[i].weight;
      if (wish.due < weight_max) {
        continue;
      }
      wish.due -= weight_max;
      while (slots_[wish.next] != nobody) {
        wish.next = static_cast<std::uint32_t>((std::uint64_t{wish.next} + wish.skip) % size);
      }
      slots_[wish.next] = static_cast<std::uint16_t>(i);
      ++filled;
    }
  }
}

}  // namespace limpet::hash
