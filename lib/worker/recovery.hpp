// At start: the tables of the daemon before are taken over, or fresh ones made. Main thread.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "hash/owner.hpp"
#include "plan/slot_map.hpp"
#include "restart/recover.hpp"
#include "worker/tables.hpp"

namespace limpet::worker {

struct Recovered {
  restart::Files files;
  restart::Tables tables;
  plan::Slots slots;
  std::vector<std::string> notes;  // what an operator should know; one sentence each
};

struct Wanted {
  record::Sizes records;
  flow::Sizes flows;
  std::vector<int> nodes;  // of each worker, its NUMA node
  std::uint32_t backends_max = 0;
  std::uint64_t spliced_bytes = 0;  // of each worker's spliced connections
  bool splices = false;             // else they are kept only if some may have been there before
};

/// What cannot be read is set aside, with a note; an error means that there is no memory.
Result<Recovered> recover(Tables& tables, const Wanted& wanted, const hash::Secret& secret, const hash::Owner& owner,
                          Millis now_ms);

/// Writes the names of all slots into their file, into a larger one where need be: `names` then is that.
Result<void> save_slots(Tables& tables, std::span<std::byte>& names, const plan::Slots& slots);

}  // namespace limpet::worker
