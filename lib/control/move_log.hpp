// The last moves with their keys and names, for `show moves` and `show violations`, and counts of those that control
// makes itself. Names are taken when the move is read, as a slot may stand for another backend later. Control thread.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>

#include "control/moment.hpp"
#include "path/reason.hpp"
#include "plan/session_key.hpp"
#include "plan/slot_map.hpp"

namespace limpet::control {

inline constexpr std::size_t moves_kept = 10'000;
inline constexpr std::size_t violations_kept = 1000;

struct LoggedMove {
  std::uint64_t number = 0;  // counts from 1
  std::int64_t time_ms = 0;  // since 1970
  std::string service, key, from, to;
  path::Reason reason = path::Reason::violation;
};

class MoveLog {
 public:
  /// A worker's, which has counted it.
  void add(const path::Move& move, const plan::Plan& plan, const plan::Slots& slots, Moment now) {
    const std::string& listener = slots.listeners.name(move.listener.value());  // "service listen"
    const auto age = now.boot_ms > move.time_ms ? static_cast<std::int64_t>(now.boot_ms - move.time_ms) : 0;
    const auto* persist = move.has_session ? plan.persist_of_scope(record::scope_of(move.session)) : nullptr;
    keep(
        {0, now.unix_ms - age, listener.substr(0, listener.find(' ')),
         persist != nullptr ? plan::key_text(*persist, move.session) : net::Prefix{move.key, move.prefix_length}.text(),
         slots.backends.name(move.from.value()), slots.backends.name(move.to.value()), move.reason});
  }
  /// The operator's, counted here.
  void add_own(LoggedMove move) {
    ++own_[static_cast<std::size_t>(move.reason)];
    keep(std::move(move));
  }

  /// Oldest first.
  [[nodiscard]] const std::deque<LoggedMove>& moves() const noexcept { return moves_; }
  [[nodiscard]] const std::deque<LoggedMove>& violations() const noexcept { return violations_; }
  /// Moves of add_own(), by reason.
  [[nodiscard]] const std::array<std::uint64_t, path::reason_count>& own() const noexcept { return own_; }

 private:
  void keep(LoggedMove move) {
    move.number = ++number_;
    if (move.reason == path::Reason::violation) {
      violations_.push_back(move);
      if (violations_.size() > violations_kept) {
        violations_.pop_front();
      }
    }
    moves_.push_back(std::move(move));
    if (moves_.size() > moves_kept) {
      moves_.pop_front();
    }
  }

  std::uint64_t number_ = 0;
  std::deque<LoggedMove> moves_, violations_;
  std::array<std::uint64_t, path::reason_count> own_{};
};

}  // namespace limpet::control
