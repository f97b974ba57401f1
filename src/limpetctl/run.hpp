// Carries out one invocation: here (configuration files) or by the daemon.
#pragma once

#include "client.hpp"
#include "grammar.hpp"

namespace limpet::ctl {

/// Prints the answer (standard output) or what is wrong (standard error; with --json standard output).
api::ExitCode run(Invocation invocation, Client& client);

/// Live names for completion; none when the daemon does not answer.
std::vector<std::string> live_names(Client& client, api::Completion kind);

/// Reads commands until the end of input or `exit`: from a terminal with editing, else line by line.
api::ExitCode interact(Client& client, bool json);

}  // namespace limpet::ctl
