#include "path/introduce.hpp"

#include <array>

#include "net/checksum.hpp"
#include "net/client_address.hpp"
#include "net/mss.hpp"
#include "net/tcp_edit.hpp"

namespace limpet::path {
namespace {

namespace tcp = net::tcp_flag;
using model::ClientAddress;

/// Of multipath TCP, whose numbers count from the SYN's, and TCP Fast Open, whose SYNs carry data.
constexpr std::array<std::uint8_t, 2> options_against_header{net::tcp_option::multipath, net::tcp_option::fast_open};
/// A client's own would be believed.
constexpr std::array<std::uint8_t, 1> address_option{net::tcp_option::address};

constexpr std::size_t tcp_header_max = 60;
/// Room that later stages may need before the packet: a larger IP header, a VLAN tag.
constexpr std::size_t headroom_left = 32;

/// From one sequence number to another near it, of both of which the lower half is known.
std::int16_t distance(std::uint16_t from, std::uint32_t to) noexcept {
  return static_cast<std::int16_t>(static_cast<std::uint16_t>(to) - from);
}

std::uint32_t header_size(const Connection& c) noexcept {
  return static_cast<std::uint32_t>(net::proxy_header_size(c.client.family()));
}

template <class Entry>
bool has(const Entry& entry, std::uint8_t flag) noexcept {
  return (entry.flags() & flag) == flag;
}
template <class Entry>
void set(Entry& entry, std::uint8_t flag) noexcept {
  entry.set_flags(static_cast<std::uint8_t>(entry.flags() | flag));
}
template <class Entry>
void unset(Entry& entry, std::uint8_t flag) noexcept {
  entry.set_flags(static_cast<std::uint8_t>(entry.flags() & ~flag));
}

/// What a client's packet means.
class Introduction {
 public:
  Introduction(const plan::Service& service, Flows& flows, const Connection& c, flow::WideEntry& forward,
               Packet& packet, const net::Parsed& parsed, Item& item) noexcept
      : proxies_(service.client_address == ClientAddress::proxy_v2),
        flows_(flows),
        c_(c),
        forward_(forward),
        frame_(packet.data),
        parsed_(parsed),
        item_(item) {}

  void operator()() noexcept {
    if (opens_connection(parsed_)) {
      open();
    } else if (!has(forward_, flow::flag::owes)) {
      return;
    } else if (proxies_) {
      lead_with_header();
    } else {
      net::blank_tcp_options(frame_, parsed_, address_option);
      item_.tells = parsed_.fragment || (parsed_.tcp_flags & tcp::rst) != 0 ? Tells::nothing : Tells::option;
    }
  }

 private:
  void open() noexcept {
    if (proxies_ && (parsed_.fragment || net::tcp_payload_size(frame_, parsed_) != 0)) {
      return item_.drop(Counter::drop_before_header);
    }
    const bool fresh = forward_.state() == flow::State::embryonic && !has(forward_, flow::flag::owes);
    bool opened = false;
    with_back([&](auto& back) {
      opened = has(back, flow::flag::owed | flow::flag::opened);
      if (fresh) {
        unset(back, flow::flag::opened);
        set(back, flow::flag::owed);
      }
    });
    if (fresh) {
      set(forward_, flow::flag::owes);
    }
    if (!opened) {  // else the backend has taken another SYN, and the header's place is where that one said
      forward_.set_vip_port(static_cast<std::uint16_t>(net::tcp_sequence(frame_, parsed_) + 1));
    }
    if (proxies_) {
      net::blank_tcp_options(frame_, parsed_, options_against_header);
      net::move_sequence(frame_, parsed_, 0 - header_size(c_));
    } else {
      net::blank_tcp_options(frame_, parsed_, address_option);
    }
  }

  void lead_with_header() noexcept {
    const std::int16_t ahead = distance(forward_.carried().vip_port, net::tcp_sequence(frame_, parsed_));
    if ((parsed_.tcp_flags & tcp::rst) != 0) {
      // What the backend waits for if it has no header; one that has it asks again (RFC 5961, section 3.2).
      return net::move_sequence(frame_, parsed_, ahead == 0 ? 0 - header_size(c_) : 0);
    }
    bool opened = false;
    with_back([&](auto& back) { opened = has(back, flow::flag::opened); });
    if (!opened || parsed_.fragment || ahead < 0 || (parsed_.tcp_flags & tcp::syn) != 0) {
      return item_.drop(Counter::drop_before_header);
    }
    item_.tells = ahead == 0 ? Tells::proxy_header : Tells::nothing;
  }

  template <class F>
  void with_back(F&& f) noexcept {
    flows_.with_back(*item_.listener, *item_.backend, c_, item_.client, f);
  }

  bool proxies_;
  Flows& flows_;
  const Connection& c_;
  flow::WideEntry& forward_;
  std::uint8_t* frame_;
  const net::Parsed& parsed_;
  Item& item_;
};

/// What a backend's packet means.
class Reception {
 public:
  Reception(State& state, Flows& flows, const Connection& c, flow::WideEntry& forward, flow::WideEntry& back,
            Packet& packet, const net::Parsed& parsed, Item& item) noexcept
      : state_(state),
        flows_(flows),
        c_(c),
        forward_(forward),
        back_(back),
        packet_(packet),
        parsed_(parsed),
        item_(item),
        first_(forward.carried().vip_port) {}

  void by_option() noexcept {
    if ((parsed_.tcp_flags & tcp::syn) != 0) {
      begin();
    } else if (has(back_, flow::flag::opened)) {
      end();
    }
  }

  void by_header() noexcept {
    const std::uint32_t size = header_size(c_);
    const std::int16_t ahead = distance(first_, net::tcp_acknowledgment(packet_.data, parsed_));
    if ((parsed_.tcp_flags & tcp::syn) != 0) {
      if (ahead != -static_cast<int>(size)) {
        return item_.drop(Counter::drop_before_header);
      }
      begin();
      net::move_acknowledgment(packet_.data, parsed_, size);
      if (!net::has_tcp_option(packet_.data, parsed_, net::tcp_option::sack_permitted)) {
        // It could not show that only the header is missing: each of the client's segments has room for it.
        net::lower_mss(packet_.data, parsed_, static_cast<std::uint16_t>(size));
      }
    } else if (has(back_, flow::flag::opened)) {
      answer(ahead, size);
    } else if ((parsed_.tcp_flags & tcp::rst) != 0 && ahead == -static_cast<int>(size)) {
      net::move_acknowledgment(packet_.data, parsed_, size);  // the SYN refused
    }
  }

 private:
  void begin() noexcept {
    set(back_, flow::flag::owed | flow::flag::opened);
    set(forward_, flow::flag::owes);
  }
  void end() noexcept {
    unset(back_, flow::flag::owed | flow::flag::opened);
    unset(forward_, flow::flag::owes);
    forward_.set_vip_port(static_cast<std::uint16_t>(first_ ^ 0x8000));  // a SYN-ACK that comes late begins nothing
  }

  void answer(std::int16_t ahead, std::uint32_t size) noexcept {
    const std::uint32_t first = net::tcp_acknowledgment(packet_.data, parsed_) - static_cast<std::uint32_t>(ahead);
    if (ahead >= 0) {
      net::blank_sack_below(packet_.data, parsed_, first);
      return end();
    }
    if (ahead < -static_cast<int>(size)) {
      return;  // of another connection
    }
    if (misses_header() && state_.proxy_repeats.take(state_.burst.now_ms)) {
      net::move_acknowledgment(packet_.data, parsed_, first - net::tcp_acknowledgment(packet_.data, parsed_));
      return repeat();
    }
    net::blank_sack_below(packet_.data, parsed_, first);
    net::move_acknowledgment(packet_.data, parsed_, 0 - static_cast<std::uint32_t>(ahead));
  }

  /// A pure acknowledgment that shows what came behind the header; the client has shown its address.
  [[nodiscard]] bool misses_header() const noexcept {
    const std::size_t l4_size = parsed_.l3_size - (parsed_.l4_offset - parsed_.l3_offset);
    return forward_.state() == flow::State::established && !parsed_.fragment && parsed_.ttl > 1 &&
           (parsed_.tcp_flags & (tcp::fin | tcp::rst)) == 0 && packet_.contiguous == packet_.size &&
           net::tcp_payload_size(packet_.data, parsed_) == 0 &&
           net::has_tcp_option(packet_.data, parsed_, net::tcp_option::sack) &&
           net::l4_checksum(parsed_.source, parsed_.destination, parsed_.protocol, packet_.data + parsed_.l4_offset,
                            l4_size) == 0;
  }

  /// The packet goes back to the backend, as the client's, with the header.
  void repeat() noexcept {
    const plan::Backend* backend = flows_.backend_of(forward_.peer());
    if (backend == nullptr || !backend->hop(parsed_.source.family())) {
      return;
    }
    net::turn_acknowledgment(packet_.data, parsed_);
    item_.way = Way::in;
    item_.tells = Tells::proxy_header_again;
    item_.rewrite = {c_.vip, c_.vip_port};
    item_.client = {c_.client, c_.client_port};
    item_.crosses = false;
    item_.backend = backend;
    item_.hop = *backend->hop(parsed_.source.family());
  }

  State& state_;
  Flows& flows_;
  const Connection& c_;
  flow::WideEntry& forward_;
  flow::WideEntry& back_;
  Packet& packet_;
  const net::Parsed& parsed_;
  Item& item_;
  std::uint16_t first_;  // the lower half of the number of the client's first byte
};

void count_told(State& state, Tells tells, bool done) noexcept {
  switch (tells) {
    case Tells::nothing:
      break;
    case Tells::proxy_header:
      return state.counters.add(done ? Counter::proxy_header : Counter::proxy_header_later);
    case Tells::proxy_header_again:
      return state.counters.add(done ? Counter::proxy_header_repeated : Counter::proxy_header_later);
    case Tells::option:
      return state.counters.add(done ? Counter::toa_added : Counter::toa_no_room);
  }
}

}  // namespace

void introduce(const plan::Plan& plan, Flows& flows, const Connection& c, flow::WideEntry& forward, Packet& packet,
               const net::Parsed& parsed, Item& item) noexcept {
  Introduction(plan.service_of(*item.listener), flows, c, forward, packet, parsed, item)();
}

void note_introduced(State& state, const plan::Plan& plan, Flows& flows, const Connection& c, flow::WideEntry& back,
                     Packet& packet, const net::Parsed& parsed, Item& item) noexcept {
  const bool accepts = (parsed.tcp_flags & (tcp::syn | tcp::ack)) == (tcp::syn | tcp::ack);
  if ((!accepts && !has(back, flow::flag::owed)) || (parsed.tcp_flags & tcp::ack) == 0) {
    return;
  }
  const flow::WideKey key = wide_forward(*item.listener, c);
  flow::WideEntry* const forward = state.flows.find(key, state.flows.hash(key));
  if (forward == nullptr || seen_of(*forward) != net::Endpoint{parsed.destination, parsed.destination_port}) {
    return;
  }
  Reception reception(state, flows, c, *forward, back, packet, parsed, item);
  plan.service_of(*item.listener).client_address == ClientAddress::toa ? reception.by_option() : reception.by_header();
}

std::uint32_t shift_of(State& state, const plan::Plan& plan, const plan::Listener& listener, const Connection& c,
                       const flow::WideEntry& back, std::uint32_t sequence) noexcept {
  const flow::WideKey key = wide_forward(listener, c);
  const flow::WideEntry* const forward = state.flows.find(key, state.flows.hash(key));
  if (plan.service_of(listener).client_address != ClientAddress::proxy_v2 || !has(back, flow::flag::owed) ||
      forward == nullptr) {
    return 0;
  }
  const std::int16_t ahead = distance(forward->carried().vip_port, sequence);
  return ahead < 0 && ahead >= -1 - static_cast<int>(header_size(c)) ? header_size(c) : 0;
}

void tell_backend(State& state, Packet& packet, net::Parsed& parsed, Item& item, int l3_max) noexcept {
  const bool again = item.tells == Tells::proxy_header_again;
  const net::Endpoint client = again ? item.client : net::Endpoint{parsed.source, parsed.source_port};
  const net::Endpoint vip = again ? item.rewrite : net::Endpoint{parsed.destination, parsed.destination_port};
  if (again) {  // its addresses are right already
    item.client = {};
    item.rewrite = {};
  }
  const bool option = item.tells == Tells::option;
  const net::Family family = client.address.family();
  const std::size_t size = option ? net::address_option_size(family) : net::proxy_header_size(family);
  const bool fits = int{parsed.l3_size} + static_cast<int>(size) <= l3_max && packet.headroom >= size + headroom_left &&
                    (!option || net::tcp_header_size(packet.data, parsed) + size <= tcp_header_max);
  count_told(state, item.tells, fits);
  if (!fits) {
    return;
  }
  begin_earlier(packet, static_cast<std::ptrdiff_t>(size));
  option ? net::put_address_option(packet.data, parsed, client)
         : net::put_proxy_header(packet.data, parsed, client, vip);
}

}  // namespace limpet::path
