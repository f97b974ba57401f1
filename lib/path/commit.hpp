// Makes a decision stick: the record is claimed, refreshed or moved, and the move counted. The loser of a race for
// a key takes the winner's backend.
#pragma once

#include "path/decide.hpp"
#include "path/state.hpp"

namespace limpet::path {

/// Where a flow of the session was until now, and why it left.
struct Previous {
  BackendSlot backend;
  Reason reason = Reason::violation;
  bool live = false;  // its client had shown its address
};

/// Counts a move and puts it into the event ring.
void note_move(State& state, const Move& move) noexcept;

/// The backend that the session has from now on: the decision's, or the one another worker has just bound.
const plan::Backend* commit(State& state, const Question& question, const Decision& decision, const Previous& previous,
                            Millis now_ms) noexcept;

}  // namespace limpet::path
