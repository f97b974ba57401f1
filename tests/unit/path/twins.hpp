// Two nodes alike but for the express way, which one of them does not take: whatever happens to both must look the
// same. A third one tells which packets the express way decides about.
#pragma once

#include "lab.hpp"
#include "path/express.hpp"

namespace limpet::path {

/// Words as GoogleTest takes them.
inline std::string test_name(std::string words) {
  std::replace_if(
      words.begin(), words.end(), [](char c) { return std::isalnum(c) == 0; }, '_');
  return words;
}

/// As Ethernet has it: no shorter than 60 bytes.
inline Bytes on_the_wire(Bytes frame) {
  frame.resize(std::max(frame.size(), net::ethernet::minimum));
  return frame;
}

/// How many of these packets, in hand at once at worker 0, the express way is done with. The lab has seen them then.
inline unsigned decided(Lab& lab, PortIndex port, const std::vector<Bytes>& frames, Origin origin = Origin::port,
                        std::size_t contiguous_max = ~std::size_t{0}, std::uint16_t headroom = 128) {
  auto burst = std::make_unique<Burst>();
  std::vector<Bytes> rooms = frames;
  for (Bytes& room : rooms) {
    room.insert(room.begin(), headroom, 0);
  }
  burst->source = {origin, 0};
  burst->now_ms = lab.node->now_ms();
  for (Bytes& room : rooms) {
    Packet& packet = burst->packets[burst->count++];
    packet.data = room.data() + headroom;
    packet.headroom = headroom;
    packet.size = static_cast<std::uint32_t>(room.size() - headroom);
    packet.contiguous = static_cast<std::uint16_t>(std::min(room.size() - headroom, contiguous_max));
    packet.capacity = packet.contiguous;
    packet.port = port;
  }
  return express(lab.node->state(0), lab.node->plan(), *burst);
}

inline l3::AdjacencyTable& adjacencies(Lab& lab) {
  return const_cast<l3::AdjacencyTable&>(lab.node->state(0).node.adjacencies);
}
inline void set_neighbour(Lab& lab, PortIndex port, const net::IpAddress& address, l3::AdjacencyState state,
                          const net::Mac& mac = {}) {
  adjacencies(lab).set(lab.node->plan().interfaces_of_port[port.value()].front(), address, state, mac);
}

class Twins {
 public:
  using Arrivals = std::vector<replay::Node::Arrival>;

  explicit Twins(const Lab::Setup& setup = {}) : express(setup), plain(setup), probe(setup) {
    for (unsigned i = 0; i < setup.workers; ++i) {
      plain.node->state(i).takes_express = false;
    }
  }
  template <class F>
  void each(F&& f) {
    f(express);
    f(plain);
    f(probe);
  }

  /// All are there at once; what left, of both nodes the same.
  std::vector<Out> send(const Arrivals& arrivals) {
    express.node->receive(arrivals);
    plain.node->receive(arrivals);
    return expect_same();
  }
  std::vector<Out> send(PortIndex port, const Bytes& frame, unsigned worker = 0) {
    return send({{port, worker, frame}});
  }

  std::vector<Out> expect_same() {
    const auto one = express.node->take_sent(), other = plain.node->take_sent();
    EXPECT_EQ(one.size(), other.size());
    std::vector<Out> outs;
    for (std::size_t i = 0; i < std::min(one.size(), other.size()); ++i) {
      EXPECT_EQ(one[i].port, other[i].port);
      EXPECT_EQ(one[i].to_kernel, other[i].to_kernel);
      EXPECT_EQ(one[i].bytes, other[i].bytes);
      Out out{one[i].port, one[i].to_kernel, one[i].bytes, {}};
      net::parse(out.bytes.data(), out.bytes.size(), out.bytes.size(), out.parsed);
      outs.push_back(std::move(out));
    }
    expect_same_books();
    return outs;
  }

  Lab express;
  Lab plain;
  Lab probe;

 private:
  void expect_same_books() {
    for (std::size_t i = 0; i < counters::counter_count; ++i) {
      const auto counter = static_cast<Counter>(i);
      EXPECT_EQ(express.count(counter), plain.count(counter)) << counters::descriptions[i].name;
    }
    for (const auto& [profile, use] : express.node->plan().profile_uses) {
      for (unsigned i = 0; i < static_cast<unsigned>(ProfileCounter::count_); ++i) {
        const auto counter = static_cast<ProfileCounter>(i);
        EXPECT_EQ(use->sum(counter), plain.count(profile, counter)) << profile << ' ' << i;
      }
    }
    EXPECT_EQ(express.node->moves(), plain.node->moves());
    for (unsigned worker = 0; worker < express.node->workers(); ++worker) {
      const State& one = express.node->state(worker);
      const State& other = plain.node->state(worker);
      EXPECT_EQ(one.waiting.count, other.waiting.count);
      EXPECT_EQ(one.fragments.held(), other.fragments.held());
      EXPECT_EQ(one.flows.stats().live_narrow, other.flows.stats().live_narrow);
      EXPECT_EQ(one.flows.stats().embryonic, other.flows.stats().embryonic);
      for (const plan::Pool& pool : express.node->plan().pools) {
        for (const plan::Backend& backend : pool.backends) {
          expect_same_use(one.uses[backend.slot.value()], other.uses[backend.slot.value()], backend.name);
        }
      }
    }
  }
  static void expect_same_use(const plan::BackendUse& one, const plan::BackendUse& other, const std::string& name) {
    EXPECT_EQ(one.packets.load(), other.packets.load()) << name;
    EXPECT_EQ(one.bytes.load(), other.bytes.load()) << name;
    EXPECT_EQ(one.flows.load(), other.flows.load()) << name;
    EXPECT_EQ(one.connecting.load(), other.connecting.load()) << name;
    EXPECT_EQ(one.succeeded.load(), other.succeeded.load()) << name;
    EXPECT_EQ(one.failed.load(), other.failed.load()) << name;
  }
};

}  // namespace limpet::path
