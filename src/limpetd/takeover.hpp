// Finding the limpetd that runs, by its socket, and asking it to end. Main thread, at start.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/result.hpp"

namespace limpet::daemon {

/// The process that listens on the socket; nothing when nobody does.
Result<std::optional<pid_t>> daemon_on(const std::string& socket_path);

/// Sends it SIGTERM.
Result<void> ask_to_end(pid_t process);

}  // namespace limpet::daemon
