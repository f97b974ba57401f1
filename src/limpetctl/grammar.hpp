// The command line, built from the command table: what the user asked for, or what to tell him.
#pragma once

#include <string>
#include <vector>

#include "api/manual.hpp"
#include "api/wire.hpp"

namespace limpet::ctl {

struct Invocation {
  const api::Command* command = nullptr;  // none: interactive, or `text` says it all
  api::Json params = api::Json::object();
  std::string socket;  // as given, from the environment, or the default
  bool json = false;

  // Help and usage errors: print and leave with this code.
  bool finished = false;
  std::string text;
  api::ExitCode code = api::ExitCode::ok;
};

/// `words` without the program's name.
Invocation parse_words(std::vector<std::string> words);

}  // namespace limpet::ctl
