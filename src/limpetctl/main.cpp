// limpetctl: the operator's tool. Its grammar is the command table of lib/api; it knows the daemon only by its
// socket.
#include <cstdio>

#include "run.hpp"

int main(int argc, char** argv) {
  using namespace limpet;
  auto invocation = ctl::parse_words({argv + 1, argv + argc});
  if (invocation.finished) {
    std::fputs(invocation.text.c_str(), invocation.code == api::ExitCode::ok ? stdout : stderr);
    return static_cast<int>(invocation.code);
  }
  ctl::Client client(invocation.socket);
  if (invocation.command == nullptr) {
    return static_cast<int>(ctl::interact(client, invocation.json));
  }
  return static_cast<int>(ctl::run(std::move(invocation), client));
}
