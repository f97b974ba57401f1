// The control thread of the daemon: socket, signals, monitors, neighbours, books. Everything it needs of the
// machine comes through Runtime; it names no device and never waits for a worker or a client.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "control/runtime.hpp"
#include "hash/secret.hpp"
#include "model/model.hpp"

namespace limpet::control {

class Control {
 public:
  /// `runtime` outlives this. `config_path`: what SIGHUP loads again.
  Control(Runtime& runtime, model::Model model, std::string config_path, const hash::Secret& secret);
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;
  ~Control();

  /// Compiles and publishes the first plan, sets the backends' states, starts monitors and opens the socket. To be
  /// called before workers forward; an error tells in one line what is in the way.
  Result<void> start();
  /// Runs until SIGTERM, SIGINT or stop(); the process's exit status. Workers run until after it returns.
  int run();
  /// Ends run(). Any thread.
  void stop();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace limpet::control
