// Slots by name: a listener, backend, endpoint or scope keeps its number from plan to plan, because flows and
// records know it by that number. A freed slot rests until everything that knows it has been swept.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "record/key.hpp"

namespace limpet::plan {

class SlotMap {
 public:
  explicit SlotMap(std::uint32_t capacity) : capacity_(capacity) {}

  /// The name's slot, a new one if need be, which it holds until the next keep_only() at least; nothing when all are
  /// taken or resting.
  std::optional<std::uint32_t> acquire(const std::string& name);
  [[nodiscard]] std::optional<std::uint32_t> find(const std::string& name) const;
  /// The name that holds the slot, also while it rests; empty: nobody.
  [[nodiscard]] const std::string& name(std::uint32_t slot) const noexcept;

  /// Names not in `used` start to rest; those in it that rested come back with their slot.
  void keep_only(const std::set<std::string>& used);
  /// Every table has been swept once more since the last call: slots that have rested for two calls become free.
  void swept();

  [[nodiscard]] std::uint64_t holders() const noexcept { return holders_.size(); }
  /// Calls `f(name, slot, rests)` for each holder.
  template <class F>
  void each(F&& f) const {
    for (const auto& [name, holder] : holders_) {
      f(name, holder.slot, holder.rested != 0);
    }
  }
  /// For an empty map, before restored(): a holder as each() told of it. False when the slot cannot be, or when slot
  /// or name are there already.
  bool restore(std::uint32_t slot, const std::string& name, bool rests);
  /// Slots that nobody was given are free.
  void restored();

  [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }
  /// One above the largest slot ever used.
  [[nodiscard]] std::uint32_t extent() const noexcept { return static_cast<std::uint32_t>(names_.size()); }

 private:
  struct Holder {
    std::uint32_t slot = 0;
    unsigned rested = 0;  // 0: in use; else calls of swept() plus one
  };
  std::uint32_t capacity_;
  std::map<std::string, Holder> holders_;
  std::vector<std::string> names_;  // by slot
  std::vector<std::uint32_t> free_;
};

/// The slots of one node.
struct Slots {
  SlotMap listeners{1u << 16};
  SlotMap backends;
  SlotMap endpoints{1u << 20};
  SlotMap scopes{record::scopes_max};
  explicit Slots(std::uint32_t backends_max) : backends(backends_max) {}
};

}  // namespace limpet::plan
