// The packets in hand and what the stages have found out about them so far. Each stage reads what the stages
// before it wrote; a packet whose verdict is no longer `undecided` is left alone until transmit.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "base/time.hpp"
#include "counters/counters.hpp"
#include "net/parsed.hpp"
#include "path/packet.hpp"
#include "plan/plan.hpp"

namespace limpet::path {

using counters::Counter;

enum class Verdict : std::uint8_t {
  undecided,
  forward,  // by `out`
  reply,    // the packet was turned into an answer: back by the port it came from
  hold,     // waits for a MAC address
  keep,     // is among the fragments that wait for their first
  punt,     // to the kernel device of its port
  handoff,  // to the worker that owns the client
  drop,     // for `reason`
};

/// Whose packet it is.
enum class Way : std::uint8_t {
  none,
  in,          // to a service: `listener` says which
  back,        // from a backend: `endpoint` says which
  local,       // to Limpet itself: ARP, ND, own addresses, VIPs
  transit,     // neither
  error_in,    // an ICMP error to a VIP, for the backend that sent what it quotes: `listener`
  error_back,  // an ICMP error to a client, about what it had sent to a backend: `endpoint`
  out,         // control's or the kernel's: leaves as it is
};

/// What a packet to a backend says of its client (Service::client_address).
enum class Tells : std::uint8_t {
  nothing,
  proxy_header,        // in front of what the client says
  proxy_header_again,  // all that the packet, made of one of the backend's, is for: about `client` of VIP `rewrite`
  option,              // in the TCP header
};

struct Item {
  Verdict verdict = Verdict::undecided;
  Way way = Way::none;
  Counter reason = Counter::drop_malformed;  // of a drop
  InterfaceIndex interface;                  // came in by
  std::uint16_t handoff_worker = 0;
  const plan::Listener* listener = nullptr;       // in; back once bound
  const plan::EndpointEntry* endpoint = nullptr;  // back
  const plan::Backend* backend = nullptr;         // in, once bound
  net::Endpoint rewrite;                          // nat, once bound: new destination (in) or source (back)
  net::Endpoint client;                           // nat, once bound: new on the client's side; none, 0: kept
  bool local = false;                             // back: to a local address of full NAT
  bool crosses = false;                           // once bound: leaves as the other IP version
  plan::Hop hop;                                  // where it leaves, once bound
  std::uint8_t overhead = 0;                      // bytes of the tunnel to `backend` that it gets; 0: none
  Tells tells = Tells::nothing;                   // in, once bound

  void drop(Counter why) noexcept {
    verdict = Verdict::drop;
    reason = why;
  }
};

struct Burst {
  Source source;
  Millis now_ms = 0;
  unsigned count = 0;  // only this many of each array mean anything; receive and parse write them anew
  std::array<Packet, burst_max> packets;
  std::array<net::Parsed, burst_max> parsed;
  std::array<Item, burst_max> items;
  // transmit's own, here for not to be made anew each time
  std::array<Destination, burst_max> to;
  std::array<Packet, burst_max> together;

  /// Calls `f(packet, parsed, item)` for each packet that nothing has been decided about.
  template <class F>
  void each_undecided(F&& f) {
    for (unsigned i = 0; i < count; ++i) {
      if (items[i].verdict == Verdict::undecided) {
        f(packets[i], parsed[i], items[i]);
      }
    }
  }
};

}  // namespace limpet::path
