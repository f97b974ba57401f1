// How many live sessions an apply would move: every record looked at with the candidate's plan, in slices.
// Reads only. Control thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>

#include "control/configuration.hpp"
#include "path/reason.hpp"
#include "record/key.hpp"

namespace limpet::control {

/// Judges single records.
class Mover {
 public:
  /// Both plans outlive this and name slots alike.
  Mover(const plan::Plan& before, const plan::Plan& after);
  /// The reason for which the record's session moves (or loses its record, which counts alike); nothing: it stays.
  [[nodiscard]] std::optional<path::Reason> judge(const record::Key& key, const record::Record& record) const;

 private:
  /// What a scope's records serve.
  struct Use {
    model::ProfileType type = model::ProfileType::source_ip;
    std::uint8_t prefix4 = 0, prefix6 = 0;
    model::Scope reach = model::Scope::service;
    std::set<std::string> pools;
    [[nodiscard]] bool finds_keys_of(const Use& before, bool v4) const noexcept {
      return type == before.type && (v4 ? prefix4 == before.prefix4 : prefix6 == before.prefix6);
    }
  };
  static std::map<std::uint32_t, Use> uses_of(const plan::Plan& plan);

  const plan::Plan& after_;
  std::map<std::uint32_t, Use> uses_before_, uses_after_;  // by scope
};

}  // namespace limpet::control
