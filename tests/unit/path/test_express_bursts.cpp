// The express way with many packets in hand, several workers, and over time; and by chance against the long way.
#include <random>

#include "twins.hpp"

namespace limpet::path {
namespace {

using l3::AdjacencyState;

/// A live flow that the plan has seen.
Talk live_talk(Lab& lab, const net::Endpoint& client, std::string_view vip = "192.0.2.10:80") {
  Talk talk(lab, client, endpoint(vip));
  talk.open();
  lab.wait_ms(1000);
  talk.up();
  talk.down();
  return talk;
}
Talk live_talk(Lab& lab) {
  return live_talk(lab, {ip("10.0.0.1"), 1000});
}
record::Record record_of(Lab& lab, const char* client) {
  const plan::Plan& plan = lab.node->plan();
  const auto index = plan.fronts.find_listener(ip("192.0.2.10"), 80, net::ip_protocol::tcp);
  const plan::Persist& persist = plan.service_of(plan.listeners[index]).persist.front();
  const auto key = record::source_key(ip(client), persist.prefix4, persist.prefix6, persist.scope);
  const auto record = lab.node->records().find(key, lab.node->records().hash(key));
  EXPECT_TRUE(record);
  return record.value_or(record::Record{});
}

TEST(ExpressBurst, PacketsInSeveralSegmentsGoTheLongWay) {
  Lab lab;
  const Bytes frame = on_the_wire(live_talk(lab).packet());
  EXPECT_EQ(decided(lab, front_port, {frame}, Origin::port, frame.size() - 1), 0u);
  EXPECT_EQ(decided(lab, front_port, {frame}, Origin::port), 1u);
}

TEST(ExpressBurst, WhatControlAndKernelSendGoesTheLongWay) {
  Lab lab;
  const Bytes frame = on_the_wire(live_talk(lab).packet());
  EXPECT_EQ(decided(lab, front_port, {frame}, Origin::control), 0u);
  EXPECT_EQ(decided(lab, front_port, {frame}, Origin::kernel), 0u);
  EXPECT_EQ(decided(lab, front_port, {frame}, Origin::worker), 1u);
}

TEST(ExpressBurst, FramesCutShortAnywhereAreNotReadBeyond) {
  Lab lab;
  const Bytes frame = live_talk(lab).packet(flags::ack, std::string(40, 'x'));
  for (std::size_t size = 0; size < frame.size(); ++size) {  // a sanitizer sees reads beyond the end
    EXPECT_EQ(decided(lab, front_port, {Bytes(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size))}), 0u);
  }
}

/// Packets of a flow keep their order, whether some of them went the long way or not.
TEST(ExpressBurst, OrderWithinAFlow) {
  Twins twins;
  std::vector<Talk> talks;
  twins.each([&](Lab& lab) { talks.push_back(live_talk(lab)); });
  std::vector<Bytes> frames;
  Twins::Arrivals arrivals;
  for (unsigned i = 0; i < 100; ++i) {
    PacketBuilder builder;
    builder.ethernet(gateway_mac, front_mac).ip("10.0.0.1", "192.0.2.10");
    if (i % 3 == 1) {
      builder.options(Bytes(4, 1));
    }
    frames.push_back(builder.tcp(1000, 80).payload(Bytes(10, static_cast<std::uint8_t>(i))).build());
    arrivals.push_back({front_port, 0, frames.back()});
  }
  EXPECT_EQ(decided(twins.probe, front_port, {frames.begin(), frames.begin() + 30}), 20u);
  const auto outs = twins.send(arrivals);
  ASSERT_EQ(outs.size(), 100u);
  for (unsigned i = 0; i < 100; ++i) {
    EXPECT_EQ(outs[i].bytes.back(), i);
  }
}

TEST(ExpressBurst, BothDirectionsOfManyFlowsAtOnce) {
  Twins twins;
  std::vector<Bytes> in, back;
  twins.each([&](Lab& lab) {
    in.clear();
    back.clear();
    for (std::uint32_t i = 0; i < 16; ++i) {
      const Talk talk = live_talk(lab, {client_address(i), 1000}, i % 2 == 0 ? "192.0.2.10:80" : "192.0.2.10:53");
      in.push_back(on_the_wire(talk.packet()));
      back.push_back(on_the_wire(talk.answer()));
    }
  });
  Twins::Arrivals arrivals;
  for (std::size_t i = 0; i < in.size(); ++i) {
    arrivals.push_back({front_port, 0, in[i]});
    arrivals.push_back({back_port, 0, back[i]});
  }
  EXPECT_EQ(decided(twins.probe, back_port, back), 16u);
  EXPECT_EQ(twins.send(arrivals).size(), 32u);
}

Lab::Setup four_workers() {
  Lab::Setup setup;
  setup.workers = 4;
  return setup;
}

TEST(ExpressBurst, AnyWorkerHandsOver) {
  Twins twins(four_workers());
  for (std::uint32_t i = 0; i < 12; ++i) {
    std::vector<Talk> talks;
    twins.each([&](Lab& lab) { talks.push_back(live_talk(lab, {client_address(i), 1000})); });
    EXPECT_EQ(decided(twins.probe, front_port, {on_the_wire(talks[2].packet())}), 1u);
    for (unsigned worker = 0; worker < 4; ++worker) {
      EXPECT_EQ(twins.send(front_port, on_the_wire(talks[0].packet()), worker).size(), 1u);
      EXPECT_EQ(twins.send(back_port, on_the_wire(talks[0].answer()), worker).size(), 1u);
    }
  }
}

/// A backend asks a service from the port that it answers from, as name servers do: it is a client then, and its own
/// address says who owns it.
TEST(ExpressBurst, ABackendsQuestionsGoToTheBackendsOwner) {
  for (const bool express_listener : {true, false}) {
    Lab::Setup setup = four_workers();
    setup.model.pools["more"] = pool(5, 6, 53);
    setup.model.services["more"] =
        service("more", {listen("192.0.2.11", express_listener ? 53 : 0, net::Protocol::udp)});
    Twins twins(setup);
    const auto from_backend = [](unsigned number, const net::IpAddress& to) {
      const net::IpAddress from = backend(number).addresses[0].address;
      PacketBuilder builder;
      return on_the_wire(builder.ethernet(backend_mac(number), back_mac).ip(from, to).udp(53, 53).build());
    };
    for (unsigned round = 0; round < 12; ++round) {
      const unsigned number = 1 + round % 4;
      const Bytes answer = from_backend(number, client_address(round));  // its VIP is guessed
      const Bytes question = from_backend(number, ip("192.0.2.11"));
      for (unsigned worker = 0; worker < 4; ++worker) {
        EXPECT_EQ(twins.send({{back_port, worker, answer}, {back_port, worker, question}}).size(), 2u);
      }
      twins.express.wait_ms(300);
      twins.plain.wait_ms(300);
    }
    EXPECT_EQ(twins.express.count(Counter::flow_new), 4u);
  }
}

TEST(ExpressOverTime, NeighboursAreFollowedWithinASecond) {
  Lab lab;
  const Talk talk = live_talk(lab);
  const Bytes frame = on_the_wire(talk.packet());
  const net::IpAddress at = talk.seen().destination().address;
  for (std::uint8_t last = 1; last < 5; ++last) {
    const net::Mac mac{{2, 0, 0, 0, 7, last}};
    set_neighbour(lab, back_port, at, AdjacencyState::failed);
    EXPECT_EQ(decided(lab, front_port, {frame}), 0u);
    set_neighbour(lab, back_port, at, AdjacencyState::reachable, mac);
    const auto out = lab.send_one(front_port, frame);
    ASSERT_TRUE(out);
    EXPECT_EQ(out->to_mac(), mac);
    EXPECT_EQ(decided(lab, front_port, {frame}), 1u);
  }
}

/// A backend's new address is free for each service's flows anew: the first to come there has the client's own port,
/// and no other flow takes its way back for its own.
TEST(ExpressOverTime, FlowsOfTwoServicesFollowABackendToItsNewAddress) {
  Lab::Setup setup;
  setup.model.pools["web"] = pool(1, 1);
  setup.model.services["api"] = service("web", {listen("192.0.2.11", 80, net::Protocol::tcp)});
  Twins twins(setup);
  twins.each([&](Lab& lab) {
    Talk web = live_talk(lab);
    lab.model.pools["web"].backends["b1"] = backend(9);
    lab.apply();
    lab.wait_ms(1000);
    Talk api(lab, "10.0.0.1", 1000, "192.0.2.11:80");
    ASSERT_EQ(api.open(), "198.51.100.19:8080");
    for (unsigned i = 0; i < 3; ++i) {
      EXPECT_EQ(web.up(), "198.51.100.19:8080");
      EXPECT_EQ(api.up(), "198.51.100.19:8080");
      EXPECT_NE(web.seen().source(), api.seen().source());
      EXPECT_TRUE(web.down());
      EXPECT_TRUE(api.down());
      lab.wait_ms(1000);
    }
    web.close();
    EXPECT_TRUE(api.down());
  });
  twins.expect_same();
}

/// Packets that wait leave before those that come when the neighbour has answered.
TEST(ExpressOverTime, WaitingPacketsLeaveFirst) {
  Twins twins;
  std::vector<Talk> talks;
  twins.each([&](Lab& lab) { talks.push_back(live_talk(lab)); });
  const net::IpAddress at = talks[0].seen().destination().address;
  const auto set = [&](AdjacencyState state) {
    twins.each([&](Lab& lab) { set_neighbour(lab, back_port, at, state, talks[0].seen().to_mac()); });
  };
  set(AdjacencyState::incomplete);
  EXPECT_EQ(twins.send(front_port, talks[0].packet(flags::ack, "first of all")).size(), 0u);
  set(AdjacencyState::reachable);
  const auto outs = twins.send(front_port, talks[0].packet(flags::ack, "second in row"));
  ASSERT_EQ(outs.size(), 2u);
  EXPECT_EQ(outs[0].bytes.back(), 'l');
  EXPECT_EQ(outs[1].bytes.back(), 'w');
}

/// Whatever a flow's rhythm, its session is never taken for idle before its time.
TEST(ExpressOverTime, RecordsAreNeverTwoThirdsOfTheTimeOutBehind) {
  for (const unsigned idle_s : {3u, 29u, 30u, 45u, 60u, 90u, 200u}) {
    auto model = base_model();
    model.profiles["client"].idle_timeout_ms = idle_s * 1000;
    Lab lab(model);
    Talk talk = live_talk(lab);
    std::mt19937_64 random(idle_s);
    for (unsigned i = 0; i < 100; ++i) {
      lab.wait_ms(random() % (random() % 3 == 0 ? idle_s * 600 : 2000));
      talk.up();
      const auto used_s = static_cast<std::uint32_t>(lab.node->now_ms() / 1000);
      lab.wait_ms(random() % std::min(9'000u, idle_s * 300));
      ASSERT_LE(used_s - record_of(lab, "10.0.0.1").used_s, idle_s < 30 ? 0 : idle_s * 2 / 3) << idle_s << " s, " << i;
    }
  }
}

}  // namespace
}  // namespace limpet::path
