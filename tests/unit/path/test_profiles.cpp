// What profiles tell apart, what their options do, and what backends' limits and states do to sessions.
#include <set>

#include "lab.hpp"
#include "path/decide.hpp"

namespace limpet::path {
namespace {

using model::ProfileType;
using plan::Admin;
using plan::Health;

model::Model with_type(ProfileType type) {
  auto model = base_model();
  model.profiles["client"].type = type;
  model.pools["web"].algorithm = model::Algorithm::weighted_round_robin;  // hides nothing: only records keep
  model.services["web"].listen.push_back(listen("192.0.2.11", 80, net::Protocol::tcp));
  model.services["web"].listen.push_back(listen("2001:db8:1::11", 80, net::Protocol::tcp));
  return model;
}

struct Side {
  const char* client;
  std::uint16_t port;
  const char* vip;
};

std::string reach(Lab& lab, const Side& side) {
  return Talk(lab, {ip(side.client), side.port}, endpoint(side.vip)).open();
}

struct Row {
  const char* name;
  ProfileType type;
  Side one, other;
  bool together;
};

class Profiles : public testing::TestWithParam<Row> {};

/// Round robin would send two first contacts to two backends: what is together is one session.
TEST_P(Profiles, tell_sessions_apart) {
  const Row& row = GetParam();
  Lab lab(with_type(row.type));
  const std::string first = reach(lab, row.one);
  ASSERT_NE(first, "");
  const std::string second = reach(lab, row.other);
  EXPECT_EQ(first == second, row.together);
  EXPECT_EQ(lab.node->records().stats().live, row.together ? 1u : 2u);
}

INSTANTIATE_TEST_SUITE_P(
    Types, Profiles,
    testing::Values(
        Row{"source", ProfileType::source_ip, {"10.0.0.1", 1, "192.0.2.10:80"}, {"10.0.0.1", 2, "192.0.2.11:80"}, true},
        Row{"sources",
            ProfileType::source_ip,
            {"10.0.0.1", 1, "192.0.2.10:80"},
            {"10.0.0.2", 1, "192.0.2.10:80"},
            false},
        Row{"port",
            ProfileType::source_ip_port,
            {"10.0.0.1", 7, "192.0.2.10:80"},
            {"10.0.0.1", 7, "192.0.2.11:80"},
            true},
        Row{"ports",
            ProfileType::source_ip_port,
            {"10.0.0.1", 7, "192.0.2.10:80"},
            {"10.0.0.1", 8, "192.0.2.10:80"},
            false},
        Row{"port6",
            ProfileType::source_ip_port,
            {"2001:db8::1", 7, "[2001:db8:1::10]:80"},
            {"2001:db8::2", 7, "[2001:db8:1::11]:80"},
            true},
        Row{"destination",
            ProfileType::destination_ip,
            {"10.0.0.1", 1, "192.0.2.10:80"},
            {"10.9.9.9", 2, "192.0.2.10:80"},
            true},
        Row{"destinations",
            ProfileType::destination_ip,
            {"10.0.0.1", 1, "192.0.2.10:80"},
            {"10.0.0.1", 2, "192.0.2.11:80"},
            false},
        Row{"pair",
            ProfileType::source_destination,
            {"10.0.0.1", 1, "192.0.2.10:80"},
            {"10.0.0.1", 2, "192.0.2.10:80"},
            true},
        Row{"pairs",
            ProfileType::source_destination,
            {"10.0.0.1", 1, "192.0.2.10:80"},
            {"10.0.0.1", 2, "192.0.2.11:80"},
            false},
        Row{"pairs6",
            ProfileType::source_destination,
            {"2001:db8::1", 1, "[2001:db8:1::10]:80"},
            {"2001:db8:0:1::1", 2, "[2001:db8:1::10]:80"},
            false},
        Row{"five", ProfileType::five_tuple, {"10.0.0.1", 1, "192.0.2.10:80"}, {"10.0.0.1", 2, "192.0.2.10:80"}, false},
        Row{"five6",
            ProfileType::five_tuple,
            {"2001:db8::1", 1, "[2001:db8:1::10]:80"},
            {"2001:db8::1", 2, "[2001:db8:1::10]:80"},
            false}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(ProfileChain, TheFirstThatYieldsAKeyWins) {
  auto model = base_model();
  model.profiles["nothing"].type = ProfileType::none;
  model.profiles["nothing"].backup = "port";
  model.profiles["port"].type = ProfileType::source_ip_port;
  model.services["web"].persist = {"nothing", "client"};
  Lab lab(model);
  const plan::Service& service = lab.node->plan().services[1];
  ASSERT_EQ(service.persist.size(), 3u);
  EXPECT_EQ(service.persist[1].profile, "port") << "a backup follows its profile";
  reach(lab, {"10.0.0.1", 1, "192.0.2.10:80"});
  reach(lab, {"10.0.0.1", 2, "192.0.2.10:80"});
  EXPECT_EQ(lab.node->records().counts().of_scope(service.persist[1].scope), 2u);
}

TEST(ProfileChain, WithoutAnyKeyNothingIsRemembered) {
  auto model = base_model();
  model.profiles["client"].type = ProfileType::none;
  Lab lab(model);
  std::set<std::string> reached;
  for (std::uint16_t port = 1; port <= 40; ++port) {
    reached.insert(reach(lab, {"10.0.0.1", port, "192.0.2.10:80"}));
  }
  EXPECT_EQ(reached.size(), 4u);
  EXPECT_EQ(lab.node->records().stats().live, 0u);
}

TEST(MaxLife, EndsARecordThatIsInUse) {
  auto model = base_model();
  model.profiles["client"].max_life_ms = 60'000;
  model.pools["web"].algorithm = model::Algorithm::weighted_round_robin;
  Lab lab(model);
  const std::string first = reach(lab, {"10.0.0.1", 1, "192.0.2.10:80"});
  for (std::uint16_t port = 2; port <= 6; ++port) {
    lab.wait_ms(10'000);
    EXPECT_EQ(reach(lab, {"10.0.0.1", port, "192.0.2.10:80"}), first);
  }
  lab.wait_ms(11'500);
  const std::string second = reach(lab, {"10.0.0.1", 9, "192.0.2.10:80"});
  EXPECT_NE(second, first);
  EXPECT_EQ(lab.moved(Reason::max_life) + (lab.node->records().stats().live == 1 ? 0 : 1), lab.moved_in_all());
  lab.wait_ms(30'000);
  EXPECT_EQ(reach(lab, {"10.0.0.1", 10, "192.0.2.10:80"}), second) << "its life began anew";
}

TEST(OnReturn, ReturnsToTheBackendThatWasDown) {
  auto model = base_model();
  model.profiles["client"].on_return = model::OnReturn::return_;
  Lab lab(model);
  const std::string home = reach(lab, {"10.0.0.1", 1, "192.0.2.10:80"});
  const std::string name = "web/" + name_at(home);
  lab.set_health(name, Health::down);
  const std::string away = reach(lab, {"10.0.0.1", 2, "192.0.2.10:80"});
  ASSERT_NE(away, home);
  lab.set_health("web/" + name_at(away), Health::down);
  const std::string farther = reach(lab, {"10.0.0.1", 3, "192.0.2.10:80"});
  ASSERT_NE(farther, away);
  lab.set_health("web/" + name_at(away), Health::up);
  EXPECT_EQ(reach(lab, {"10.0.0.1", 4, "192.0.2.10:80"}), farther) << "that one was never its home";
  lab.set_health(name, Health::up);
  EXPECT_EQ(reach(lab, {"10.0.0.1", 5, "192.0.2.10:80"}), home);
  EXPECT_EQ(lab.moved(Reason::backend_up), 1u);
  EXPECT_EQ(lab.moved(Reason::backend_down), 2u);
  EXPECT_EQ(reach(lab, {"10.0.0.1", 6, "192.0.2.10:80"}), home);
}

TEST(OnReturn, OnlyThePoolThatSawItDownCallsAGlobalSessionBack) {
  auto model = base_model();
  model.profiles["client"].scope = model::Scope::global;
  model.profiles["client"].on_return = model::OnReturn::return_;
  model.pools["twin"] = pool(1, 4);
  model.services["twin"] = service("twin", {listen("192.0.2.12", 80, net::Protocol::tcp)});
  Lab lab(model);
  const std::string home = reach(lab, {"10.0.0.1", 1, "192.0.2.10:80"});
  lab.set_health("twin/" + name_at(home), Health::down);
  const std::string away = reach(lab, {"10.0.0.1", 2, "192.0.2.12:80"});
  ASSERT_NE(away, home);
  for (std::uint16_t port = 10; port < 14; ++port) {  // web's backend of that name was up all the time
    EXPECT_EQ(reach(lab, {"10.0.0.1", port, "192.0.2.10:80"}), away);
    EXPECT_EQ(reach(lab, {"10.0.0.1", port, "192.0.2.12:80"}), away);
  }
  EXPECT_EQ(lab.moved_in_all(), 1u);
  lab.set_health("twin/" + name_at(home), Health::up);
  EXPECT_EQ(reach(lab, {"10.0.0.1", 20, "192.0.2.10:80"}), away) << "not its home";
  EXPECT_EQ(reach(lab, {"10.0.0.1", 20, "192.0.2.12:80"}), home);
  EXPECT_EQ(reach(lab, {"10.0.0.1", 21, "192.0.2.10:80"}), home);
  EXPECT_EQ(lab.moved(Reason::backend_up), 1u);
  EXPECT_EQ(lab.moved_in_all(), 2u);
}

TEST(MaxConnections, SendsNewSessionsElsewhere) {
  auto model = base_model();
  for (auto& [name, backend] : model.pools["web"].backends) {
    backend.max_connections = 5;
  }
  Lab lab(model);
  std::map<std::string, unsigned> reached;
  for (std::uint32_t client = 0; client < 20; ++client) {
    ++reached[Talk(lab, {client_address(client), 1000}, endpoint("192.0.2.10:80")).open()];
  }
  for (const auto& [at, count] : reached) {
    EXPECT_EQ(count, 5u) << at;
  }
  EXPECT_EQ(Talk(lab, {client_address(99), 1000}, endpoint("192.0.2.10:80")).up(flags::syn), "");
  EXPECT_EQ(lab.count(Counter::drop_no_backend), 1u);
}

TEST(MaxConnections, MovesSessionsUnlessTheyOverrideLimits) {
  for (const bool overrides : {false, true}) {
    auto model = base_model();
    model.profiles["client"].override_limits = overrides;
    for (auto& [name, backend] : model.pools["web"].backends) {
      backend.max_connections = 2;
    }
    Lab lab(model);
    const std::string first = reach(lab, {"10.0.0.1", 1, "192.0.2.10:80"});
    EXPECT_EQ(reach(lab, {"10.0.0.1", 2, "192.0.2.10:80"}), first);
    EXPECT_EQ(reach(lab, {"10.0.0.1", 3, "192.0.2.10:80"}) == first, overrides);
    EXPECT_EQ(lab.moved(Reason::limit), overrides ? 0u : 1u);
  }
}

TEST(Priority, TheNextGroupServesWhenTooFewAreAble) {
  auto model = base_model();
  model.pools["web"].min_active = 2;
  model.pools["web"].backends["b3"].priority = 1;
  model.pools["web"].backends["b4"].priority = 2;
  Lab lab(model);
  const auto reached = [&](std::uint32_t first) {
    std::set<std::string> names;
    for (std::uint32_t client = first; client < first + 40; ++client) {
      names.insert(name_at(Talk(lab, {client_address(client), 1000}, endpoint("192.0.2.10:80")).open()));
    }
    return names;
  };
  EXPECT_EQ(reached(0), (std::set<std::string>{"b1", "b2"}));
  lab.set_health("web/b1", Health::down);
  EXPECT_EQ(reached(100), (std::set<std::string>{"b2", "b3"}));
  lab.set_health("web/b3", Health::down);
  EXPECT_EQ(reached(200), (std::set<std::string>{"b2", "b4"}));
}

TEST(MaxRecords, RulesWhatBecomesOfTheNext) {
  for (const auto on_full : {model::OnFull::algorithm, model::OnFull::evict_oldest, model::OnFull::refuse}) {
    auto model = base_model();
    model.profiles["client"].max_records = 30;
    model.profiles["client"].on_full = on_full;
    Lab lab(model);
    for (std::uint32_t client = 0; client < 30; ++client) {
      ASSERT_NE(Talk(lab, {client_address(client), 1000}, endpoint("192.0.2.10:80")).open(), "");
      lab.wait_ms(1000);
    }
    EXPECT_EQ(lab.node->records().stats().live, 30u);
    const std::string at = Talk(lab, {client_address(77), 1000}, endpoint("192.0.2.10:80")).up(flags::syn);
    EXPECT_EQ(at == "", on_full == model::OnFull::refuse);
    EXPECT_EQ(lab.count(Counter::resets), on_full == model::OnFull::refuse ? 1u : 0u);
    Talk again(lab, {client_address(78), 1000}, endpoint("192.0.2.10:80"));
    if (on_full != model::OnFull::refuse) {
      EXPECT_EQ(again.open(), Talk(lab, {client_address(78), 1001}, endpoint("192.0.2.10:80")).open());
    }
    EXPECT_LE(lab.node->records().stats().live, 30u);
    EXPECT_LE(lab.count(Counter::record_evicted), on_full == model::OnFull::evict_oldest ? 2u : 0u);
  }
}

/// An open connection, and what comes of its next packet from either side when its backend's state has changed.
class LiveFlows : public testing::TestWithParam<bool> {
 protected:
  static model::Model resetting() {
    auto model = base_model();
    model.services["web"].flows_on_down = model::LiveFlows::reset;
    model.services["web"].flows_on_drain_end = model::LiveFlows::reset;
    return model;
  }
  /// Resets that left: by port, with their ends.
  static void expect_both_reset(const std::vector<Out>& outs, const net::Endpoint& client, const net::Endpoint& vip,
                                const std::string& backend) {
    ASSERT_EQ(outs.size(), 2u);
    for (const Out& out : outs) {
      EXPECT_NE(out.parsed.tcp_flags & flags::rst, 0);
      if (out.port == front_port) {
        EXPECT_EQ(out.source(), vip);
        EXPECT_EQ(out.destination(), client);
      } else {
        EXPECT_EQ(out.source(), client);
        EXPECT_EQ(out.destination().text(), backend);
      }
    }
    EXPECT_NE(outs[0].port, outs[1].port);
  }
};

TEST_P(LiveFlows, AreResetOnBothSidesWhereAsked) {
  for (const std::string vip : {"192.0.2.10:80", "[2001:db8:1::10]:80"}) {
    Lab lab(resetting());
    const net::Endpoint client{vip[0] == '[' ? ip("2001:db8:9::1") : ip("10.0.0.1"), 4000};
    Talk talk(lab, client, endpoint(vip));
    const std::string at = talk.open();
    ASSERT_NE(at, "");
    GetParam() ? lab.set_health("web/" + name_at(at), Health::down)
               : lab.set_admin("web/" + name_at(at), Admin::drained);
    expect_both_reset(lab.send(front_port, talk.packet(flags::ack)), client, endpoint(vip), at);
    EXPECT_EQ(lab.live_flows(), 0u);
    Talk second(lab, {client.address, 4001}, endpoint(vip));
    const std::string other = second.open();
    ASSERT_NE(other, at);
    GetParam() ? lab.set_health("web/" + name_at(other), Health::down)
               : lab.set_admin("web/" + name_at(other), Admin::offline);
    expect_both_reset(lab.send(back_port, second.answer(flags::ack)), {client.address, 4001}, endpoint(vip), other);
    EXPECT_EQ(lab.live_flows(), 0u);
    EXPECT_EQ(lab.count(Counter::resets), 4u);
  }
}

TEST_P(LiveFlows, GoOnByDefault) {
  Lab lab;
  Talk talk(lab, "10.0.0.1", 4000);
  const std::string at = talk.open();
  GetParam() ? lab.set_health("web/" + name_at(at), Health::down) : lab.set_admin("web/" + name_at(at), Admin::drained);
  EXPECT_EQ(talk.up(), at);
  EXPECT_TRUE(talk.down());
}

INSTANTIATE_TEST_SUITE_P(States, LiveFlows, testing::Bool(),
                         [](const auto& tested) { return tested.param ? "down" : "drained"; });

TEST(Sessions, FlowsWithoutARecordAreToldFromThoseWithOne) {
  auto model = base_model();
  model.services["plain"] = service("web", {listen("192.0.2.12", 80, net::Protocol::tcp)});
  model.services["plain"].persist.clear();
  Lab lab(model);
  const auto alone = [&] {
    std::int64_t sum = 0;
    for (const plan::Backend& backend : lab.node->plan().pools[1].backends) {
      sum += lab.node->state(0).uses[backend.slot.value()].flows_alone.load();
    }
    return sum;
  };
  Talk remembered(lab, {ip("10.0.0.1"), 1}, endpoint("192.0.2.10:80"));
  Talk plain(lab, {ip("10.0.0.1"), 2}, endpoint("192.0.2.12:80"));
  remembered.open();
  EXPECT_EQ(alone(), 0);
  plain.open();
  EXPECT_EQ(alone(), 1);
  plain.close();
  remembered.close();
  for (int second = 0; second < 60; ++second) {
    lab.wait_ms(1000);
  }
  EXPECT_EQ(lab.live_flows(), 0u);
  EXPECT_EQ(alone(), 0);
}

TEST(Drained, ItsSessionsMove) {
  Lab lab;
  const std::string at = reach(lab, {"10.0.0.1", 1, "192.0.2.10:80"});
  lab.set_admin("web/" + name_at(at), Admin::drain);
  EXPECT_EQ(reach(lab, {"10.0.0.1", 2, "192.0.2.10:80"}), at);
  lab.set_admin("web/" + name_at(at), Admin::drained);
  EXPECT_NE(reach(lab, {"10.0.0.1", 3, "192.0.2.10:80"}), at);
  EXPECT_EQ(lab.moved(Reason::drain_expired), 1u);
}

TEST(PassiveHealth, RefusalsAndSilenceAreCounted) {
  Lab lab;
  Talk refused(lab, "10.0.0.1", 1);
  const std::string at = refused.up(flags::syn);
  EXPECT_TRUE(refused.down(flags::rst | flags::ack));
  const auto slot = lab.node->plan().pools[1].backends[static_cast<std::size_t>(name_at(at)[1] - '1')].slot;
  const plan::BackendUse& use = lab.node->state(0).uses[slot.value()];
  EXPECT_EQ(use.failed.load(), 1u);
  EXPECT_EQ(use.succeeded.load(), 0u);
  Talk silent(lab, "10.0.0.1", 2);
  EXPECT_EQ(silent.up(flags::syn), at);
  EXPECT_EQ(use.connecting.load(), 2);
  for (int second = 0; second < 60; ++second) {
    lab.wait_ms(1000);  // the sweep of a node in memory does a bounded part of its table a call
  }
  EXPECT_EQ(use.failed.load(), 2u);
  EXPECT_EQ(use.connecting.load(), 0);
  Talk(lab, "10.0.0.1", 3).open();
  EXPECT_EQ(use.succeeded.load(), 1u);
}

}  // namespace
}  // namespace limpet::path
