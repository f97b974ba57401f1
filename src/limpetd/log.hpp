// Lines on stderr, for the journal: "limpetd: warning: ...". Main thread; never per packet.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <string_view>

namespace limpet::daemon {

enum class Level : std::uint8_t { error, warning, info };

class Log {
 public:
  explicit Log(Level most) : most_(most) {}
  void error(std::string_view text) const { put(Level::error, "", text); }
  void warning(std::string_view text) const { put(Level::warning, "warning: ", text); }
  void info(std::string_view text) const { put(Level::info, "", text); }

 private:
  void put(Level level, std::string_view prefix, std::string_view text) const {
    if (level <= most_) {
      fmt::print(stderr, "limpetd: {}{}\n", prefix, text);
    }
  }
  Level most_;
};

}  // namespace limpet::daemon
