// The express way of first packets: which it takes, and that each goes as it would have gone the long way.
#include "express_rows.hpp"

namespace limpet::path {
namespace {

/// Of the same client, by another port.
Talk another(Lab& lab, const char* vip = "192.0.2.10:80") {
  return {lab, "10.0.0.1", 2000, vip};
}
Bytes opening(const Talk&) {
  return to_web().tcp(2000, 80, flags::syn).build();
}
Bytes opening6(const Talk&) {
  return to_web6().tcp(2000, 80, flags::syn).build();
}
Bytes datagram(const Talk&) {
  return to_web().udp(2000, 53).build();
}

constexpr auto dns = "192.0.2.10:53", web6 = "[2001:db8:1::10]:80", dns6 = "[2001:db8:1::10]:53";
const Row packets[] = {
    {.what = "SYN", .decided = 1, .frame = opening},
    {.what = "SYN, IPv6", .decided = 1, .vip = web6, .frame = opening6},
    {.what = "SYN, IPv6, another client of the prefix",
     .decided = 1,
     .vip = web6,
     .frame =
         [](const Talk&) { return to_web6().ip("2001:db8:c::77", "2001:db8:1::10").tcp(1, 80, flags::syn).build(); }},
    {.what = "SYN, direct routing",
     .decided = 1,
     .declare = [](model::Model& m) { m.services["web"].forwarding = model::Forwarding::dr; },
     .frame = opening},
    {.what = "SYN with data",
     .decided = 1,
     .frame = [](const Talk&) { return to_web().tcp(2000, 80, flags::syn).payload("early").build(); }},
    {.what = "datagram", .decided = 1, .vip = dns, .frame = datagram},
    {.what = "datagram, IPv6",
     .decided = 1,
     .vip = dns6,
     .frame = [](const Talk&) { return to_web6().udp(2000, 53).build(); }},
    {.what = "SYN of a client never seen",
     .frame = [](const Talk&) { return to_web().ip("10.0.0.7", "192.0.2.10").tcp(2000, 80, flags::syn).build(); }},
    {.what = "SYN of a session that has not shown its address",
     .prepare = [](Lab& lab, Talk&) { Talk(lab, "10.0.0.7", 1).up(flags::syn); },
     .frame = [](const Talk&) { return to_web().ip("10.0.0.7", "192.0.2.10").tcp(2000, 80, flags::syn).build(); }},
    {.what = "SYN from the VIP, whose prefix has a record",
     .declare = [](model::Model& m) { m.profiles["client"].prefix4 = 8; },
     .prepare = [](Lab& lab, Talk&) { Talk(lab, "192.200.0.1", 1000).open(); },
     .frame = [](const Talk&) { return to_web().ip("192.0.2.10", "192.0.2.10").tcp(2000, 80, flags::syn).build(); }},
    {.what = "SYN from an IPv4 address in IPv6, which has a record",
     .prepare = [](Lab& lab, Talk&) { another(lab).open(); },
     .frame =
         [](const Talk&) {
           Bytes frame = to_web6().tcp(2000, 80, flags::syn).build();
           const Bytes mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1};
           std::copy(mapped.begin(), mapped.end(), frame.begin() + 14 + net::ipv6::source);
           return frame;
         }},
    {.what = "SYN again", .prepare = [](Lab& lab, Talk&) { another(lab).up(flags::syn); }, .frame = opening},
    {.what = "datagram again",
     .vip = dns,
     .prepare = [](Lab& lab, Talk&) { another(lab, dns).up(); },
     .frame = datagram},
    {.what = "SYN of a live flow", .frame = [](const Talk& t) { return t.packet(flags::syn); }},
    {.what = "SYN of a closed flow",
     .decided = 1,
     .prepare = [](Lab&, Talk& t) { t.close(); },
     .frame = [](const Talk& t) { return t.packet(flags::syn); }},
    {.what = "ACK in mid flow", .frame = [](const Talk&) { return to_web().tcp(2000, 80).build(); }},
    {.what = "SYN and FIN", .frame = [](const Talk&) { return to_web().tcp(2000, 80, flags::syn | 1).build(); }},
    {.what = "SYN and RST",
     .frame = [](const Talk&) { return to_web().tcp(2000, 80, flags::syn | flags::rst).build(); }},
    {.what = "a backend's own SYN", .frame = [](const Talk& t) { return t.answer(flags::syn); }, .port = back_port},
    {.what = "a port that another service's flow has",
     .declare = declare_another_service,
     .prepare =
         [](Lab& lab, Talk& t) {
           keep_its_backend(lab, t);
           Talk(lab, "10.0.0.1", 2000, "192.0.2.11:80").up(flags::syn);
         },
     .frame = opening},
    {.what = "a port that a rewritten flow might have",
     .declare =
         [](model::Model& m) { m.services["any"] = service("web", {listen("192.0.2.12", 0, net::Protocol::tcp)}); },
     .prepare = [](Lab& lab, Talk&) { Talk(lab, "10.0.0.9", 9, "192.0.2.12:80").up(flags::syn); },
     .frame = opening},
};

const Row sessions[] = {
    {.what = "an idle record",
     .declare = [](model::Model& m) { m.profiles["client"].idle_timeout_ms = 5'000; },
     .prepare = [](Lab& lab, Talk&) { lab.wait_ms(7'000); },
     .frame = opening},
    {.what = "a record too old",
     .declare = [](model::Model& m) { m.profiles["client"].max_life_ms = 1'000; },
     .prepare = [](Lab& lab, Talk&) { lab.wait_ms(2'000); },
     .frame = opening},
    {.what = "a record of another second",
     .decided = 1,
     .prepare = [](Lab& lab, Talk&) { lab.wait_ms(3'000); },
     .frame = opening},
    {.what = "the backend is down",
     .prepare = [](Lab& lab, Talk& t) { lab.set_health(backend_name(t, "web"), plan::Health::down); },
     .frame = opening},
    {.what = "the backend drains",
     .prepare = [](Lab& lab, Talk& t) { lab.set_admin(backend_name(t, "web"), plan::Admin::drain); },
     .frame = opening},
    {.what = "the backend is offline",
     .prepare = [](Lab& lab, Talk& t) { lab.set_admin(backend_name(t, "web"), plan::Admin::offline); },
     .frame = opening},
    {.what = "the backend has left",
     .prepare =
         [](Lab& lab, Talk& t) {
           lab.model.pools.at("web").backends.erase(name_at(t.seen().destination().text()));
           lab.apply();
         },
     .frame = opening},
    {.what = "the backend has another address",
     .decided = 1,
     .prepare =
         [](Lab& lab, Talk& t) {
           backend_of(lab, "web", t) = backend(8);
           lab.apply();
         },
     .frame = opening},
    {.what = "the backend may have so many connections",
     .declare =
         [](model::Model& m) {
           for (auto& [name, backend] : m.pools.at("web").backends) {
             backend.max_connections = 1;
           }
         },
     .frame = opening},
    {.what = "the backend keeps the clients' port",
     .declare =
         [](model::Model& m) {
           for (auto& [name, backend] : m.pools.at("web").backends) {
             backend.addresses[0].l4_port = 0;
           }
         },
     .frame = opening},
    {.what = "the neighbour does not answer",
     .prepare = [](Lab& lab, Talk& t) { set_hop(lab, t, AdjacencyState::failed); },
     .frame = opening},
    {.what = "the session moved while its backend was down",
     .declare = [](model::Model& m) { m.profiles["client"].on_return = model::OnReturn::return_; },
     .prepare =
         [](Lab& lab, Talk& t) {
           const std::string first = backend_name(t, "web");
           lab.set_health(first, plan::Health::down);
           another(lab).open();
           lab.set_health(first, plan::Health::up);
         },
     .frame = [](const Talk&) { return to_web().tcp(2001, 80, flags::syn).build(); }},
    {.what = "no profile", .declare = [](model::Model& m) { m.services["web"].persist.clear(); }, .frame = opening},
    {.what = "heavy keys are split",
     .declare =
         [](model::Model& m) {
           m.profiles["client"].max_imbalance = 1250;
           m.profiles["client"].heavy_key = model::HeavyKey::split;
         },
     .frame = opening},
    {.what = "a key of the port too",
     .declare = [](model::Model& m) { m.profiles["client"].type = model::ProfileType::source_ip_port; },
     .frame = opening},
    {.what = "a key of a whole IPv6 address",
     .vip = web6,
     .declare = [](model::Model& m) { m.profiles["client"].prefix6 = 128; },
     .frame = opening6},
    {.what = "one record for a whole node",
     .decided = 1,
     .declare = [](model::Model& m) { m.profiles["client"].scope = model::Scope::global; },
     .frame = opening},
};

class ExpressOpening : public ::testing::TestWithParam<Row> {};

TEST_P(ExpressOpening, GoesAsTheLongWay) {
  check(GetParam());
}
INSTANTIATE_TEST_SUITE_P(Packets, ExpressOpening, ::testing::ValuesIn(packets), name_of);
INSTANTIATE_TEST_SUITE_P(Sessions, ExpressOpening, ::testing::ValuesIn(sessions), name_of);

/// What is opened is a flow like any other: answered, shown, live, and of one backend.
TEST(ExpressOpening, MakesFlowsThatLive) {
  Twins twins;
  const auto talk_in = [&](Lab& lab) {
    Talk(lab, "10.0.0.1", 1000).open();
    lab.wait_ms(1500);
    for (std::uint16_t port = 2000; port < 2064; ++port) {
      Talk talk(lab, "10.0.0.1", port);
      const std::string at = talk.open();
      EXPECT_EQ(at, Talk(lab, "10.0.0.1", 1000).up());
      EXPECT_TRUE(talk.down());
      EXPECT_EQ(talk.up(), at);
    }
  };
  twins.each(talk_in);
  twins.expect_same();
  EXPECT_EQ(twins.express.node->state(0).flows.stats().embryonic, 0u);
}

TEST(ExpressOpening, OneFlowsPacketsInOneBurst) {
  Twins twins;
  twins.each([](Lab& lab) { Talk(lab, "10.0.0.1", 1000).open(); });
  const Bytes syn = on_the_wire(to_web().tcp(2000, 80, flags::syn).build());
  const auto out = twins.send({{front_port, 0, syn}, {front_port, 0, syn}});
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[0].destination(), out[1].destination());
  EXPECT_EQ(twins.express.count(Counter::flow_new), 2u);  // with the first of all
}

}  // namespace
}  // namespace limpet::path
