#include "plan/slot_map.hpp"

namespace limpet::plan {

std::optional<std::uint32_t> SlotMap::acquire(const std::string& name) {
  if (const auto holder = holders_.find(name); holder != holders_.end()) {
    holder->second.rested = 0;
    return holder->second.slot;
  }
  std::uint32_t slot;
  if (!free_.empty()) {
    slot = free_.back();
    free_.pop_back();
    names_[slot] = name;
  } else if (names_.size() < capacity_) {
    slot = static_cast<std::uint32_t>(names_.size());
    names_.push_back(name);
  } else {
    return std::nullopt;
  }
  holders_[name] = {slot, 0};
  return slot;
}

std::optional<std::uint32_t> SlotMap::find(const std::string& name) const {
  const auto holder = holders_.find(name);
  return holder == holders_.end() ? std::nullopt : std::optional(holder->second.slot);
}

const std::string& SlotMap::name(std::uint32_t slot) const noexcept {
  static const std::string nobody;
  return slot < names_.size() ? names_[slot] : nobody;
}

void SlotMap::keep_only(const std::set<std::string>& used) {
  for (auto& [name, holder] : holders_) {
    if (used.contains(name)) {
      holder.rested = 0;
    } else if (holder.rested == 0) {
      holder.rested = 1;
    }
  }
}

void SlotMap::swept() {
  for (auto holder = holders_.begin(); holder != holders_.end();) {
    auto& [slot, rested] = holder->second;
    if (rested != 0 && ++rested > 2) {
      names_[slot].clear();
      free_.push_back(slot);
      holder = holders_.erase(holder);
    } else {
      ++holder;
    }
  }
}

bool SlotMap::restore(std::uint32_t slot, const std::string& name, bool rests) {
  if (slot >= capacity_ || (slot < names_.size() && !names_[slot].empty()) ||
      !holders_.emplace(name, Holder{slot, rests ? 1u : 0u}).second) {
    return false;
  }
  if (slot >= names_.size()) {
    names_.resize(slot + 1);
  }
  names_[slot] = name;
  return true;
}

void SlotMap::restored() {
  free_.clear();
  for (auto slot = extent(); slot > 0; --slot) {
    if (names_[slot - 1].empty()) {
      free_.push_back(slot - 1);
    }
  }
}

}  // namespace limpet::plan
