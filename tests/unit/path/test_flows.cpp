// The life of flows and records: provisional and confirmed, idle, closed, reused, rewritten ports, floods.
#include "lab.hpp"

namespace limpet::path {
namespace {

record::Stats records(Lab& lab) {
  return lab.node->records().stats();
}

TEST(Flows, RecordIsProvisionalUntilTheClientHasShownItsAddress) {
  for (const auto& [client, vip] : {std::pair{"10.0.0.1", "192.0.2.10:80"}, std::pair{"10.0.0.1", "192.0.2.10:53"},
                                    std::pair{"2001:db8:c::1", "[2001:db8:1::10]:80"}}) {
    SCOPED_TRACE(vip);
    Lab lab;
    Talk talk(lab, client, 1000, vip);
    const auto at = talk.up(flags::syn);
    EXPECT_EQ(records(lab).provisional, 1u);
    talk.up(flags::syn);  // again: proves nothing, the backend has not answered
    EXPECT_EQ(records(lab).provisional, 1u);
    EXPECT_EQ(lab.live_flows(), 0u);
    EXPECT_TRUE(talk.down(flags::syn_ack));
    EXPECT_EQ(records(lab).live, 0u);
    EXPECT_EQ(talk.up(), at);
    EXPECT_EQ(records(lab).provisional, 0u);
    EXPECT_EQ(records(lab).live, 1u);
    EXPECT_EQ(lab.live_flows(), 2u);  // both directions
    EXPECT_EQ(lab.count(Counter::record_new), 1u);
  }
}

TEST(Flows, RetransmittedSynProvesNothing) {
  Lab lab;
  Talk talk(lab, "10.0.0.1", 1000);
  talk.up(flags::syn);
  talk.down(flags::syn_ack);
  talk.up(flags::syn);
  EXPECT_EQ(lab.live_flows(), 0u);
}

TEST(Flows, IdleTimesByState) {
  struct Row {
    const char* what;
    const char* vip;
    bool open, close;
    Millis kept_ms, gone_ms;
  };
  for (const Row& row : {Row{"embryonic", "192.0.2.10:80", false, false, 9'000, 12'000},
                         Row{"established", "192.0.2.10:80", true, false, 3'599'000, 3'602'000},
                         Row{"closing", "192.0.2.10:80", true, true, 9'000, 12'000},
                         Row{"udp", "192.0.2.10:53", true, false, 119'000, 122'000}}) {
    SCOPED_TRACE(row.what);
    auto model = base_model();
    model.services["web"].timeouts.established_ms = 3'600'000;
    for (const bool kept : {true, false}) {
      Lab lab(model);
      Talk talk(lab, "10.0.0.1", 1000, row.vip);
      row.open ? talk.open() : talk.up(flags::syn);
      if (row.close) {
        talk.close();
      }
      lab.wait_ms(kept ? row.kept_ms : row.gone_ms);
      const auto hits = lab.count(Counter::flow_hit);
      talk.up();
      EXPECT_EQ(lab.count(Counter::flow_hit) - hits, kept ? 1u : 0u);
      EXPECT_EQ(lab.count(Counter::flow_new), kept ? 1u : 2u);
    }
  }
}

TEST(Flows, AnswersKeepAFlowAlive) {
  Lab lab;
  Talk talk(lab, "10.0.0.1", 1000, "192.0.2.10:53");
  talk.open();
  for (int i = 0; i < 5; ++i) {
    lab.wait_ms(100'000);
    EXPECT_TRUE(talk.down());
  }
  EXPECT_NE(talk.up(), "");
  EXPECT_EQ(lab.count(Counter::flow_new), 1u);
}

TEST(Flows, SweepEndsIdleFlowsWithoutAPacket) {
  Lab lab;
  for (std::uint16_t port = 1; port <= 20; ++port) {
    Talk(lab, "10.0.0.1", port, "192.0.2.10:53").open();
  }
  EXPECT_EQ(lab.live_flows(), 40u);
  for (int i = 0; i < 60; ++i) {
    lab.wait_ms(5'000);
  }
  EXPECT_EQ(lab.live_flows(), 0u);
  EXPECT_EQ(lab.count(Counter::flow_ended), 20u);
}

TEST(Flows, LiveFlowsRefreshTheirRecord) {
  auto model = base_model();
  model.profiles["client"].idle_timeout_ms = 60'000;
  Lab lab(model);
  Talk talk(lab, "10.0.0.1", 1000);
  const auto at = talk.open();
  for (int i = 0; i < 10; ++i) {
    lab.wait_ms(50'000);
    EXPECT_EQ(talk.up(), at);
  }
  lab.model.pools["web"].backends["b9"] = backend(9);  // would take some sessions if it could
  lab.model.pools["web"].backends["b9"].weight = 1'000'000;
  lab.apply();
  EXPECT_EQ(Talk(lab, "10.0.0.1", 1001).open(), at);
  lab.wait_ms(62'000);
  EXPECT_EQ(name_at(Talk(lab, "10.0.0.1", 1002).open()), "b9");
}

TEST(Flows, ClosedConnectionsMakeRoomForTheSamePort) {
  for (const bool reset : {false, true}) {
    SCOPED_TRACE(reset);
    Lab lab;
    Talk talk(lab, "10.0.0.1", 1000);
    const auto at = talk.open();
    reset ? static_cast<void>(talk.up(flags::rst | flags::ack)) : talk.close();
    EXPECT_EQ(talk.open(), at);
    EXPECT_EQ(lab.count(Counter::flow_new), 2u);
    EXPECT_EQ(lab.count(Counter::flow_ended), 1u);
    EXPECT_EQ(lab.node->state(0).uses[lab.node->plan().pools[1].backends[0].slot.value()].flows.load() +
                  lab.node->state(0).uses[lab.node->plan().pools[1].backends[1].slot.value()].flows.load() +
                  lab.node->state(0).uses[lab.node->plan().pools[1].backends[2].slot.value()].flows.load() +
                  lab.node->state(0).uses[lab.node->plan().pools[1].backends[3].slot.value()].flows.load(),
              1);
  }
}

TEST(Flows, AHalfClosedConnectionLives) {
  Lab lab;
  Talk talk(lab, "10.0.0.1", 1000);
  const auto at = talk.open();
  talk.up(flags::fin_ack);
  lab.wait_ms(60'000);
  EXPECT_TRUE(talk.down());
  EXPECT_EQ(talk.up(), at);
  EXPECT_EQ(lab.count(Counter::flow_new), 1u);
}

TEST(Flows, AFinRightAfterTheAnswerEndsTheConnectionInTime) {
  for (const bool server_first : {false, true}) {
    SCOPED_TRACE(server_first);
    Lab lab;
    Talk talk(lab, "10.0.0.1", 1000);
    const auto at = talk.up(flags::syn);
    EXPECT_TRUE(talk.down(server_first ? flags::fin_ack : flags::syn_ack));
    EXPECT_EQ(talk.up(flags::fin_ack), at);  // shows the client's address as any packet does
    EXPECT_EQ(records(lab).live, 1u);
    EXPECT_EQ(lab.live_flows(), 2u);
    EXPECT_TRUE(talk.down(flags::fin_ack));
    EXPECT_EQ(talk.up(), at);
    lab.wait_ms(12'000);  // the time-out of closing connections is 10 s
    talk.up();
    EXPECT_EQ(lab.count(Counter::flow_new), 2u);
  }
}

TEST(Flows, DirectRoutingClosesByTheClientsFinAlone) {
  auto model = base_model();
  model.services["web"].forwarding = model::Forwarding::dr;
  Lab lab(model);
  Talk talk(lab, "10.0.0.1", 1000);
  talk.up(flags::syn);
  talk.up();
  talk.up(flags::fin_ack);
  lab.wait_ms(12'000);
  talk.up(flags::syn);
  EXPECT_EQ(lab.count(Counter::flow_new), 2u);
}

TEST(Flows, MidstreamIsDecidedAsNew) {
  Lab first;
  const auto at = Talk(first, "10.0.0.7", 1000).open();
  Lab second;  // another node with the same secret, or the same after a restart
  Talk talk(second, "10.0.0.7", 1000);
  EXPECT_EQ(talk.up(), at);
  EXPECT_EQ(second.count(Counter::flow_midstream), 1u);
  EXPECT_TRUE(talk.down());
  EXPECT_EQ(talk.up(), at);
  EXPECT_EQ(second.count(Counter::flow_hit), 1u);
}

Bytes answer_from(const char* backend, const char* client, std::uint8_t tcp_flags) {
  return PacketBuilder().ethernet(backend_mac(1), back_mac).ip(backend, client).tcp(8080, 1000, tcp_flags).build();
}

TEST(Flows, AnswerWithoutFlowIsSentWhenOnlyOneVipIsMeant) {
  Lab lab;
  const auto out = lab.send_one(back_port, answer_from("198.51.100.12", "10.0.0.1", flags::ack));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->source().text(), "192.0.2.10:80");
  EXPECT_EQ(lab.count(Counter::flow_return_guessed), 1u);
  EXPECT_FALSE(lab.send_one(back_port, answer_from("198.51.100.12", "10.0.0.1", flags::syn)));  // a new connection
  EXPECT_EQ(lab.count(Counter::drop_no_return_flow), 1u);
}

TEST(Flows, AnswerWithoutFlowIsDroppedWhenSeveralVipsAreMeant) {
  struct Row {
    const char* what;
    model::Listen second;
    std::uint16_t l4_port;
  };
  for (const Row& row : {Row{"a second service", listen("192.0.2.11", 80, net::Protocol::tcp), 8080},
                         Row{"an any-port service of the same host", listen("192.0.2.11", 0, net::Protocol::tcp), 0}}) {
    SCOPED_TRACE(row.what);
    auto model = base_model();
    model.pools["a-second"] = pool(2, 2, row.l4_port);
    model.services["a-second"] = service("a-second", {row.second});
    model.services["z-second"] = service("a-second", {});
    Lab lab(model);
    EXPECT_FALSE(lab.send_one(back_port, answer_from("198.51.100.12", "10.0.0.1", flags::ack)));
    EXPECT_EQ(lab.count(Counter::drop_no_return_flow), 1u);
    EXPECT_TRUE(lab.send_one(back_port, answer_from("198.51.100.13", "10.0.0.1", flags::ack)));
  }
}

TEST(Flows, SameClientPortToTwoServicesOfOneBackendIsRewritten) {
  auto model = base_model();
  model.pools["web"].backends = {{"b1", backend(1)}};
  model.pools["two"].backends = {{"b1", backend(1)}};
  model.services["two"] =
      service("two", {listen("192.0.2.11", 80, net::Protocol::tcp), listen("2001:db8:1::11", 80, net::Protocol::tcp)});
  Lab lab(model);
  for (const auto& [client, one, two] : {std::tuple{"10.0.0.1", "192.0.2.10:80", "192.0.2.11:80"},
                                         std::tuple{"2001:db8:c::1", "[2001:db8:1::10]:80", "[2001:db8:1::11]:80"}}) {
    SCOPED_TRACE(one);
    Talk first(lab, client, 1000, one);
    Talk second(lab, client, 1000, two);
    EXPECT_NE(first.open(), "");
    EXPECT_NE(second.open(), "");
    EXPECT_EQ(first.seen().parsed.source_port, 1000);
    EXPECT_NE(second.seen().parsed.source_port, 1000);
    for (int i = 0; i < 3; ++i) {
      EXPECT_NE(first.up(), "");
      EXPECT_TRUE(second.down());  // checks VIP and client port
      EXPECT_NE(second.up(), "");
      EXPECT_TRUE(first.down());
    }
    EXPECT_NE(second.seen().parsed.source_port, 1000);
    second.close();
    EXPECT_TRUE(first.down());
    EXPECT_NE(second.open(), "");
  }
  EXPECT_EQ(lab.count(Counter::flow_port_rewritten), 4u);
  EXPECT_EQ(lab.count(Counter::flow_midstream), 0u);
}

TEST(Flows, SynFloodLeavesEstablishedFlowsAlone) {
  Lab lab;
  std::vector<Talk> talks;
  std::vector<std::string> at;
  for (std::uint32_t i = 0; i < 1000; ++i) {
    talks.emplace_back(lab, net::Endpoint{client_address(i), 1000}, endpoint("192.0.2.10:80"));
    at.push_back(talks.back().open());
  }
  const auto live = lab.live_flows();
  const auto live_records = records(lab).live;
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    Talk(lab, net::Endpoint{client_address(1'000'000 + i), 1000}, endpoint("192.0.2.10:80")).up(flags::syn);
  }
  EXPECT_EQ(lab.live_flows(), live);
  EXPECT_EQ(records(lab).live, live_records);
  for (std::size_t i = 0; i < talks.size(); ++i) {
    EXPECT_EQ(talks[i].up(), at[i]);
    EXPECT_TRUE(talks[i].down());
  }
  EXPECT_EQ(lab.count(Counter::flow_midstream), 0u);
  EXPECT_EQ(lab.moved_in_all(), 0u);
}

TEST(Flows, AConnectionThatOpensDuringAFloodHasBothDirections) {
  auto model = base_model();
  model.services["two"] = service("web", {listen("192.0.2.11", 80, net::Protocol::tcp)});  // so nothing can be guessed
  Lab::Setup setup;
  setup.model = model;
  setup.flows_max = 64;
  Lab lab(setup);
  std::uint32_t spoofed = 1'000'000;
  const auto flood = [&] {
    for (int i = 0; i < 3; ++i) {
      Talk(lab, net::Endpoint{client_address(spoofed++), 1000}, endpoint("192.0.2.10:80")).up(flags::syn);
    }
  };
  unsigned opened = 0;
  for (std::uint16_t i = 1; i <= 200; ++i) {
    Talk talk(lab, "10.0.0.1", i);
    bool answered = false;
    for (int attempt = 0; attempt < 10 && !answered; ++attempt) {
      talk.up(flags::syn);
      flood();
      answered = talk.down(flags::syn_ack);
    }
    opened += answered ? 1 : 0;
    // Whatever the flood put out: a packet of the client's finds or makes a flow that works both ways.
    bool both_ways = false;
    for (int attempt = 0; attempt < 2 && !both_ways; ++attempt) {
      ASSERT_NE(talk.up(), "");
      both_ways = talk.down();
    }
    ASSERT_TRUE(both_ways);
    talk.close();
  }
  EXPECT_EQ(opened, 200u);
}

TEST(Flows, AFullTableForwardsWithoutMemory) {
  Lab::Setup setup;
  setup.flows_max = 16;
  setup.records_max = 16;
  Lab lab(setup);
  std::map<std::uint32_t, std::string> at;
  for (std::uint32_t i = 0; i < 500; ++i) {
    Talk talk(lab, {client_address(i), 1000}, endpoint("192.0.2.10:80"));
    at[i] = talk.open();
    ASSERT_NE(at[i], "");
  }
  EXPECT_GT(lab.count(Counter::flow_not_remembered), 0u);
  EXPECT_GT(lab.count(Counter::record_not_remembered), 0u);
  for (std::uint32_t i = 0; i < 500; ++i) {
    EXPECT_EQ(Talk(lab, {client_address(i), 1001}, endpoint("192.0.2.10:80")).up(flags::syn), at[i]);
  }
  EXPECT_EQ(lab.moved_in_all(), 0u);
}

}  // namespace
}  // namespace limpet::path
