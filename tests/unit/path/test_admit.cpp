// Access lists and limits as packets meet them: only new flows are refused, live ones go on under every plan, sources
// are told apart by their prefix, and what is refused is counted.
#include "path/admit.hpp"

#include <gtest/gtest.h>

#include "path/lab.hpp"

namespace limpet::path {
namespace {

model::Model limited(const std::function<void(model::Service&)>& change) {
  model::Model model = base_model();
  change(model.services["web"]);
  return model;
}

std::uint64_t refused(Lab& lab, Admission admission) {
  for (const plan::Service& service : lab.node->plan().services) {
    if (service.name == "web") {
      return service.gate->use->counted(admission);
    }
  }
  return 0;
}

/// How many of `count` connections of this client, from other ports, get to a backend.
unsigned opened(Lab& lab, std::string_view client, unsigned count, std::uint16_t first_port = 40000) {
  unsigned open = 0;
  for (unsigned i = 0; i < count; ++i) {
    const bool v6 = ip(client).is_v4() == false;
    Talk talk(lab, client, static_cast<std::uint16_t>(first_port + i), v6 ? "[2001:db8:1::10]:80" : "192.0.2.10:80");
    open += talk.open().empty() ? 0 : 1;
  }
  return open;
}

TEST(Access, ADeniedClientGetsNothingAndIsCounted) {
  Lab lab(limited([](auto& web) { web.deny = {prefix("203.0.113.0/24"), prefix("2001:db8:9::/48")}; }));
  EXPECT_EQ(opened(lab, "203.0.113.7", 3), 0u);
  EXPECT_EQ(opened(lab, "2001:db8:9::7", 2), 0u);
  EXPECT_EQ(opened(lab, "203.0.114.7", 3), 3u);
  EXPECT_EQ(opened(lab, "2001:db8:8::7", 1), 1u);
  EXPECT_EQ(lab.count(Counter::drop_denied), 5u);
  EXPECT_EQ(refused(lab, Admission::denied), 5u);
  EXPECT_NE(Talk(lab, "203.0.113.7", 5000, "192.0.2.10:53").up(), "") << "another service";
}

TEST(Access, ALiveFlowGoesOnWhenItsClientIsDenied) {
  for (const bool express : {false, true}) {
    Lab lab;
    lab.node->state(0).takes_express = express;
    Talk live(lab, "203.0.113.7", 40000);
    const std::string at = live.open();
    ASSERT_FALSE(at.empty());
    lab.model.services["web"].deny = {prefix("203.0.113.0/24")};
    lab.apply();
    EXPECT_EQ(live.up(), at);
    EXPECT_TRUE(live.down());
    lab.wait_ms(3000);
    EXPECT_EQ(live.up(), at);
    EXPECT_EQ(Talk(lab, "203.0.113.7", 40001).up(flags::syn), "");
    live.close();
    EXPECT_EQ(live.up(flags::syn), "") << "the same ports, but a new connection";
    EXPECT_EQ(lab.count(Counter::drop_denied), 2u);
  }
}

TEST(Access, AFlowThatMustMoveIsNoNewOne) {
  Lab lab;
  Talk live(lab, "203.0.113.7", 5000, "192.0.2.10:53");
  const std::string at = live.open();
  lab.model.services["dns"].deny = {prefix("203.0.113.0/24")};
  lab.apply();
  lab.set_health("dns/" + name_at(at), plan::Health::down);
  const std::string moved = live.up();
  EXPECT_NE(moved, "");
  EXPECT_NE(moved, at);
  EXPECT_EQ(lab.count(Counter::drop_denied), 0u);
}

TEST(Limits, OfASourceAreItsOwn) {
  Lab lab(limited([](auto& web) { web.limits.per_source = {24, 48, 10, 5, 0}; }));
  EXPECT_EQ(opened(lab, "203.0.113.7", 8), 5u);
  EXPECT_EQ(opened(lab, "203.0.113.99", 2), 0u) << "of the same prefix";
  EXPECT_EQ(opened(lab, "203.0.114.7", 8), 5u);
  EXPECT_EQ(opened(lab, "2001:db8:9:1::7", 8), 5u);
  EXPECT_EQ(opened(lab, "2001:db8:9:2::7", 8), 0u);
  EXPECT_EQ(lab.count(Counter::drop_limit_source), 3u + 2u + 3u + 3u + 8u);
  lab.wait_ms(200);
  EXPECT_EQ(opened(lab, "203.0.113.7", 5, 41000), 2u) << "ten a second";
}

TEST(Limits, OfAServiceHoldForAllItsClientsOnAllWorkers) {
  Lab::Setup setup;
  setup.model = limited([](auto& web) {
    web.limits.new_flows_per_s = 100;
    web.limits.burst = 20;
  });
  setup.workers = 4;
  Lab lab(setup);
  unsigned open = 0;
  for (unsigned i = 0; i < 64; ++i) {
    open += Talk(lab, client_address(i).text(), 40000).open().empty() ? 0 : 1;
  }
  EXPECT_EQ(open, 20u);
  EXPECT_EQ(lab.count(Counter::drop_limit_service), 64u - 20u);
  EXPECT_EQ(refused(lab, Admission::limit_service), 64u - 20u);
  lab.wait_ms(100);
  EXPECT_EQ(opened(lab, "203.0.113.7", 20), 10u);
}

TEST(Limits, GoOnUnderTheNextPlan) {
  Lab lab(limited([](auto& web) { web.limits.per_source = {32, 64, 1, 5, 0}; }));
  EXPECT_EQ(opened(lab, "203.0.113.7", 8), 5u);
  lab.apply();
  EXPECT_EQ(opened(lab, "203.0.113.7", 8, 41000), 0u);
  EXPECT_EQ(refused(lab, Admission::limit_source), 11u);
}

TEST(Limits, ASourceHasNoMoreConnectionsThanItMay) {
  for (const std::string_view client : {"203.0.113.7", "2001:db8:9::7"}) {
    const std::string vip = ip(client).is_v4() ? "192.0.2.10:80" : "[2001:db8:1::10]:80";
    Lab lab(limited([](auto& web) { web.limits.per_source.connections = 3; }));
    std::vector<Talk> talks;
    for (std::uint16_t i = 0; i < 5; ++i) {
      talks.emplace_back(lab, client, static_cast<std::uint16_t>(40000 + i), vip);
      EXPECT_EQ(talks.back().open().empty(), i >= 3) << i;
    }
    EXPECT_EQ(lab.count(Counter::drop_limit_connections), 2u);
    for (int i = 0; i < 3; ++i) {
      EXPECT_NE(talks[static_cast<unsigned>(i)].up(), "") << "live ones go on";
    }
    talks[0].close();
    EXPECT_NE(talks[3].open(), "") << "a closed one counts no more";
    EXPECT_EQ(talks[4].up(flags::syn), "");
    EXPECT_TRUE(talks[1].down(flags::rst));
    EXPECT_NE(talks[4].open(), "");
    for (int i = 0; i < 5; ++i) {
      lab.wait_ms(9000);  // closed ones are swept, which counts them off no second time
    }
    EXPECT_EQ(opened(lab, client, 1, 50000), 0u);
  }
}

TEST(Limits, OfConnectionsThatBeginAtOnceThoseTooManyEndAtTheHandshake) {
  Lab lab(limited([](auto& web) { web.limits.per_source.connections = 2; }));
  std::vector<Talk> talks;
  for (std::uint16_t i = 0; i < 4; ++i) {
    talks.emplace_back(lab, "203.0.113.7", static_cast<std::uint16_t>(40000 + i));
    EXPECT_NE(talks.back().up(flags::syn), "") << "none is live yet";
    EXPECT_TRUE(talks.back().down(flags::syn_ack));
  }
  EXPECT_NE(talks[0].up(), "");
  EXPECT_NE(talks[1].up(), "");
  const auto outs = lab.send(front_port, talks[2].packet());
  ASSERT_EQ(outs.size(), 2u) << "a reset for each side";
  EXPECT_NE(outs[0].port, outs[1].port);
  EXPECT_NE(outs[0].parsed.tcp_flags & flags::rst, 0);
  EXPECT_NE(outs[1].parsed.tcp_flags & flags::rst, 0);
  EXPECT_EQ(talks[2].up(), "") << "and nothing of it is left";
  EXPECT_NE(talks[0].up(), "");
  EXPECT_EQ(refused(lab, Admission::limit_connections), 2u);
}

TEST(Limits, OfDatagramsToo) {
  model::Model model = base_model();
  model.services["dns"].limits.per_source.connections = 1;
  Lab lab(model);
  Talk first(lab, "203.0.113.7", 5000, "192.0.2.10:53");
  Talk second(lab, "203.0.113.7", 5001, "192.0.2.10:53");
  EXPECT_NE(first.up(), "");
  EXPECT_NE(second.up(), "");
  EXPECT_TRUE(first.down());
  EXPECT_TRUE(second.down());
  EXPECT_NE(first.up(), "");
  EXPECT_EQ(second.up(), "");
  EXPECT_EQ(lab.count(Counter::drop_limit_connections), 1u);
}

TEST(Limits, HoldForFlowsThatPutEachOtherOut) {
  model::Model model = base_model();
  model.services["dns"].limits.per_source = {16, 48, 1, 100, 0};
  Lab::Setup setup;
  setup.model = model;
  setup.flows_max = 1024;  // and a sixteenth of it for those that nobody has answered
  Lab lab(setup);
  constexpr unsigned rounds = 20;
  for (unsigned round = 0; round < rounds; ++round, lab.wait_ms(1000)) {
    for (std::uint16_t port = 5000; port < 5200; ++port) {
      Talk(lab, "203.0.113.7", port, "192.0.2.10:53").up();
    }
  }
  EXPECT_LE(lab.count(Counter::flow_new), 100u + rounds);
  EXPECT_GT(lab.count(Counter::drop_limit_source), 1000u);
}

TEST(Limits, ConnectionsAreCountedAnewAfterARestart) {
  Lab lab(limited([](auto& web) { web.limits.per_source.connections = 2; }));
  EXPECT_EQ(opened(lab, "203.0.113.7", 3), 2u);
  auto restarted = replay::Node::restart(std::move(lab.node), lab.model, {.flows_max = 4096, .records_max = 4096});
  ASSERT_TRUE(restarted) << restarted.error().text;
  lab.node = std::move(*restarted);
  EXPECT_EQ(opened(lab, "203.0.113.7", 1, 41000), 0u);
  EXPECT_EQ(opened(lab, "203.0.113.8", 3), 2u);
}

/// In tables of older versions the bit that now says "counted at its source" is set for another reason.
TEST(Limits, AfterARestartOnlyWhatWasCountedIsCountedOff) {
  Lab lab(limited([](auto& web) { web.limits.per_source.connections = 2; }));
  Talk half_open(lab, "203.0.113.7", 40000), other(lab, "203.0.113.7", 5000, "192.0.2.10:53");
  const std::string half_open_at = half_open.up(flags::syn), other_at = other.open();
  EXPECT_NE(half_open_at, "");
  EXPECT_NE(other_at, "");
  const auto marked = [&](bool mark) {
    unsigned sum = 0;
    lab.node->state(0).flows.each([&](const auto& key, auto& entry) {
      if (key.direction == flow::Direction::forward) {
        entry.set_flags(mark ? entry.flags() | flow::flag::limited : entry.flags());
        sum += (entry.flags() & flow::flag::limited) != 0 ? 1 : 0;
      }
      return flow::Sweep::keep;
    });
    return sum;
  };
  EXPECT_EQ(marked(true), 2u);
  auto restarted = replay::Node::restart(std::move(lab.node), lab.model, {.flows_max = 4096, .records_max = 4096});
  ASSERT_TRUE(restarted) << restarted.error().text;
  lab.node = std::move(*restarted);
  EXPECT_EQ(marked(false), 0u);
  EXPECT_EQ(half_open.up(flags::syn), half_open_at);
  EXPECT_EQ(other.up(), other_at);
  EXPECT_EQ(lab.count(Counter::flow_new), 0u);
}

TEST(Limits, OtherPrefixesBeginToCountAnew) {
  Lab lab(limited([](auto& web) { web.limits.per_source.connections = 2; }));
  EXPECT_EQ(opened(lab, "203.0.113.7", 3), 2u);
  lab.model.services["web"].limits.per_source.prefix4 = 24;
  lab.apply();
  EXPECT_EQ(opened(lab, "203.0.113.8", 3), 2u);
  lab.wait_ms(1000);
  EXPECT_EQ(opened(lab, "203.0.113.9", 1), 0u);
}

TEST(Limits, APlaceIsFreeOnceItsFlowHasEndedThoughItsListenerIsGone) {
  Lab lab(limited([](auto& web) {
    web.limits.per_source.connections = 2;
    web.listen.push_back(listen("192.0.2.10", 81, net::Protocol::tcp));
  }));
  for (const std::uint16_t l4_port : {std::uint16_t{40000}, std::uint16_t{40001}}) {
    EXPECT_NE(Talk(lab, "203.0.113.7", l4_port, "192.0.2.10:81").open(), "");
  }
  EXPECT_EQ(opened(lab, "203.0.113.7", 1, 41000), 0u);
  lab.model.services["web"].listen.pop_back();
  lab.apply();
  for (unsigned i = 0; i < 6; ++i) {
    lab.wait_ms(9000);
  }
  EXPECT_EQ(opened(lab, "203.0.113.7", 3, 42000), 2u);
}

TEST(Limits, ARateThatIsRaisedHoldsAtOnce) {
  Lab lab(limited([](auto& web) {
    web.limits.new_flows_per_s = 1;
    web.limits.burst = 60;
  }));
  EXPECT_EQ(opened(lab, "203.0.113.7", 70), 60u);
  lab.model.services["web"].limits.new_flows_per_s = 100;
  lab.apply();
  EXPECT_EQ(opened(lab, "203.0.113.7", 2, 41000), 1u);
  lab.wait_ms(500);
  EXPECT_EQ(opened(lab, "203.0.113.7", 20, 42000), 20u);
  EXPECT_LT(opened(lab, "203.0.113.7", 200, 43000), 100u);
}

TEST(Limits, AfterARestartClosingConnectionsHaveNoPlace) {
  Lab lab(limited([](auto& web) { web.limits.per_source.connections = 2; }));
  for (const std::uint16_t l4_port : {std::uint16_t{40000}, std::uint16_t{40001}}) {
    Talk talk(lab, "203.0.113.7", l4_port);
    EXPECT_NE(talk.open(), "");
    talk.close();
  }
  auto restarted = replay::Node::restart(std::move(lab.node), lab.model, {.flows_max = 4096, .records_max = 4096});
  ASSERT_TRUE(restarted) << restarted.error().text;
  lab.node = std::move(*restarted);
  EXPECT_EQ(opened(lab, "203.0.113.7", 3, 41000), 2u);
}

// The table itself.

TEST(Sources, TheActiveOnesStayWhenManyCome) {
  Sources sources(64);
  const auto none_gone = [](std::uint32_t) { return false; };
  const auto take = [&](std::uint32_t number) {
    return sources.take(1, client_address(number), std::uint64_t{number} << 61, none_gone);
  };
  SourceUse* const connected = take(0);
  connected->connections = 1;
  SourceUse* const busy = take(8);  // the same set, as all multiples of 8
  busy->due = 1'000'000;
  for (std::uint32_t i = 2; i < 100; ++i) {
    ASSERT_NE(take(8 * i), nullptr);
    take(8 * i)->due = i;
  }
  EXPECT_EQ(take(0), connected);
  EXPECT_EQ(connected->connections, 1u);
  EXPECT_EQ(take(8)->due, 1'000'000u);
  EXPECT_EQ(sources.used(), 8u);
}

TEST(Sources, NobodyIsPutOutWhoHasConnections) {
  Sources sources(8);
  const auto take = [&](std::uint32_t gate, std::uint32_t number, bool gone) {
    return sources.take(gate, client_address(number), 0, [gone](std::uint32_t) { return gone; });
  };
  for (std::uint32_t i = 0; i < 8; ++i) {
    take(1, i, false)->connections = 1;
  }
  EXPECT_EQ(take(2, 100, false), nullptr);
  EXPECT_NE(take(2, 100, true), nullptr) << "their service is gone";
}

}  // namespace
}  // namespace limpet::path
