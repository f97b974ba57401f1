// Connections whose backend is chosen by what the client says first: a client's and a backend's words are written down
// once, burst by burst, as the path's own numbers call for them; then they are repeated through a rig that is like the
// first, so that whatever differs from handing the frames out and taking them back is the path.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "rig.hpp"

namespace limpet::perf {

/// Frames that arrive together at one port.
struct Arrival {
  PortIndex port;
  std::vector<test::Bytes> frames;
};

/// Hands out one arrival after the other, and keeps what leaves when it is to be learnt from.
class ScriptIo {
 public:
  struct Sent {
    PortIndex port;
    test::Bytes frame;
  };

  void load(const Arrival& arrival) noexcept;
  [[nodiscard]] std::span<const path::Source> sources() const noexcept { return sources_; }
  unsigned receive(path::Source from, path::Packet* packets, unsigned max) noexcept;
  unsigned transmit(path::Destination to, const path::Packet* packets, unsigned n) noexcept;
  bool make(PortIndex received_on, std::span<const std::uint8_t> frame, path::Packet& packet) noexcept;

  void learn(std::vector<Sent>* sent) noexcept { sent_ = sent; }

 private:
  void put(PortIndex port, std::span<const std::uint8_t> frame, path::Packet& packet) noexcept;

  Buffers buffers_;
  std::array<path::Source, 2> sources_{{{path::Origin::port, 0}, {path::Origin::port, 1}}};
  const Arrival* arrival_ = nullptr;
  std::size_t handed_out_ = 0;
  std::vector<Sent>* sent_ = nullptr;
};

class Script;

/// What of a connection is measured.
enum class Part : std::uint8_t {
  whole,    // from SYN to FIN, with one request
  request,  // a further request
};

class SplicedRun {
 public:
  /// `burst`: connections side by side.
  SplicedRun(Part part, std::uint32_t connections, unsigned burst, std::uint64_t cycles_per_ms);

  /// Makes a fresh rig, with all that comes before what is measured.
  void make_ready();
  /// Once after make_ready(). Throws where not as much leaves as when it was written down.
  void run();
  /// The frames alone, without a path.
  void run_source() noexcept;
  /// How often what is measured happens in a run.
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  /// Cycles of a run, less those of the frames alone.
  double operator()();

 private:
  std::vector<Script> scripts(std::uint32_t first, std::uint32_t connections, unsigned burst);
  void feed(std::span<const Arrival> arrivals) noexcept;
  [[nodiscard]] std::uint64_t transmitted() const noexcept;

  std::uint64_t cycles_per_ms_;
  std::vector<Arrival> before_, measured_;
  std::uint64_t count_ = 0, transmitted_ = 0;
  std::unique_ptr<Rig> rig_;
  ScriptIo io_;
};

}  // namespace limpet::perf
