// The express way: which packets it takes, and that each goes as it would have gone the long way.
#include "express_rows.hpp"

namespace limpet::path {
namespace {

constexpr auto dns = "192.0.2.10:53", web6 = "[2001:db8:1::10]:80", dns6 = "[2001:db8:1::10]:53";
const Row packets[] = {
    {.what = "data", .decided = 1},
    {.what = "an answer", .decided = 1, .frame = [](const Talk& t) { return t.answer(); }, .port = back_port},
    {.what = "the datagram of a flow that was used in this second", .decided = 1, .vip = dns},
    {.what = "a datagram's answer",
     .decided = 1,
     .vip = dns,
     .frame = [](const Talk& t) { return t.answer(); },
     .port = back_port},
    {.what = "a datagram without checksum",
     .decided = 1,
     .vip = dns,
     .frame =
         [](const Talk& t) {
           return with(t.packet(0, "a longer text"), {{l4 + 6, 0}, {l4 + 7, 0}});
         }},
    {.what = "a padded packet, which is trimmed",
     .decided = 1,
     .frame = [](const Talk&) { return to_web().payload("").tcp(1000, 80).padded_to(60).build(); }},
    {.what = "a padded datagram",
     .decided = 1,
     .vip = dns,
     .frame = [](const Talk&) { return to_web().payload("").udp(1000, 53).padded_to(60).build(); }},
    {.what = "IPv6", .decided = 1, .vip = web6},
    {.what = "IPv6, an answer",
     .decided = 1,
     .vip = web6,
     .frame = [](const Talk& t) { return t.answer(); },
     .port = back_port},
    {.what = "IPv6, a datagram",
     .decided = 1,
     .vip = dns6,
     .frame = [](const Talk& t) { return t.packet(0, "a longer text"); }},
    {.what = "IPv6, an extension header",
     .vip = web6,
     .frame =
         [](const Talk&) {
           return to_web6().extension(net::ip_protocol::destination_options, {0, 0, 1, 4}).tcp(1000, 80).build();
         }},
    {.what = "IPv6, hop limit 1",
     .vip = web6,
     .frame = [](const Talk&) { return to_web6().ttl(1).tcp(1000, 80).build(); }},
    {.what = "IPv6, a length beyond the frame",
     .vip = web6,
     .frame =
         [](const Talk& t) {
           Bytes frame = t.packet();
           frame[14 + net::ipv6::payload_length] = 0xff;
           return frame;
         }},
    {.what = "IPv6, FIN", .decided = 1, .vip = web6, .frame = [](const Talk& t) { return t.packet(flags::fin_ack); }},
    {.what = "priority-tagged", .frame = [](const Talk&) { return to_web().tag(0).tcp(1000, 80).build(); }},
    {.what = "tagged", .frame = [](const Talk&) { return to_web().tag(9).tcp(1000, 80).build(); }},
    {.what = "IP options", .frame = [](const Talk&) { return to_web().options(Bytes(4, 1)).tcp(1000, 80).build(); }},
    {.what = "a first fragment", .frame = [](const Talk&) { return to_web().fragment(0, true).tcp(1000, 80).build(); }},
    {.what = "a later fragment",
     .frame = [](const Talk&) { return to_web().fragment(64, false).tcp(1000, 80).payload(Bytes(64)).build(); }},
    {.what = "a datagram's first fragment",
     .vip = dns,
     .frame = [](const Talk&) { return to_web().fragment(0, true).payload(Bytes(64)).udp(1000, 53).build(); }},
    {.what = "IPv6, a first fragment",
     .vip = web6,
     .frame = [](const Talk&) { return to_web6().fragment(0, true).payload(Bytes(64)).tcp(1000, 80).build(); }},
    {.what = "IPv6, a later fragment",
     .vip = web6,
     .frame = [](const Talk&) { return to_web6().fragment(64, false).payload(Bytes(64)).tcp(1000, 80).build(); }},
    {.what = "an ICMP error about the flow",
     .frame =
         [](const Talk&) {
           const Bytes quoted = PacketBuilder().ip("192.0.2.10", "10.0.0.1").tcp(80, 1000).build();
           return to_web().icmp(3, 3, Bytes(4)).payload(Bytes(quoted.begin() + 14, quoted.end())).build();
         }},
    {.what = "TTL 1", .frame = [](const Talk&) { return to_web().ttl(1).tcp(1000, 80).build(); }},
    {.what = "TTL 0", .frame = [](const Talk&) { return to_web().ttl(0).tcp(1000, 80).build(); }},
    {.what = "TTL 2", .decided = 1, .frame = [](const Talk&) { return to_web().ttl(2).tcp(1000, 80).build(); }},
    {.what = "a wrong IP checksum",
     .frame =
         [](const Talk& t) {
           Bytes frame = t.packet();
           frame[14 + net::ipv4::checksum] ^= 1;
           return frame;
         }},
    {.what = "an IP length beyond the frame",
     .frame =
         [](const Talk& t) {
           return with(t.packet(), {{14 + 2, 1}, {14 + 3, 0}});
         }},
    {.what = "an IP length that ends in the TCP header",
     .frame =
         [](const Talk& t) {
           return with(t.packet(), {{14 + 2, 0}, {14 + 3, 20 + 12}});
         }},
    {.what = "an IP length that ends in the IP header",
     .frame =
         [](const Talk& t) {
           return with(t.packet(), {{14 + 2, 0}, {14 + 3, 19}});
         }},
    {.what = "a TCP header said to be too short",
     .frame =
         [](const Talk& t) {
           return with(t.packet(), {{offset_at, 0x40}});
         }},
    {.what = "a TCP header said to be longer than the packet",
     .frame =
         [](const Talk& t) {
           return with(t.packet(), {{offset_at, 0xf0}});
         }},
    {.what = "a UDP length beyond the packet",
     .vip = dns,
     .frame =
         [](const Talk& t) {
           return with(t.packet(0, "a longer text"), {{l4 + 4, 0}, {l4 + 5, 0xff}});
         }},
    {.what = "a UDP length below the header's",
     .vip = dns,
     .frame =
         [](const Talk& t) {
           return with(t.packet(0, "a longer text"), {{l4 + 4, 0}, {l4 + 5, 7}});
         }},
    {.what = "SYN", .frame = [](const Talk& t) { return t.packet(flags::syn); }},
    {.what = "SYN, with data",
     .frame =
         [](const Talk& t) {
           return with(t.packet(), {{flags_at, flags::syn_ack}});
         }},
    {.what = "FIN", .decided = 1, .frame = [](const Talk& t) { return t.packet(flags::fin_ack); }},
    {.what = "RST", .decided = 1, .frame = [](const Talk& t) { return t.packet(flags::rst); }},
    {.what = "a backend's FIN",
     .decided = 1,
     .frame = [](const Talk& t) { return t.answer(flags::fin_ack); },
     .port = back_port},
    {.what = "a backend's RST",
     .decided = 1,
     .frame = [](const Talk& t) { return t.answer(flags::rst); },
     .port = back_port},
    {.what = "another protocol",
     .frame =
         [](const Talk& t) {
           return with(t.packet(), {{14 + 9, 132}});
         }},
    {.what = "for another MAC address", .frame = [](const Talk& t) { return with_mac(t.packet(), 0, moved_mac); }},
    {.what = "for all",
     .frame =
         [](const Talk& t) {
           return with_mac(t.packet(), 0, {{255, 255, 255, 255, 255, 255}});
         }},
    {.what = "sent by ourselves", .frame = [](const Talk& t) { return with_mac(t.packet(), 6, front_mac); }},
    {.what = "by the wrong port", .port = back_port},
    {.what = "from the VIP to itself",
     .frame = [](const Talk&) { return to_web().ip("192.0.2.10", "192.0.2.10").tcp(80, 80).build(); }},
    {.what = "of another flow", .frame = [](const Talk&) { return to_web().tcp(1001, 80).build(); }},
    {.what = "too big",
     .declare = [](model::Model& m) { m.ports["back"].mtu = 1300; },
     .frame = [](const Talk& t) { return t.packet(flags::ack, std::string(1261, 'x')); }},
    {.what = "as big as may be",
     .decided = 1,
     .declare = [](model::Model& m) { m.ports["back"].mtu = 1300; },
     .frame = [](const Talk& t) { return t.packet(flags::ack, std::string(1260, 'x')); }},
    {.what = "direct routing",
     .decided = 1,
     .declare = [](model::Model& m) { m.services["web"].forwarding = model::Forwarding::dr; }},
};

const Row flows[] = {
    {.what = "the first packet of a second", .decided = 1, .prepare = [](Lab& lab, Talk&) { lab.wait_ms(1000); }},
    {.what = "a datagram, the first of a second", .vip = dns, .prepare = [](Lab& lab, Talk&) { lab.wait_ms(1000); }},
    {.what = "a short idle_timeout, the first of a second",
     .declare = [](model::Model& m) { m.profiles["client"].idle_timeout_ms = 29'000; },
     .prepare = [](Lab& lab, Talk&) { lab.wait_ms(1000); }},
    {.what = "a short idle_timeout",
     .decided = 1,
     .declare = [](model::Model& m) { m.profiles["client"].idle_timeout_ms = 29'000; }},
    {.what = "quiet for a third of idle_timeout",
     .decided = 1,
     .declare = [](model::Model& m) { m.profiles["client"].idle_timeout_ms = 30'000; },
     .prepare = [](Lab& lab, Talk&) { lab.wait_ms(10'000); }},
    {.what = "quiet for longer",
     .declare = [](model::Model& m) { m.profiles["client"].idle_timeout_ms = 30'000; },
     .prepare = [](Lab& lab, Talk&) { lab.wait_ms(11'000); }},
    {.what = "an idle flow",
     .declare = [](model::Model& m) { m.services["web"].timeouts.established_ms = 2'000; },
     .prepare = [](Lab& lab, Talk&) { lab.wait_ms(3'000); }},
    {.what = "an idle flow's answer",
     .declare = [](model::Model& m) { m.services["web"].timeouts.established_ms = 2'000; },
     .prepare = [](Lab& lab, Talk&) { lab.wait_ms(3'000); },
     .frame = [](const Talk& t) { return t.answer(); },
     .port = back_port},
    {.what = "half-open",
     .prepare =
         [](Lab& lab, Talk& t) {
           t = Talk(lab, "10.0.0.2", 1000);
           t.up(flags::syn);
         }},
    {.what = "half-open, answered",
     .prepare =
         [](Lab& lab, Talk& t) {
           t = Talk(lab, "10.0.0.2", 1000);
           t.up(flags::syn);
           t.down(flags::syn_ack);
         }},
    {.what = "closing", .decided = 1, .prepare = [](Lab&, Talk& t) { t.close(); }},
    {.what = "closing, an answer",
     .decided = 1,
     .prepare = [](Lab&, Talk& t) { t.close(); },
     .frame = [](const Talk& t) { return t.answer(); },
     .port = back_port},
    {.what = "closed by one side only", .decided = 1, .prepare = [](Lab&, Talk& t) { t.up(flags::fin_ack); }},
    {.what = "the backend is down",
     .decided = 1,
     .prepare = [](Lab& lab, Talk& t) { lab.set_health(backend_name(t, "web"), plan::Health::down); }},
    {.what = "a datagram's backend is down",
     .vip = dns,
     .prepare = [](Lab& lab, Talk& t) { lab.set_health(backend_name(t, "dns"), plan::Health::down); }},
    {.what = "a datagram's backend drains",
     .vip = dns,
     .prepare = [](Lab& lab, Talk& t) { lab.set_admin(backend_name(t, "dns"), plan::Admin::drain); }},
    {.what = "a datagram's backend drains, sessions expire",
     .vip = dns,
     .declare = [](model::Model& m) { m.profiles["client"].on_drain = model::OnDrain::expire; },
     .prepare = [](Lab& lab, Talk& t) { lab.set_admin(backend_name(t, "dns"), plan::Admin::drain); }},
    {.what = "a datagram's backend is offline",
     .vip = dns,
     .prepare = [](Lab& lab, Talk& t) { lab.set_admin(backend_name(t, "dns"), plan::Admin::offline); }},
    {.what = "a service that resets",
     .declare = [](model::Model& m) { m.services["web"].flows_on_down = model::LiveFlows::reset; }},
    {.what = "a service that resets, and the backend is down",
     .declare = [](model::Model& m) { m.services["web"].flows_on_down = model::LiveFlows::reset; },
     .prepare = [](Lab& lab, Talk& t) { lab.set_health(backend_name(t, "web"), plan::Health::down); }},
    {.what = "an answer of a service that resets",
     .declare = [](model::Model& m) { m.services["web"].flows_on_drain_end = model::LiveFlows::reset; },
     .prepare = [](Lab& lab, Talk& t) { lab.set_admin(backend_name(t, "web"), plan::Admin::offline); },
     .frame = [](const Talk& t) { return t.answer(); },
     .port = back_port},
    {.what = "any port",
     .declare = [](model::Model& m) { m.services["web"].listen = {listen("192.0.2.10", 0, net::Protocol::tcp)}; }},
    {.what = "a prefix of VIPs",
     .declare = [](model::Model& m) { m.services["web"].listen = {listen("192.0.2.8/29", 80, net::Protocol::tcp)}; }},
};

void apply_another_backend(Lab& lab) {
  lab.model.pools.at("web").backends["b9"] = backend(9);
  lab.apply();
}

const Row changes[] = {
    {.what = "a new plan with other backends, in its first second",
     .prepare = [](Lab& lab, Talk&) { apply_another_backend(lab); }},
    {.what = "a new plan between the same listeners and backends",
     .decided = 1,
     .prepare =
         [](Lab& lab, Talk&) {
           lab.model.pools.at("web").backends.at("b1").weight = 7;
           lab.apply();
         }},
    {.what = "a flow that a plan with other backends has not seen yet",
     .prepare =
         [](Lab& lab, Talk&) {
           apply_another_backend(lab);
           decided(lab, front_port, {Bytes(60)});  // the worker sees the plan
           lab.wait_ms(2000);
         }},
    {.what = "a flow that the plan has seen",
     .decided = 1,
     .prepare =
         [](Lab& lab, Talk& t) {
           apply_another_backend(lab);
           t.up();
           lab.wait_ms(1000);
           t.up();
         }},
    {.what = "the backend has another address",
     .prepare =
         [](Lab& lab, Talk& t) {
           backend_of(lab, "web", t) = backend(9);
           lab.apply();
           lab.wait_ms(1000);
         }},
    {.what = "the backend has another address, seen after a while",
     .prepare =
         [](Lab& lab, Talk& t) {
           backend_of(lab, "web", t) = backend(9);
           lab.apply();
           decided(lab, front_port, {Bytes(60)});
           lab.wait_ms(5000);
         }},
    {.what = "the backend has another port",
     .prepare =
         [](Lab& lab, Talk& t) {
           backend_of(lab, "web", t).addresses[0].l4_port = 8081;
           lab.apply();
           lab.wait_ms(2000);
         }},
    {.what = "the backend has left",
     .prepare =
         [](Lab& lab, Talk& t) {
           lab.model.pools.at("web").backends.erase(name_at(t.seen().destination().text()));
           lab.apply();
         }},
    {.what = "the service has another pool",
     .prepare =
         [](Lab& lab, Talk&) {
           lab.model.pools["other"] = pool(5, 8);
           lab.model.services["web"].pool = "other";
           lab.apply();
           lab.wait_ms(1000);
         }},
    {.what = "the service has another pool, the old one serves another",
     .prepare =
         [](Lab& lab, Talk& t) {
           lab.model.pools["other"] = pool(5, 8);
           lab.model.services["too"] = service("web", {listen("192.0.2.11", 80, net::Protocol::tcp)});
           lab.model.services["web"].pool = "other";
           lab.apply();
           t.up();
           lab.wait_ms(1000);
           t.up();
         }},
    {.what = "the service is direct now",
     .prepare =
         [](Lab& lab, Talk&) {
           lab.model.services["web"].forwarding = model::Forwarding::dr;
           lab.apply();
           lab.wait_ms(1000);
         }},
    {.what = "the service is gone",
     .prepare =
         [](Lab& lab, Talk&) {
           lab.model.services.erase("web");
           lab.apply();
         }},
    {.what = "the client's address is a VIP now",
     .prepare =
         [](Lab& lab, Talk&) {
           lab.model.services["too"] = service("web", {listen("10.0.0.1", 80, net::Protocol::tcp)});
           lab.apply();
           lab.wait_ms(1000);
         }},
    {.what = "the client's address is a VIP now, an answer",
     .prepare =
         [](Lab& lab, Talk&) {
           lab.model.services["too"] = service("web", {listen("10.0.0.1", 80, net::Protocol::tcp)});
           lab.apply();
           lab.wait_ms(1000);
         },
     .frame = [](const Talk& t) { return t.answer(); },
     .port = back_port},
    {.what = "the neighbour's MAC address is another",
     .decided = 1,
     .prepare = [](Lab& lab, Talk& t) { set_hop(lab, t, AdjacencyState::reachable, moved_mac); }},
    {.what = "the neighbour is unknown",
     .prepare =
         [](Lab& lab, Talk& t) {
           adjacencies(lab).remove(lab.node->plan().interfaces_of_port[back_port.value()].front(),
                                   t.seen().destination().address);
         }},
    {.what = "the neighbour is being asked for",
     .prepare = [](Lab& lab, Talk& t) { set_hop(lab, t, AdjacencyState::incomplete); }},
    {.what = "the neighbour does not answer",
     .prepare = [](Lab& lab, Talk& t) { set_hop(lab, t, AdjacencyState::failed); }},
    {.what = "the gateway does not answer",
     .prepare = [](Lab& lab, Talk&) { set_neighbour(lab, front_port, ip("192.0.2.254"), AdjacencyState::failed); },
     .frame = [](const Talk& t) { return t.answer(); },
     .port = back_port},
    {.what = "another packet waits for the neighbour, which has just answered",
     .prepare =
         [](Lab& lab, Talk& t) {
           const net::Mac mac = t.seen().to_mac();
           set_hop(lab, t, AdjacencyState::incomplete);
           lab.node->receive(front_port, 0, t.packet(flags::ack, "waits"));
           set_hop(lab, t, AdjacencyState::reachable, mac);
         }},
};

class Express : public ::testing::TestWithParam<Row> {};

TEST_P(Express, GoesAsTheLongWay) {
  check(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Packets, Express, ::testing::ValuesIn(packets), name_of);
INSTANTIATE_TEST_SUITE_P(Flows, Express, ::testing::ValuesIn(flows), name_of);
INSTANTIATE_TEST_SUITE_P(Changes, Express, ::testing::ValuesIn(changes), name_of);

}  // namespace
}  // namespace limpet::path
