// What happened that an operator may ask about: health, applies, admin changes, refusals. Bounded; each entry also
// goes to the daemon's log (standard error). Control thread.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

namespace limpet::control {

/// Entries kept for `show events`; older ones go.
inline constexpr std::size_t events_max = 10'000;
/// Bytes of an entry's text that are kept.
inline constexpr std::size_t event_text_max_bytes = 2000;

struct LoggedEvent {
  std::uint64_t number = 0;  // counts from 1 and never repeats
  std::int64_t time_ms = 0;  // since 1970, UTC
  std::string kind;          // "health", "apply", "admin", "daemon", ...
  std::string text;
};

class EventLog {
 public:
  /// `to_stderr` false: kept only (tests).
  explicit EventLog(bool to_stderr = true) : to_stderr_(to_stderr) {}
  void add(std::string_view kind, std::string_view text);
  /// Oldest first.
  [[nodiscard]] const std::deque<LoggedEvent>& entries() const noexcept { return entries_; }

 private:
  bool to_stderr_;
  std::uint64_t number_ = 0;
  std::deque<LoggedEvent> entries_;
};

/// "2026-01-31T12:00:00.123Z"
std::string utc_text(std::int64_t unix_ms);
/// Milliseconds since 1970, UTC.
std::int64_t unix_ms();

}  // namespace limpet::control
