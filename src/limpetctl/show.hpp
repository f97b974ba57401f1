// Replies for people: tables, lines, problems.
#pragma once

#include <string>

#include "api/wire.hpp"

namespace limpet::ctl {

/// Ends with a newline.
std::string show_result(const api::Command& command, const api::Json& result);
/// The message, then the problems or changes it carries, one a line.
std::string show_error(const api::RpcError& error);

/// A bad line of a file that was sent: "FILE:7: text".
std::string show_problem(const std::string& file, const api::Json& problem);

}  // namespace limpet::ctl
