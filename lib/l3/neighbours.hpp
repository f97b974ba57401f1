// Who is on the link: the ARP (RFC 826) and ND (RFC 4861, section 7.3) resolver as a plain state machine, without
// threads, sockets or clocks. limpetd's control thread and limpet-replay drive it with frames, wants and ticks; it
// sends frames through a sink and keeps the AdjacencyTable, of which it is the only writer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "l3/adjacency.hpp"
#include "l3/frame.hpp"
#include "l3/messages.hpp"

namespace limpet::plan {
struct Interface;
class RouteTable;
}  // namespace limpet::plan

namespace limpet::l3 {

enum class NeighbourState : std::uint8_t {
  incomplete,  // asked, no MAC yet
  reachable,   // confirmed within the last 30 s
  stale,       // was reachable, or told its MAC unasked: used as it is, probed once used
  probe,       // being asked again, the old MAC in use
  failed,      // did not answer
  fixed,       // from the configuration
};

[[nodiscard]] std::string_view name_of(NeighbourState state) noexcept;

/// Times after RFC 4861, section 10, and what bounds memory and traffic.
struct NeighbourLimits {
  std::uint32_t entries_max = 65536;
  std::uint32_t learned_per_second_max = 1000;  // entries made because a frame came
  std::uint32_t wanted_per_second_max = 2000;   // entries made because a packet waits
  Millis first_retry_ms = 300;
  Millis retry_ms = 1000;
  unsigned retries = 3;
  Millis failed_ms = 5000;  // how long a failure is remembered
  Millis reachable_ms = 30'000;
  Millis stale_check_ms = 5000;    // how soon a stale entry in use is probed
  Millis stale_max_ms = 600'000;   // a stale entry without use is forgotten
  Millis gateway_check_ms = 5000;  // how often a gateway is asked whether it is there
  Millis announce_ms = 2000;       // from the first announcement to the second (RFC 5227, section 2.3)
};

struct StaticNeighbour {
  InterfaceIndex interface;
  net::IpAddress address;
  net::Mac mac;
};

/// A next hop of a route: always asked for, never forgotten.
struct Gateway {
  InterfaceIndex interface;
  net::IpAddress address;
  friend auto operator<=>(const Gateway&, const Gateway&) noexcept = default;
};

[[nodiscard]] std::vector<Gateway> gateways_of(const plan::RouteTable& routes);

/// A gateway has stopped answering, or answers (again).
struct GatewayNews {
  Gateway gateway;
  bool answers = false;
};

/// A row of `show neighbors`.
struct NeighbourRow {
  InterfaceIndex interface;
  net::IpAddress address;
  net::Mac mac;  // none where incomplete or failed
  NeighbourState state;
  Millis age_ms;  // since the MAC was last confirmed (incomplete, failed: since it was asked for)
  bool is_gateway = false;
  std::uint64_t failures = 0;  // times that it did not answer
};

/// What was refused, for counters.
struct NeighbourCounts {
  std::uint64_t refused_full = 0;       // no room for an entry
  std::uint64_t refused_rate = 0;       // too many new entries this second
  std::uint64_t address_conflicts = 0;  // another host claims one of our addresses
  std::uint64_t failures = 0;           // neighbours that did not answer
};

class Neighbours {
 public:
  using Send = std::function<void(InterfaceIndex, std::span<const std::uint8_t> frame)>;
  /// True for an address that Limpet answers for on that interface: own addresses and host VIPs.
  using Ours = std::function<bool(InterfaceIndex, const net::IpAddress&)>;

  /// `table` outlives this. Without `ours`, the interfaces' own addresses are ours.
  Neighbours(AdjacencyTable& table, Send send, Ours ours = {}, NeighbourLimits limits = {});
  Neighbours(const Neighbours&) = delete;
  Neighbours& operator=(const Neighbours&) = delete;
  ~Neighbours();

  /// The interfaces of a plan, by InterfaceIndex. What was learned on an interface that is no longer there, or
  /// whose index now stands for another port or VLAN, is forgotten. Called before anything else.
  void on_interfaces(std::span<const plan::Interface> interfaces);
  /// A frame that is_neighbour_message() picked, with its tags. Anything else is ignored.
  void on_frame(InterfaceIndex interface, std::span<const std::uint8_t> frame, Millis now_ms);
  /// A packet waits for this neighbour.
  void want(InterfaceIndex interface, const net::IpAddress& address, Millis now_ms);
  /// Retries and ageing; call at least every 100 ms.
  void tick(Millis now_ms);

  /// An entry from the configuration: never asked for, never overwritten by frames.
  void add_static(InterfaceIndex interface, const net::IpAddress& address, const net::Mac& mac, Millis now_ms);
  /// All entries from the configuration: those not in `entries` are forgotten.
  void replace_static(std::span<const StaticNeighbour> entries, Millis now_ms);

  /// The gateways of all routes; those not in `gateways` are neighbours like others from now on.
  void replace_gateways(std::span<const Gateway> gateways, Millis now_ms);
  /// What has changed about gateways since the last call.
  [[nodiscard]] std::vector<GatewayNews> take_news();

  /// Tells the link that these addresses are here, now and once more by tick(): gratuitous ARP (RFC 5227, section 2.3)
  /// and unsolicited advertisements (RFC 4861, section 7.2.6).
  void announce(InterfaceIndex interface, std::span<const net::IpAddress> addresses);

  /// By interface, then address.
  [[nodiscard]] std::vector<NeighbourRow> list(Millis now_ms) const;
  [[nodiscard]] const NeighbourCounts& counts() const noexcept { return counts_; }

 private:
  struct Key {
    InterfaceIndex interface;
    net::IpAddress address;
    friend auto operator<=>(const Key&, const Key&) noexcept = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const noexcept {
      return std::hash<net::IpAddress>{}(key.address) ^ (std::size_t{key.interface.value()} << 40);
    }
  };
  struct Entry {
    NeighbourState state = NeighbourState::incomplete;
    net::Mac mac;
    unsigned asked = 0;       // requests sent since incomplete or probe began
    Millis deadline_ms = 0;   // what happens next, happens then; 0: never
    Millis confirmed_ms = 0;  // see NeighbourRow::age_ms
    Millis used_ms = 0;       // last time the table's `used` was seen
    std::uint64_t failures = 0;
    enum class Told : std::uint8_t { nothing, answers, fails } told = Told::nothing;  // of gateways, in take_news()
  };
  /// What a message says about a neighbour.
  struct Claim {
    Key key;
    const net::Mac* mac = nullptr;  // none: only that it is alive
    bool answers = false;           // a reply to what we asked: confirms
    bool may_create = false;
    bool override_entry = true;
  };
  /// New entries allowed a second.
  struct Rate {
    Millis second = 0;
    std::uint32_t count = 0;
    bool take(Millis now_ms, std::uint32_t max) noexcept;
  };
  using Entries = std::unordered_map<Key, Entry, KeyHash>;

  [[nodiscard]] const plan::Interface* interface(InterfaceIndex index) const noexcept;
  [[nodiscard]] bool is_ours(InterfaceIndex index, const net::IpAddress& address) const;
  void on_arp(InterfaceIndex index, const ArpMessage& message, Millis now_ms);
  void on_nd(InterfaceIndex index, const NdMessage& message, Millis now_ms);
  void learn(const Claim& claim, Millis now_ms);
  void learn_existing(const Key& key, Entry& entry, const Claim& claim, Millis now_ms);
  Entry* create(const Key& key, Rate& rate, std::uint32_t rate_max, Millis now_ms);
  void set_state(const Key& key, Entry& entry, NeighbourState state, Millis deadline_ms);
  void confirm(const Key& key, Entry& entry, Millis now_ms);
  void ask(const Key& key, Entry& entry, Millis now_ms);
  void expire(const Key& key, Entry& entry, Millis now_ms);
  void on_unanswered(const Key& key, Entry& entry, Millis now_ms);
  void on_stale(const Key& key, Entry& entry, Millis now_ms);
  void forget(Key key);
  void announce(const Gateway& ours);
  void announce_again(Millis now_ms);
  [[nodiscard]] bool is_gateway(const Key& key) const { return gateways_.contains({key.interface, key.address}); }
  void tell_gateway(const Key& key, Entry& entry);
  void fix(const StaticNeighbour& entry, Millis now_ms);

  AdjacencyTable& table_;
  Send send_;
  Ours ours_;
  NeighbourLimits limits_;
  NeighbourCounts counts_;
  std::vector<plan::Interface> interfaces_;
  Entries entries_;
  std::set<std::pair<Millis, Key>> deadlines_;
  std::set<Gateway> gateways_;
  std::vector<GatewayNews> news_;
  struct Announcement {
    Gateway ours;
    Millis due_ms = 0;  // 0: the clock has not been seen since
  };
  std::vector<Announcement> announcements_;  // the second ones
  Rate learned_;
  Rate wanted_;
};

}  // namespace limpet::l3
