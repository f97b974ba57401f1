// Commands whose data is longer than one message: items printed line by line, page after page; lines of a file sent
// slice by slice. What is in memory at once is bounded.
#pragma once

#include "client.hpp"
#include "grammar.hpp"

namespace limpet::ctl {

/// The outcome of many requests: the outer error is a lost connection or a file that can't be read.
struct Streamed {
  api::Json result;  // numbers of all replies summed, lists joined
  api::ExitCode code = api::ExitCode::ok;
  api::RpcError error;  // unless code is ok
};

/// Prints the items of all pages to standard output, one JSON object a line.
Streamed print_lines(const api::Command& command, api::Json params, Client& client);

/// Sends the lines of the file that `parameter` names ("-": standard input). `params` hold the others.
Streamed send_lines(const api::Command& command, const api::Parameter& parameter, api::Json params, Client& client);

/// The parameter that takes lines, if the command has one.
const api::Parameter* lines_of(const api::Command& command);

}  // namespace limpet::ctl
