// The measures of stickiness, each a run of its own, all from one seed. Names as in docs/persistence.md.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace limpet::perf {

struct Scale {
  std::uint64_t seed = 1;
  unsigned clients = 20'000;  // for moves and restarts
  unsigned sources = 20'000;  // NATs
  unsigned users = 100'000;   // behind them
  unsigned bursts = 200;      // of each size, for each algorithm
};

using Figures = std::map<std::string, double>;

/// remove.*, add.*: the part of the sessions (of other backends, for remove) that reach another backend than before.
void measure_moves(const Scale& scale, Figures& figures);
/// skew.*: connections of the fullest backend by the mean; spilled.*: the part of them that went elsewhere than its
/// key.
void measure_skew(const Scale& scale, Figures& figures);
/// first_burst.incoherent: new clients whose first connections reached more than one backend.
void measure_first_bursts(const Scale& scale, Figures& figures);
/// restart.*: records and flows that a kill and a start with other workers lost.
void measure_restart(const Scale& scale, Figures& figures);
/// down.new_after_ms: how long after a backend was known to be down a new session still reached it.
void measure_down(const Scale& scale, Figures& figures);

}  // namespace limpet::perf
