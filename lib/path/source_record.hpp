// The record of a client's packet on the express way, where the session is told by its source address alone.
#pragma once

#include "path/state.hpp"
#include "path/wire.hpp"

namespace limpet::path {

template <class Wire>
struct SourceRecord {
  /// `front` follows records.
  SourceRecord(const State& state, const plan::Plan& plan, const plan::Front& front, const std::uint8_t* ip) noexcept
      : persist(&plan.service_of(*plan.listener(ListenerSlot(front.listener))).persist.front()),
        key(record::source_key(Wire::address(ip + Wire::source), persist->prefix4, persist->prefix6, persist->scope)),
        hash(state.node.records.hash(key)) {}

  const plan::Persist* persist;
  record::Key key;  // narrow
  std::uint64_t hash;
};

}  // namespace limpet::path
