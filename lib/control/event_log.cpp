#include "control/event_log.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <ctime>

namespace limpet::control {

std::int64_t unix_ms() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

std::string utc_text(std::int64_t unix_ms) {
  const auto seconds = static_cast<time_t>(unix_ms / 1000);
  tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, unix_ms % 1000);
}

void EventLog::add(std::string_view kind, std::string_view text) {
  std::string kept(text.substr(0, event_text_max_bytes));
  for (char& c : kept) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      c = ' ';  // one line each, and no control codes on a terminal
    }
  }
  if (to_stderr_) {
    std::fprintf(stderr, "limpetd: %.*s: %s\n", static_cast<int>(kind.size()), kind.data(), kept.c_str());
  }
  entries_.push_back({++number_, unix_ms(), std::string(kind), std::move(kept)});
  if (entries_.size() > events_max) {
    entries_.pop_front();
  }
}

}  // namespace limpet::control
