// What an operator, a monitor and time do to the node: backends come, go, drain, fail and get other weights, the
// model changes. Node and oracle are told alike.
#pragma once

#include <memory>
#include <string>

#include "oracle.hpp"
#include "replay/node.hpp"
#include "scene.hpp"

namespace limpet::sim {

class Script {
 public:
  Script(Random& random, model::Model& model, std::unique_ptr<replay::Node>& node, Oracle& oracle)
      : random_(random), model_(model), node_(node), oracle_(oracle) {}

  /// Makes a change and says which; empty: none this time.
  std::string change();

 private:
  std::string change_state();
  std::string start_slowly(const std::string& name);
  std::string change_pool();
  std::string change_profile();
  std::string change_service();
  std::string apply(std::string what);
  void push_state(const std::string& name);
  /// A random backend, "pool/name".
  std::string some_backend();

  Random& random_;
  model::Model& model_;
  std::unique_ptr<replay::Node>& node_;
  Oracle& oracle_;
};

}  // namespace limpet::sim
