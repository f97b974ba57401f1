// Why a session may reach another backend than before (the contract's list). A move without a reason from this
// list is a violation.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/id.hpp"
#include "base/time.hpp"
#include "net/address.hpp"
#include "record/key.hpp"

namespace limpet::path {

// clang-format off
#define LIMPET_MOVE_REASONS(X) \
  X(violation) X(backend_down) X(backend_up) X(backend_removed) X(backend_offline) X(drain_expired) X(idle_timeout) \
  X(max_life) X(operator_clear) X(operator_set) X(model_changed) X(limit) X(token) X(split) X(spill) \
  X(record_evicted) X(not_remembered)
// clang-format on

enum class Reason : std::uint8_t {
#define LIMPET_REASON(name) name,
  LIMPET_MOVE_REASONS(LIMPET_REASON)
#undef LIMPET_REASON
      count_
};
inline constexpr std::size_t reason_count = static_cast<std::size_t>(Reason::count_);

inline constexpr std::array<std::string_view, reason_count> reason_names = {
#define LIMPET_REASON(name) #name,
    LIMPET_MOVE_REASONS(LIMPET_REASON)
#undef LIMPET_REASON
};

/// One move, as the event ring keeps it.
struct Move {
  Millis time_ms = 0;
  net::IpAddress key;  // the client's address, as far as its profile looks at it
  std::uint8_t prefix_length = 0;
  Reason reason = Reason::violation;
  ListenerSlot listener;
  BackendSlot from;
  BackendSlot to;
  bool has_session = false;
  record::Key session{};  // the session's key, where a profile found one
};

}  // namespace limpet::path
