// One seeded world: a node of several workers under a fake clock, clients and backends that talk through it, a script
// that changes it, and the oracle that is asked about each packet. Anything the contract does not allow is a Failure.
#pragma once

#include <map>
#include <memory>
#include <stdexcept>

#include "local_ends.hpp"
#include "oracle.hpp"
#include "replay/node.hpp"
#include "script.hpp"
#include "talk.hpp"

namespace limpet::sim {

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Options {
  unsigned seconds = 120;  // of the fake clock
  bool verbose = false;
  std::string fault;  // what to do behind the node's back, see faults.hpp
};

struct Totals {
  std::uint64_t packets = 0;
  std::uint64_t moves = 0;
  std::uint64_t changes = 0;
};

class Simulation {
 public:
  Simulation(std::uint64_t seed, const Options& options);
  /// Throws Failure.
  Totals run();

 private:
  struct Shot {
    Talk* talk;
    Packet packet;
    unsigned worker = 0;
  };
  struct Arrived {
    std::size_t shot;
    const replay::Sent* sent;
    net::Parsed parsed;
  };

  void step();
  void wait(Millis ms);
  void change();
  void restart();
  void talk();
  Talk* connect(const net::IpAddress& client);
  void burst();
  [[nodiscard]] net::IpAddress client();
  [[nodiscard]] unsigned queue_for(const Packet& packet);
  void settle_down();
  void check_nothing_left();

  void exchange(std::vector<Shot> shots);
  void judge_up(const Shot& shot, const Arrived& arrived);
  void judge_source(const Packet& packet, const Seen& ends);
  void judge_down(const Shot& shot, const Arrived& arrived);
  void judge_reset(const Arrived& reset, const std::vector<Shot>& shots, const std::vector<bool>& left);
  void judge_lost(const Shot& shot, bool may_end);
  [[nodiscard]] std::string reached(const Shot& shot, const Arrived& arrived) const;
  void check_moves();
  void check_pressure();
  void learn_slots();
  void tell(const std::string& text) const;
  [[noreturn]] void fail(const std::string& what) const;
  [[nodiscard]] std::string describe(const Packet& packet) const;

  std::uint64_t seed_;
  Options options_;
  Random random_;
  model::Model model_;
  bool small_;  // its tables are too small for it
  std::unique_ptr<replay::Node> node_;
  Oracle oracle_;
  Script script_;
  std::map<Stream, Talk> talks_;
  std::map<Stream, Seen> last_seen_;  // also of talks before this one between the same ends
  LocalEnds local_ends_;
  std::map<std::uint32_t, std::string> names_of_slots_;
  std::vector<Leaving> leavings_;  // of the packets of one exchange
  Totals totals_;
  std::uint64_t next_id_ = 1;
  std::uint64_t moves_seen_ = 0;
};

}  // namespace limpet::sim
