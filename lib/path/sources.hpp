// What the clients of one prefix have done at a service that limits its sources: when their next new flow is due, how
// many live flows they have. A fixed table, taken at start; a client's flows are all on one worker, so what is found
// here is all there is. When too many sources are active, those with connections stay, and of the others those that
// have used most of their burst. Worker's thread only.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <utility>

#include "net/address.hpp"
#include "plan/gate.hpp"

namespace limpet::path {

struct SourceUse {
  std::uint64_t high = 0, low = 0;  // its address, masked
  plan::Instant due = 0;            // of its next new flow
  std::uint32_t gate = 0;           // plan::Gate::id; 0: nobody
  std::uint32_t connections = 0;    // live flows
};
static_assert(sizeof(SourceUse) == 32);

class Sources {
 public:
  explicit Sources(std::uint32_t sources_max)
      : count_(std::max<std::uint32_t>((sources_max + a_set - 1) / a_set, 1)), sets_(std::make_unique<Set[]>(count_)) {}

  [[nodiscard]] const SourceUse* find(std::uint32_t gate, const net::IpAddress& address,
                                      std::uint64_t hash) const noexcept {
    for (const SourceUse& source : set(hash).sources) {
      if (source.gate == gate && source.high == address.high() && source.low == address.low()) {
        return &source;
      }
    }
    return nullptr;
  }
  [[nodiscard]] SourceUse* find(std::uint32_t gate, const net::IpAddress& address, std::uint64_t hash) noexcept {
    return const_cast<SourceUse*>(std::as_const(*this).find(gate, address, hash));
  }

  /// The source, made if need be; null: all whose place it could take have connections. `is_gone(gate)`: no service
  /// has that gate any more.
  template <class IsGone>
  SourceUse* take(std::uint32_t gate, const net::IpAddress& address, std::uint64_t hash, IsGone&& is_gone) noexcept {
    if (SourceUse* const known = find(gate, address, hash)) {
      return known;
    }
    SourceUse* room = nullptr;
    for (SourceUse& source : set(hash).sources) {
      if (source.gate != 0 && source.connections != 0 && !is_gone(source.gate)) {
        continue;
      }
      if (room == nullptr || source.gate == 0 || source.due < room->due) {
        room = &source;
      }
      if (source.gate == 0) {
        break;
      }
    }
    if (room != nullptr) {
      used_ += room->gate == 0 ? 1 : 0;
      *room = {address.high(), address.low(), 0, gate, 0};
    }
    return room;
  }

  [[nodiscard]] std::uint64_t capacity() const noexcept { return std::uint64_t{count_} * a_set; }
  [[nodiscard]] std::uint64_t size_bytes() const noexcept { return count_ * sizeof(Set); }
  [[nodiscard]] std::uint64_t used() const noexcept { return used_; }

 private:
  static constexpr std::uint32_t a_set = 8;
  struct alignas(64) Set {
    std::array<SourceUse, a_set> sources;
  };
  [[nodiscard]] Set& set(std::uint64_t hash) const noexcept { return sets_[((hash >> 32) * count_) >> 32]; }

  std::uint32_t count_;
  std::uint64_t used_ = 0;
  std::unique_ptr<Set[]> sets_;
};

}  // namespace limpet::path
