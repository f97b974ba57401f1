// DPDK's environment (EAL) and its devices: started once per process by the main thread, before any other thread.
// What goes wrong is told in one sentence that says what to do.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "model/model.hpp"

namespace limpet::nic {

class Eal {
 public:
  /// EAL without devices. Its own messages are kept back; the last error goes into the result.
  static Result<std::unique_ptr<Eal>> start(const model::Model& model);
  Eal(const Eal&) = delete;
  Eal& operator=(const Eal&) = delete;
  ~Eal();

  /// Makes a device usable and returns its DPDK port id. `place` names it in messages ("ports.front").
  Result<std::uint16_t> attach(const std::string& place, const std::string& device);

 private:
  Eal() = default;
};

}  // namespace limpet::nic
