// The last moves with their keys and names, for `show moves`. Names are taken when the move is read, as a slot may
// stand for another backend later. Control thread.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>

#include "path/reason.hpp"
#include "plan/plan.hpp"
#include "plan/slot_map.hpp"

namespace limpet::control {

inline constexpr std::size_t moves_kept = 10'000;

struct LoggedMove {
  std::uint64_t number = 0;  // counts from 1
  std::int64_t time_ms = 0;  // since 1970
  std::string service, key, from, to;
  path::Reason reason = path::Reason::violation;
};

/// The clocks of one moment, to tell a move's time by.
struct Moment {
  Millis boot_ms = 0;
  std::int64_t unix_ms = 0;
};

class MoveLog {
 public:
  void add(const path::Move& move, const plan::Slots& slots, Moment now) {
    const std::string& listener = slots.listeners.name(move.listener.value());  // "service listen"
    const auto age = now.boot_ms > move.time_ms ? static_cast<std::int64_t>(now.boot_ms - move.time_ms) : 0;
    moves_.push_back({++number_, now.unix_ms - age, listener.substr(0, listener.find(' ')),
                      net::Prefix{move.key, move.prefix_length}.text(), slots.backends.name(move.from.value()),
                      slots.backends.name(move.to.value()), move.reason});
    if (moves_.size() > moves_kept) {
      moves_.pop_front();
    }
  }
  /// Oldest first.
  [[nodiscard]] const std::deque<LoggedMove>& moves() const noexcept { return moves_; }

 private:
  std::uint64_t number_ = 0;
  std::deque<LoggedMove> moves_;
};

}  // namespace limpet::control
