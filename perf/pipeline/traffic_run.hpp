// One kind of traffic through a rig: cycles of n packets, net of the source, with what happened to them checked.
#pragma once

#include <cstdint>
#include <string>

#include "churn.hpp"
#include "race.hpp"
#include "rig.hpp"

namespace limpet::perf {

enum class Kind : std::uint8_t {
  hit,     // known flows, any of them alike
  back,    // answers of known flows
  skewed,  // 80 % of the packets on 1 % of the flows
  touch,   // known flows, each packet the first of its flow in its second
  fresh,   // every packet a SYN of a new flow of a known client
  first,   // every packet a SYN of a client never seen
};

/// Seconds matter: a flow's first packet in each also marks its record. A worker that does this many packets a second
/// meets such a first one with a probability of flows / rate * (1 - exp(-rate / flows)); so do hits and answers here.
inline constexpr double packets_a_second = 20e6;

class TrafficRun {
 public:
  /// `name`: for errors. A rig of two workers gets its packets at either, whosever they are.
  TrafficRun(const Options& options, Rig& rig, Kind kind, std::string name);

  /// Cycles of `packets` packets. Throws where one went another way than its kind should: a miss share of 0.
  double operator()(std::uint64_t packets);

  /// Brings rig and source to where `packets` packets may be measured.
  void make_ready(std::uint64_t packets);

  /// The two parts of that, unchecked.
  void run(std::uint64_t packets);
  void run_source(std::uint64_t packets) { rig_.run_source(rig_.source(), packets); }

  /// The most packets of a slice: new flows must not put each other out.
  [[nodiscard]] std::uint64_t slice_max() const;

 private:
  [[nodiscard]] bool opens() const { return kind_ == Kind::fresh || kind_ == Kind::first; }
  [[nodiscard]] bool has_seconds() const { return kind_ == Kind::hit || kind_ == Kind::back; }
  void start() { rig_.source().start(stream_, fifo_size, burst_); }
  void check(const Tally& happened) const;

  Rig& rig_;
  Kind kind_;
  std::string name_;
  Stream stream_;
  unsigned burst_;
  bool ready_ = false;
};

/// Flows that come and go in a rig whose flows are open.
class ChurnRun {
 public:
  explicit ChurnRun(Rig& rig);
  double operator()(std::uint64_t packets);
  void make_ready(std::uint64_t) {}
  void run(std::uint64_t packets) { rig_.run_with(through_, packets); }
  void run_source(std::uint64_t packets) { rig_.run_source(alone_, packets); }

 private:
  Rig& rig_;
  Churn through_, alone_;  // what takes the path, and what tells the cost of making it
};

}  // namespace limpet::perf
