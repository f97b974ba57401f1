// docs/limpetctl.md, made from the command table.
#pragma once

#include <string>

#include "api/commands.hpp"

namespace limpet::api {

/// What limpetctl returns to the shell.
enum class ExitCode : int { ok = 0, refused = 1, usage = 2, no_connection = 3 };

inline constexpr const char* socket_default = "/run/limpet/limpetd.sock";
inline constexpr const char* socket_variable = "LIMPET_SOCKET";

/// "limpetctl backend drain POOL/NAME"
std::string usage_line(const Command& command);
std::string manual_markdown();

}  // namespace limpet::api
