// Which backend takes a new flow: token -> record -> algorithm. Pure and read-only, so that workers, `why` and dry
// runs share it; commit (bind.cpp) makes the decision stick.
#pragma once

#include <optional>

#include "path/reason.hpp"
#include "plan/choose.hpp"
#include "plan/plan.hpp"
#include "record/table.hpp"

namespace limpet::path {

/// What decided.
enum class Step : std::uint8_t { none, record, algorithm };

/// Why there is no backend, when there is none.
enum class Refusal : std::uint8_t { none, no_backend, reset, hold };

struct Question {
  const plan::Plan& plan;
  const plan::Listener& listener;
  net::IpAddress client;
  std::uint16_t client_port = 0;
  std::uint32_t now_s = 0;
};

struct Decision {
  const plan::Backend* backend = nullptr;
  Step step = Step::none;
  Refusal refusal = Refusal::none;
  const plan::Persist* persist = nullptr;  // the profile whose key counts; null: none is configured
  record::Key key;                         // with `persist`
  std::uint64_t key_hash = 0;
  std::optional<record::Record> record;  // as found, usable or not
  BackendSlot from;                      // where the session was, when it has to move or its record is out of date
  Reason reason = Reason::violation;     // why it may move; meaningful with `from`
};

/// Reads records and backend states, changes nothing.
Decision decide(const Question& question, const record::Table& records, const plan::BackendStates& states) noexcept;

/// The backend of this pool that a record or flow stands for, or null: the slot's own, or, where records bind all
/// services of a node, the one of its name.
const plan::Backend* bound_backend(const plan::Plan& plan, const plan::Pool& pool, BackendSlot slot,
                                   const plan::Persist* persist) noexcept;

/// Whether what a record or flow binds may stay with this backend slot of this plan; else the reason it may move.
/// `persist` rules what down and drain mean; null: the defaults.
std::optional<Reason> must_leave(const plan::Plan& plan, const plan::Pool& pool, BackendSlot slot,
                                 const plan::BackendStates& states, const plan::Persist* persist) noexcept;

}  // namespace limpet::path
