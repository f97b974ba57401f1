// From model to plan, and the choice among a pool's backends.
#include <gtest/gtest.h>

#include <map>

#include "plan/choose.hpp"
#include "plan/compile.hpp"
#include "support/packet_builder.hpp"

namespace limpet::plan {
namespace {

using test::endpoint;
using test::ip;

net::Prefix prefix(std::string_view text) {
  return *net::Prefix::parse(text);
}
model::Backend backend(std::initializer_list<const char*> addresses, std::uint32_t weight = 1) {
  model::Backend made;
  for (const char* address : addresses) {
    made.addresses.push_back(endpoint(address));
  }
  made.weight = weight;
  return made;
}
model::Service service(const char* pool, std::vector<model::Listen> listens) {
  model::Service made;
  made.pool = pool;
  made.listen = std::move(listens);
  made.persist = {"client"};
  return made;
}

model::Model example() {
  model::Model model;
  model.profiles["client"] = {};
  model.ports["front"].mac = net::Mac{{2, 0, 0, 0, 0, 1}};
  model.ports["front"].addresses = {prefix("192.0.2.1/24"), prefix("2001:db8:1::1/64")};
  model.ports["back"].addresses = {prefix("198.51.100.1/24")};
  model.ports["back"].vlans[100].addresses = {prefix("203.0.113.1/24")};
  model.ports["back"].vlans[200].mac = net::Mac{{2, 0, 0, 0, 0, 9}};
  model.ports["back"].mtu = 9000;
  model.pools["web"].backends = {{"b1", backend({"198.51.100.11:80"})},
                                 {"b2", backend({"203.0.113.12:80", "[2001:db8:1::12]:81"}, 3)}};
  model.services["web"] = service("web", {{prefix("192.0.2.10/32"), 80, net::Protocol::tcp}});
  return model;
}

struct Compiled {
  explicit Compiled(const model::Model& model, const hash::Secret& secret = hash::fixed_secret(),
                    std::vector<std::string> slots_before = {})
      : slots(1u << 16), states(1u << 16) {
    for (const auto& name : slots_before) {
      slots.backends.acquire(name);
    }
    auto made = compile({model, secret, {{"back", net::Mac{{2, 0, 0, 0, 0, 2}}}}, 1}, slots);
    if (!made) {
      error = made.error().text;
      return;
    }
    plan = *made;
    for (const Pool& pool : plan->pools) {
      for (const Backend& one : pool.backends) {
        states[one.slot].weight = one.weight * weight_one;
      }
    }
  }
  [[nodiscard]] std::string choice(std::uint64_t key, Family family = Family::v4) const {
    const Backend* chosen = choose({.pool = plan->pools.back(), .loads = {states}, .family = family}, {key, 0}).backend;
    return chosen == nullptr ? "" : chosen->name;
  }
  BackendState& state(const std::string& name) { return states[BackendSlot(*slots.backends.find(name))]; }

  Slots slots;
  BackendStates states;
  std::shared_ptr<const Plan> plan;
  std::string error;
};

TEST(Compile, InterfacesArePortsAndTheirVlans) {
  const Compiled c(example());
  ASSERT_TRUE(c.plan) << c.error;
  struct Row {
    const char* name;
    std::uint16_t port, vlan, mtu;
    const char* mac;
  };
  const Row rows[] = {{"back", 0, 0, 9000, "02:00:00:00:00:02"},
                      {"back.100", 0, 100, 9000, "02:00:00:00:00:02"},
                      {"back.200", 0, 200, 9000, "02:00:00:00:00:09"},
                      {"front", 1, 0, 1500, "02:00:00:00:00:01"}};
  ASSERT_EQ(c.plan->interfaces.size(), std::size(rows));
  for (std::size_t i = 0; i < std::size(rows); ++i) {
    const Interface& interface = c.plan->interfaces[i];
    EXPECT_EQ(interface.name, rows[i].name);
    EXPECT_EQ(interface.port, PortIndex(rows[i].port));
    EXPECT_EQ(interface.vlan, rows[i].vlan);
    EXPECT_EQ(interface.mtu, rows[i].mtu);
    EXPECT_EQ(interface.mac.text(), rows[i].mac);
  }
  EXPECT_EQ(c.plan->interfaces_of_port[0].size(), 3u);
  EXPECT_EQ(*c.plan->interfaces[3].own_address(Family::v6), ip("2001:db8:1::1"));
  EXPECT_EQ(c.plan->interfaces[2].own_address(Family::v4), nullptr);
  EXPECT_TRUE(c.plan->owns(ip("203.0.113.1")));
  EXPECT_FALSE(c.plan->owns(ip("192.0.2.10")));
  std::vector<std::string> visited;
  each_interface(example(), [&](InterfaceIndex index, const model::Interface& interface) {
    EXPECT_EQ(c.plan->interfaces[index.value()].addresses, interface.addresses);
    visited.push_back(c.plan->interfaces[index.value()].name);
  });
  EXPECT_EQ(visited.size(), std::size(rows));
}

TEST(Compile, BackendsKnowTheirWay) {
  const Compiled c(example());
  const Pool& pool = c.plan->pools[0];
  EXPECT_EQ(pool.backends[0].hop(Family::v4), (Hop{InterfaceIndex(0), ip("198.51.100.11")}));
  EXPECT_EQ(pool.backends[1].hop(Family::v4), (Hop{InterfaceIndex(1), ip("203.0.113.12")}));
  EXPECT_EQ(pool.backends[1].hop(Family::v6), (Hop{InterfaceIndex(3), ip("2001:db8:1::12")}));
  EXPECT_FALSE(pool.backends[0].hop(Family::v6));
  EXPECT_EQ(c.plan->backend(pool.backends[1].slot), &pool.backends[1]);
  EXPECT_EQ(c.plan->backend(BackendSlot(12345)), nullptr);
}

TEST(Compile, ALinkWinsOverARouteToTheSamePrefix) {
  auto model = example();
  model.ports["back"].routes = {{prefix("192.0.2.0/24"), {ip("198.51.100.254")}},
                                {prefix("0.0.0.0/0"), {ip("198.51.100.254")}}};
  const Compiled c(model);
  EXPECT_EQ(c.plan->routes.find(ip("192.0.2.77")), (Hop{InterfaceIndex(3), ip("192.0.2.77")}));
  EXPECT_EQ(c.plan->routes.find(ip("10.0.0.1")), (Hop{InterfaceIndex(0), ip("198.51.100.254")}));
}

TEST(Compile, OnlyOneExactListenerIsAnEndpointsOwn) {
  constexpr auto tcp = net::Protocol::tcp;
  struct Row {
    const char* what;
    std::vector<model::Listen> more;
    model::Forwarding forwarding;
    bool single;
  };
  const Row rows[] = {
      {"alone", {}, model::Forwarding::nat, true},
      {"a second service", {{prefix("192.0.2.11/32"), 80, tcp}}, model::Forwarding::nat, false},
      {"of another protocol", {{prefix("192.0.2.11/32"), 80, net::Protocol::udp}}, model::Forwarding::nat, true},
      {"of another family", {{prefix("2001:db8:1::10/128"), 80, tcp}}, model::Forwarding::nat, true},
      {"with dr", {{prefix("192.0.2.11/32"), 80, tcp}}, model::Forwarding::dr, true},
      {"a prefix", {{prefix("192.0.2.64/26"), 80, tcp}}, model::Forwarding::nat, false},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    auto model = example();
    if (!row.more.empty()) {
      model.services["xtra"] = service("web", row.more);
      model.services["xtra"].forwarding = row.forwarding;
    }
    const Compiled c(model);
    ASSERT_TRUE(c.plan) << c.error;
    const auto* entry = c.plan->fronts.find_endpoint(ip("198.51.100.11"), 80, 6);
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(entry->only_listener, row.single ? 0 : FrontTable::none);
  }
  auto any = example();
  any.services["web"].listen[0].l4_port = 0;
  EXPECT_EQ(Compiled(any).plan->fronts.find_endpoint(ip("198.51.100.11"), 80, 6)->only_listener, FrontTable::none);
}

TEST(Compile, NarrowListeners) {
  constexpr auto tcp = net::Protocol::tcp;
  auto model = example();
  model.services["web"] = service("web", {{prefix("192.0.2.10/32"), 80, tcp},
                                          {prefix("192.0.2.10/32"), 0, tcp},
                                          {prefix("192.0.2.32/28"), 80, tcp},
                                          {prefix("2001:db8:1::10/128"), 80, tcp}});
  const Compiled c(model);
  std::vector<bool> narrow;
  for (const Listener& listener : c.plan->listeners) {
    narrow.push_back(listener.narrow);
    EXPECT_EQ(c.plan->listener(listener.slot), &listener);
  }
  EXPECT_EQ(narrow, (std::vector{true, false, false, false}));
}

TEST(Compile, ErrorsSayWhat) {
  auto twice = example();
  twice.services["zwei"] = service("web", {{prefix("192.0.2.10/32"), 80, net::Protocol::tcp}});
  EXPECT_EQ(Compiled(twice).error, "service zwei: another service listens on 192.0.2.10:80/tcp");
  Slots slots(1);
  const auto full = compile({example(), hash::fixed_secret(), {}, 1}, slots);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().text, "backend web/b2: all 1 slots are taken or wait for their last sessions to end");
}

TEST(Compile, SlotsOutliveAPlan) {
  Compiled first(example());
  auto model = example();
  model.pools["web"].backends["a0"] = backend({"198.51.100.10:80"});
  model.pools["web"].backends.erase("b1");
  const auto next = compile({model, hash::fixed_secret(), {}, 2}, first.slots);
  ASSERT_TRUE(next);
  keep_only_used(**next, first.slots);
  EXPECT_EQ((*next)->pools[0].backends[1].slot, first.plan->pools[0].backends[1].slot);
  EXPECT_EQ((*next)->backend(first.plan->pools[0].backends[0].slot), nullptr);
  EXPECT_EQ((*next)->listeners[0].slot, first.plan->listeners[0].slot);
  EXPECT_EQ((*next)->services[0].persist[0].scope, first.plan->services[0].persist[0].scope);
  first.slots.backends.swept();
  first.slots.backends.swept();
  EXPECT_FALSE(first.slots.backends.find("web/b1"));
  EXPECT_TRUE(first.slots.backends.find("web/b2"));
}

TEST(Compile, ScopesAreSharedAsFarAsTheyReach) {
  for (const auto& [scope, as_web, as_other] :
       {std::tuple{model::Scope::service, false, false}, std::tuple{model::Scope::pool, true, false},
        std::tuple{model::Scope::global, true, true}}) {
    auto model = example();
    model.profiles["client"].scope = scope;
    model.pools["other"] = model.pools["web"];
    model.services["same-pool"] = service("web", {{prefix("192.0.2.11/32"), 80, net::Protocol::tcp}});
    model.services["another"] = service("other", {{prefix("192.0.2.12/32"), 80, net::Protocol::tcp}});
    const Compiled c(model);
    ASSERT_TRUE(c.plan) << c.error;
    std::map<std::string, std::uint32_t> scopes;
    for (const Service& one : c.plan->services) {
      scopes[one.name] = one.persist[0].scope;
    }
    EXPECT_EQ(scopes["same-pool"] == scopes["web"], as_web);
    EXPECT_EQ(scopes["another"] == scopes["web"], as_other);
  }
}

TEST(Compile, TimesAreRoundedUpAndBounded) {
  auto model = example();
  model.services["web"].timeouts = {.embryonic_ms = 1, .established_ms = ~0ULL / 2, .closing_ms = 1500, .udp_ms = 2000};
  const Compiled c(model);
  const Timeouts& timeouts = c.plan->services[0].timeouts;
  EXPECT_EQ(timeouts.embryonic_s, 1);
  EXPECT_EQ(timeouts.established_s, flow_timeout_max_ms / 1000);
  EXPECT_EQ(timeouts.closing_s, 2);
  EXPECT_EQ(timeouts.udp_s, 2);
}

model::Model pool_of(std::initializer_list<const char*> names) {
  auto model = example();
  model.pools["web"].backends.clear();
  unsigned number = 10;
  for (const char* name : names) {
    model.pools["web"].backends[name] = backend({fmt::format("198.51.100.{}:80", ++number).c_str()});
  }
  return model;
}

constexpr std::uint64_t keys = 4000;

TEST(Choose, SkipsWhoMayNotTakeNewSessions) {
  const auto away = [](Compiled& c, int row) {
    BackendState& state = c.state("web/b");
    switch (row) {
      case 0:
        state.health = Health::down;
        break;
      case 1:
        state.admin = Admin::drain;
        break;
      case 2:
        state.admin = Admin::offline;
        break;
      default:
        state.weight = 0;
    }
  };
  for (int row = 0; row < 4; ++row) {
    SCOPED_TRACE(row);
    Compiled c(pool_of({"a", "b", "c"}));
    const Compiled whole(pool_of({"a", "b", "c"}));
    away(c, row);
    for (std::uint64_t key = 0; key < keys; ++key) {
      const auto before = whole.choice(key);
      EXPECT_NE(c.choice(key), "web/b");
      EXPECT_TRUE(before == "web/b" || c.choice(key) == before);  // nobody else's sessions move
    }
  }
}

TEST(Choose, NobodyLeft) {
  Compiled c(pool_of({"a"}));
  c.state("web/a").health = Health::down;
  EXPECT_EQ(c.choice(1), "");
  EXPECT_EQ(Compiled(pool_of({"a"})).choice(1, Family::v6), "");
  EXPECT_EQ(Compiled(pool_of({})).choice(1), "");
}

TEST(Choose, ComingAndGoingMovesOnlyWhatItMust) {
  const Compiled two(pool_of({"a", "c"}));
  const Compiled three(pool_of({"a", "b", "c"}));
  unsigned moved = 0;
  for (std::uint64_t key = 0; key < keys; ++key) {
    const auto before = two.choice(key);
    const auto after = three.choice(key);
    EXPECT_TRUE(after == before || after == "web/b");
    moved += after != before ? 1 : 0;
  }
  EXPECT_NEAR(moved, keys / 3, keys / 20);
}

TEST(Choose, NamesDecideAndNothingElse) {
  const auto model = pool_of({"a", "b", "c"});
  const Compiled c(model);
  const Compiled other_slots(model, hash::fixed_secret(), {"web/c", "x/1", "web/b", "x/2"});
  ASSERT_NE(c.plan->pools[0].backends[0].slot, other_slots.plan->pools[0].backends[0].slot);
  auto addresses = model;
  addresses.pools["web"].backends["a"].addresses[0].l4_port = 8080;
  std::swap(addresses.pools["web"].backends["b"].addresses, addresses.pools["web"].backends["c"].addresses);
  const Compiled other_addresses(addresses);
  auto secret = hash::fixed_secret();
  secret[31] ^= 0x80;
  const Compiled other_secret(model, secret);
  unsigned differ = 0;
  for (std::uint64_t key = 0; key < keys; ++key) {
    EXPECT_EQ(other_slots.choice(key), c.choice(key));
    EXPECT_EQ(other_addresses.choice(key), c.choice(key));
    differ += other_secret.choice(key) != c.choice(key) ? 1 : 0;
  }
  EXPECT_NEAR(differ, keys * 2 / 3, keys / 20);
}

TEST(Choose, WeightsAreShares) {
  auto model = pool_of({"a", "b"});
  model.pools["web"].backends["a"].weight = 3;
  const Compiled c(model);
  unsigned at_a = 0;
  for (std::uint64_t key = 0; key < keys; ++key) {
    at_a += c.choice(key) == "web/a" ? 1 : 0;
  }
  EXPECT_NEAR(at_a, keys * 3 / 4, keys / 25);
}

}  // namespace
}  // namespace limpet::plan
