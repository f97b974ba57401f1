// Maglev hashing: a table of slots that backends fill in turns, each by its own permutation, as often as its weight
// says. One look-up a choice; a backend that leaves moves few keys of the others (Eisenbud et al., NSDI 2016, section
// 3.4). Built by control, immutable afterwards.
#pragma once

#include <cstdint>
#include <vector>

#include "hash/keyed.hpp"

namespace limpet::hash {

struct MaglevCandidate {
  std::uint64_t name_hash = 0;
  std::uint32_t weight = 1;  // 0: gets no slot
  friend bool operator==(const MaglevCandidate&, const MaglevCandidate&) = default;
};

class MaglevTable {
 public:
  static constexpr std::uint16_t nobody = 0xffff;

  /// At most 65,534 candidates. The size is the least prime of a fixed list that is at least 100 times their number,
  /// 65,537 at most unless more are needed.
  MaglevTable(const Key& seed, std::vector<MaglevCandidate> candidates);
  /// With this many slots; `size` is prime.
  MaglevTable(const Key& seed, std::vector<MaglevCandidate> candidates, std::uint32_t size);

  /// Index of the candidate for a uniform hash; `nobody` when all weights are 0.
  [[nodiscard]] std::uint16_t find(std::uint64_t hash) const noexcept {
    return slots_[static_cast<std::size_t>(((hash >> 32) * slots_.size()) >> 32)];
  }
  [[nodiscard]] const std::vector<std::uint16_t>& slots() const noexcept { return slots_; }
  [[nodiscard]] const std::vector<MaglevCandidate>& candidates() const noexcept { return candidates_; }

 private:
  void fill(const Key& seed, std::uint32_t size);

  std::vector<MaglevCandidate> candidates_;
  std::vector<std::uint16_t> slots_;
};

}  // namespace limpet::hash
