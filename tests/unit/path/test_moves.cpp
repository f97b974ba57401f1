// Sessions over many connections and over changes of their pool: who stays, who moves, for which reason.
#include <map>

#include "lab.hpp"

namespace limpet::path {
namespace {

using plan::Admin;
using plan::Health;

constexpr std::uint32_t clients = 1000;

/// Where a new connection of each client goes.
using Places = std::map<std::uint32_t, std::string>;

std::uint16_t fresh_port() {
  static std::uint16_t next = 1024;
  return next < 65000 ? next++ : next = 1024;
}

Places connect(Lab& lab, std::uint32_t count = clients, std::string_view vip = "192.0.2.10:80", bool finish = true) {
  Places places;
  for (std::uint32_t i = 0; i < count; ++i) {
    Talk talk(lab, {client_address(i), fresh_port()}, endpoint(vip));
    places[i] = finish ? talk.open() : talk.up(flags::syn);
    EXPECT_NE(places[i], "");
  }
  return places;
}

Places only_at(const Places& places, const std::string& name) {
  Places result;
  for (const auto& [client, at] : places) {
    if (name_at(at) == name) {
      result[client] = at;
    }
  }
  return result;
}

TEST(Moves, SessionsStayOverConnectionsAndEqualNodes) {
  Lab one;
  Lab::Setup setup;
  setup.workers = 4;
  Lab four(setup);
  const Places first = connect(one);
  EXPECT_EQ(connect(one), first);
  EXPECT_EQ(connect(four), first);
  setup.secret[0] ^= 1;
  Lab other(setup);
  EXPECT_NE(connect(other), first);
  for (const char* name : {"b1", "b2", "b3", "b4"}) {
    EXPECT_GT(only_at(first, name).size(), clients / 8) << name;
  }
  EXPECT_EQ(one.moved_in_all(), 0u);
}

TEST(Moves, ConnectionsOfAPrefixAreOneSession) {
  auto model = base_model();
  model.profiles["client"].prefix4 = 24;
  Lab lab(model);
  for (std::uint32_t net = 0; net < 20; ++net) {
    const auto at = Talk(lab, {client_address(net * 256 + 1), 1}, endpoint("192.0.2.10:80")).open();
    for (std::uint32_t host = 2; host < 10; ++host) {
      EXPECT_EQ(Talk(lab, {client_address(net * 256 + host), 1}, endpoint("192.0.2.10:80")).open(), at);
    }
  }
  EXPECT_EQ(lab.node->records().stats().live, 20u);
}

TEST(Moves, BackendDownMovesOnlyItsSessionsAndKeepsEstablishedFlows) {
  Lab lab;
  const Places before = connect(lab);
  const Places gone = only_at(before, "b2");
  Talk established(lab, {client_address(gone.begin()->first), 7}, endpoint("192.0.2.10:80"));
  established.open();
  lab.set_health("web/b2", Health::down);
  const Places during = connect(lab);
  for (const auto& [client, at] : before) {
    EXPECT_EQ(during.at(client) == at, name_at(at) != "b2");
  }
  EXPECT_EQ(lab.moved(Reason::backend_down), gone.size());
  EXPECT_EQ(name_at(established.up()), "b2");
  lab.set_health("web/b2", Health::up);
  EXPECT_EQ(connect(lab), during);  // no way back: the record stands
  EXPECT_EQ(lab.moved_in_all(), gone.size());
  const auto moves = lab.node->take_moves();
  ASSERT_EQ(moves.size(), gone.size());
  EXPECT_EQ(lab.node->plan().backend(moves[0].from)->name, "web/b2");
  EXPECT_TRUE(gone.contains(moves[0].key.v4_host() - client_address(0).v4_host()));
}

TEST(Moves, DownWithHoldOrResetRefusesAndKeepsTheRecord) {
  for (const auto& [on_down, counter] :
       {std::pair{model::OnDown::hold, Counter::drop_backend_held}, std::pair{model::OnDown::reset, Counter::resets}}) {
    auto model = base_model();
    model.profiles["client"].on_down = on_down;
    Lab lab(model);
    const Places before = connect(lab, 100);
    const auto gone = only_at(before, "b1");
    lab.set_health("web/b1", Health::down);
    for (const auto& [client, at] : before) {
      const auto now = Talk(lab, {client_address(client), fresh_port()}, endpoint("192.0.2.10:80")).up(flags::syn);
      EXPECT_EQ(now, name_at(at) == "b1" ? "" : at);
    }
    EXPECT_EQ(lab.count(counter), gone.size());
    lab.set_health("web/b1", Health::up);
    EXPECT_EQ(connect(lab, 100), before);
    EXPECT_EQ(lab.moved_in_all(), 0u);
  }
}

TEST(Moves, DrainKeepsOrExpires) {
  for (const bool expire : {false, true}) {
    auto model = base_model();
    model.profiles["client"].on_drain = expire ? model::OnDrain::expire : model::OnDrain::keep;
    Lab lab(model);
    const Places before = connect(lab);
    const auto at_b3 = only_at(before, "b3");
    Talk established(lab, {client_address(at_b3.begin()->first), 7}, endpoint("192.0.2.10:80"));
    established.open();
    lab.set_admin("web/b3", Admin::drain);
    const Places during = connect(lab);
    EXPECT_EQ(during == before, !expire);
    EXPECT_EQ(only_at(during, "b3").size(), expire ? 0 : at_b3.size());
    EXPECT_EQ(lab.moved(Reason::drain_expired), expire ? at_b3.size() : 0u);
    EXPECT_EQ(name_at(established.up()), "b3");
    for (std::uint32_t i = clients; i < clients + 200; ++i) {  // no new ones
      EXPECT_NE(name_at(Talk(lab, {client_address(i), 1}, endpoint("192.0.2.10:80")).up(flags::syn)), "b3");
    }
  }
}

TEST(Moves, OfflineMovesAtOnce) {
  Lab lab;
  const Places before = connect(lab);
  lab.set_admin("web/b4", Admin::offline);
  EXPECT_EQ(only_at(connect(lab), "b4").size(), 0u);
  EXPECT_EQ(lab.moved(Reason::backend_offline), only_at(before, "b4").size());
  EXPECT_EQ(lab.moved_in_all(), only_at(before, "b4").size());
}

TEST(Moves, AllDownDropsAndRecovers) {
  Lab lab;
  const Places before = connect(lab, 50);
  for (const char* name : {"web/b1", "web/b2", "web/b3", "web/b4"}) {
    lab.set_health(name, Health::down);
  }
  EXPECT_EQ(Talk(lab, {client_address(0), fresh_port()}, endpoint("192.0.2.10:80")).up(flags::syn), "");
  EXPECT_EQ(lab.count(Counter::drop_no_backend), 1u);
  for (const char* name : {"web/b1", "web/b2", "web/b3", "web/b4"}) {
    lab.set_health(name, Health::up);
  }
  EXPECT_EQ(connect(lab, 50), before);
  EXPECT_EQ(lab.moved_in_all(), 0u);
}

TEST(Moves, AddingABackendMovesNothing) {
  Lab lab;
  const Places before = connect(lab);
  lab.model.pools["web"].backends["b5"] = backend(5);
  lab.apply();
  EXPECT_EQ(connect(lab), before);
  EXPECT_EQ(lab.moved_in_all(), 0u);
  unsigned at_new = 0;
  for (std::uint32_t i = clients; i < 2 * clients; ++i) {
    at_new += name_at(Talk(lab, {client_address(i), 1}, endpoint("192.0.2.10:80")).up(flags::syn)) == "b5" ? 1 : 0;
  }
  EXPECT_NEAR(at_new, clients / 5, clients / 12);
}

TEST(Moves, RemovingABackendMovesOnlyItsSessions) {
  Lab lab;
  const Places before = connect(lab);
  Talk established(lab, {client_address(only_at(before, "b1").begin()->first), 7}, endpoint("192.0.2.10:80"));
  established.open();
  lab.model.pools["web"].backends.erase("b1");
  lab.apply();
  EXPECT_NE(name_at(established.up()), "b1");
  const Places after = connect(lab);
  for (const auto& [client, at] : before) {
    EXPECT_EQ(after.at(client) == at, name_at(at) != "b1");
  }
  EXPECT_EQ(lab.moved(Reason::backend_removed), only_at(before, "b1").size());
  EXPECT_EQ(lab.moved_in_all(), only_at(before, "b1").size());
  lab.model.pools["web"].backends["b1"] = backend(1);  // back again: its old sessions stay where they went
  lab.apply();
  EXPECT_EQ(connect(lab), after);
}

TEST(Moves, WeightZeroKeepsSessions) {
  Lab lab;
  const Places before = connect(lab);
  lab.model.pools["web"].backends["b1"].weight = 0;
  lab.apply();
  EXPECT_EQ(connect(lab), before);
  for (std::uint32_t i = clients; i < clients + 200; ++i) {
    EXPECT_NE(name_at(Talk(lab, {client_address(i), 1}, endpoint("192.0.2.10:80")).up(flags::syn)), "b1");
  }
}

TEST(Moves, AnotherPoolMovesNewConnectionsAndKeepsFlows) {
  auto model = base_model();
  model.pools["next"] = pool(5, 6);
  model.services["other"] = service("web", {listen("192.0.2.11", 80, net::Protocol::tcp)});  // keeps web in use
  Lab lab(model);
  Talk established(lab, {client_address(0), 7}, endpoint("192.0.2.10:80"));
  const auto at = established.open();
  connect(lab, 100);
  lab.model.services["web"].pool = "next";
  lab.apply();
  EXPECT_EQ(established.up(), at);
  EXPECT_TRUE(established.down());
  connect(lab, 100);
  EXPECT_EQ(lab.moved(Reason::model_changed), 100u);
}

TEST(Moves, FlowsToAPoolThatNoServiceUsesAnyMoreAreDecidedAnew) {
  auto model = base_model();
  model.pools["next"] = pool(5, 6);
  Lab lab(model);
  Talk established(lab, {client_address(0), 7}, endpoint("192.0.2.10:80"));
  established.open();
  lab.model.services["web"].pool = "next";
  lab.apply();
  lab.wait_ms(1'000);  // its answers could not be told from other traffic
  EXPECT_EQ(endpoint(established.up()).l4_port, 8080);
  EXPECT_TRUE(established.down());
  EXPECT_EQ(lab.moved(Reason::model_changed), 1u);
}

TEST(Moves, ScopeSharesRecordsAmongServices) {
  for (const auto scope : {model::Scope::service, model::Scope::pool, model::Scope::global}) {
    SCOPED_TRACE(static_cast<int>(scope));
    auto model = base_model();
    model.profiles["client"].scope = scope;
    model.services["same"] = service("web", {listen("192.0.2.11", 80, net::Protocol::tcp)});
    model.pools["twin"] = pool(1, 4);
    model.services["twin"] = service("twin", {listen("192.0.2.12", 80, net::Protocol::tcp)});
    Lab lab(model);
    lab.set_health("web/b1", Health::down);  // so that records say something else than the algorithm
    const Places first = connect(lab, 200);
    lab.set_health("web/b1", Health::up);
    const Places same = connect(lab, 200, "192.0.2.11:80");
    const Places twin = connect(lab, 200, "192.0.2.12:80");
    EXPECT_EQ(same == first, scope != model::Scope::service);
    EXPECT_EQ(twin == first, scope == model::Scope::global);
    EXPECT_EQ(connect(lab, 200), first);
    EXPECT_EQ(lab.moved_in_all(), 0u);
  }
}

TEST(Moves, GlobalRecordOfABackendThatThePoolLacks) {
  auto model = base_model();
  model.profiles["client"].scope = model::Scope::global;
  model.pools["twin"] = pool(3, 4);
  model.services["twin"] = service("twin", {listen("192.0.2.12", 80, net::Protocol::tcp)});
  Lab lab(model);
  const Places first = connect(lab, 200);
  const Places twin = connect(lab, 200, "192.0.2.12:80");
  for (const auto& [client, at] : first) {
    if (name_at(at) == "b3" || name_at(at) == "b4") {
      EXPECT_EQ(twin.at(client), at);
    }
  }
  EXPECT_EQ(connect(lab, 200, "192.0.2.12:80"), twin);
  EXPECT_EQ(connect(lab, 200), first);
  EXPECT_EQ(lab.moved_in_all(), 0u);
}

TEST(Moves, UdpFlowsFollowTheRecord) {
  Lab lab;
  Talk old_flow(lab, {client_address(1), 7}, endpoint("192.0.2.10:53"));
  const auto at = old_flow.open();
  const std::string name = "dns/" + name_at(at);
  lab.set_health(name, Health::down);
  const auto moved = Talk(lab, {client_address(1), 8}, endpoint("192.0.2.10:53")).up();
  EXPECT_NE(moved, at);
  lab.set_health(name, Health::up);
  lab.wait_ms(1'000);
  EXPECT_EQ(old_flow.up(), moved);
  EXPECT_EQ(lab.moved_in_all(), 1u);
  lab.set_health("dns/" + name_at(moved), Health::down);
  EXPECT_NE(old_flow.up(), moved);  // at once: its own backend is down
  EXPECT_EQ(lab.moved(Reason::backend_down), 2u);
}

TEST(Moves, WithoutAProfileFlowsStayAndNothingIsRecorded) {
  auto model = base_model();
  model.services["web"].persist.clear();
  Lab lab(model);
  std::map<std::string, unsigned> used;
  for (std::uint16_t port = 1; port <= 200; ++port) {
    Talk talk(lab, "10.0.0.1", port);
    ++used[talk.open()];
  }
  EXPECT_EQ(used.size(), 4u);  // connections are spread
  EXPECT_EQ(lab.node->records().stats().live + lab.node->records().stats().provisional, 0u);
  EXPECT_EQ(lab.count(Counter::chosen_by_algorithm), 200u);
}

TEST(Moves, RefusedModelChangesNothing) {
  Lab lab;
  const Places before = connect(lab, 50);
  lab.model.services["again"] = service("dns", {listen("192.0.2.10", 80, net::Protocol::tcp)});
  EXPECT_FALSE(lab.node->apply(lab.model));
  EXPECT_EQ(connect(lab, 50), before);
}

}  // namespace
}  // namespace limpet::path
