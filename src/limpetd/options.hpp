// The command line of limpetd.
#pragma once

#include <optional>
#include <string>

#include "log.hpp"

namespace limpet::daemon {

struct Options {
  std::string config = "/etc/limpet/limpet.toml";
  bool check = false;
  bool takeover = false;
  Level level = Level::info;
};

/// The options, or nothing and the status to end with (help, version and mistakes have been printed).
std::optional<Options> parse_options(int argc, char** argv, int& status);

}  // namespace limpet::daemon
