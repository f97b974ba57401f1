// Which backend takes a new flow: token -> record -> algorithm. Pure and read-only, so that workers, `why` and dry
// runs share it; commit (commit.cpp) makes the decision stick.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string_view>

#include "path/key_loads.hpp"
#include "path/reason.hpp"
#include "plan/choose.hpp"
#include "plan/plan.hpp"
#include "plan/session_key.hpp"
#include "record/table.hpp"

namespace limpet::path {

/// What decided. token: the client names its backend. returned: the record's session goes back to the backend that it
/// had to leave while that was down. split: the key is too heavy for one backend.
enum class Step : std::uint8_t { none, token, record, returned, split, algorithm };
inline constexpr std::array<std::string_view, 6> step_names = {"none",     "token", "record",
                                                               "returned", "split", "algorithm"};

/// Why there is no backend, when there is none.
enum class Refusal : std::uint8_t { none, no_backend, reset, hold, no_record };
inline constexpr std::array<std::string_view, 5> refusal_names = {"none", "no_backend", "reset", "hold", "no_record"};

struct Question {
  const plan::Plan& plan;
  const plan::Listener& listener;
  plan::Tuple tuple;
  std::uint32_t now_s = 0;
  const record::Key* key = nullptr;        // asked for itself; null: what the service's profiles find in the tuple
  const plan::Payload* payload = nullptr;  // what the client has said, where that counts
  const plan::Found* found = nullptr;      // what find_key() finds in all this; null: it is still to be asked
  std::span<const BackendSlot> tried{};    // these have refused the connection or not answered
  bool decided_before = false;             // of the same connection: it has been admitted
};

/// The pool that is asked.
[[nodiscard]] inline const plan::Pool& pool_of(const Question& question) noexcept {
  return plan::pool_of(question.plan, question.plan.service_of(question.listener), question.payload);
}

/// What a decision looks at besides the plan. `key_loads` null: no key is heavy.
struct Sight {
  const record::Table& records;
  plan::Loads loads;
  const KeyLoads* key_loads = nullptr;
};

struct Decision {
  const plan::Backend* backend = nullptr;
  Step step = Step::none;
  Refusal refusal = Refusal::none;
  bool spilled = false;                    // the algorithm's first choice was above its cap
  bool remember = true;                    // false: by rendezvous alone, as there is no room for a record
  const plan::Persist* persist = nullptr;  // the profile whose key counts; null: none found one
  std::uint32_t unfinished = 0;            // plan::Found has it
  record::Key key;                         // with `persist`
  std::uint64_t key_hash = 0;
  std::optional<record::Record> record;  // as found, usable or not
  BackendSlot from;                      // where the session was, when it has to move or its record is out of date
  Reason reason = Reason::violation;     // why it may move; meaningful with `from`
};

/// Reads records, loads and backend states, changes nothing.
Decision decide(const Question& question, const Sight& sight) noexcept;

/// The backend has an address at which the client's packets reach it.
bool reaches(const Question& question, const plan::Backend& backend) noexcept;

/// What the algorithm is asked for this question, with the profile that found a key, or null.
plan::Choosing choosing_for(const Question& question, const plan::Loads& loads, const plan::Persist* persist) noexcept;

/// The backend of this pool that a record or flow stands for, or null: the slot's own, or, where records bind all
/// services of a node, the one of its name.
const plan::Backend* bound_backend(const plan::Plan& plan, const plan::Pool& pool, BackendSlot slot,
                                   const plan::Persist* persist) noexcept;

/// Whether what a record or flow binds may stay with this backend slot of this plan; else the reason it may move.
/// `persist` rules what down and drain mean; null: the defaults.
std::optional<Reason> must_leave(const plan::Plan& plan, const plan::Pool& pool, BackendSlot slot,
                                 const plan::BackendStates& states, const plan::Persist* persist) noexcept;

}  // namespace limpet::path
