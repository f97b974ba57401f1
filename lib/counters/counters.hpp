// Counters: one block per worker, single writer, read relaxed by control. The lists are counters.def, and
// profile_counters.def of what is counted of each profile.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace limpet::counters {

enum class Counter : std::uint16_t {
#define LIMPET_COUNT(name, help) name,
#define LIMPET_DROP(name, help) drop_##name,
#include "counters/counters.def"
#undef LIMPET_COUNT
#undef LIMPET_DROP
  count_
};

inline constexpr std::size_t counter_count = static_cast<std::size_t>(Counter::count_);

struct Description {
  std::string_view name;  // drops carry the prefix "drop_"
  std::string_view help;
  bool is_drop;
};

inline constexpr std::array<Description, counter_count> descriptions = {{
#define LIMPET_COUNT(name, help) {#name, help, false},
#define LIMPET_DROP(name, help) {"drop_" #name, help, true},
#include "counters/counters.def"
#undef LIMPET_COUNT
#undef LIMPET_DROP
}};

enum class ProfileCounter : std::uint8_t {
#define LIMPET_PROFILE_COUNT(name, title, help) name,
#include "counters/profile_counters.def"
#undef LIMPET_PROFILE_COUNT
  count_
};

/// One worker's counters. writer: that worker; readers: control.
template <class Which>
class alignas(64) BlockOf {
 public:
  void add(Which counter, std::uint64_t n = 1) noexcept {
    auto& value = values_[static_cast<std::size_t>(counter)];
    value.store(value.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t get(Which counter) const noexcept {
    return values_[static_cast<std::size_t>(counter)].load(std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<std::uint64_t>, static_cast<std::size_t>(Which::count_)> values_{};
};
using Block = BlockOf<Counter>;
using ProfileBlock = BlockOf<ProfileCounter>;
static_assert(sizeof(ProfileBlock) == 64);

}  // namespace limpet::counters
