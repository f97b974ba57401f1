// What a good file gives.
#include <gtest/gtest.h>

#include "example.hpp"
#include "model/load.hpp"

namespace limpet::model {
namespace {

std::string all_texts(const Loaded& loaded) {
  std::string result;
  for (const auto& problem : loaded.problems) {
    result += problem.text() + "\n";
  }
  return result;
}

TEST(Load, fills_the_model_from_the_example) {
  const auto loaded = load_text(example, "limpet.toml");
  ASSERT_TRUE(loaded.model) << all_texts(loaded);
  EXPECT_TRUE(loaded.problems.empty());
  const Model& model = *loaded.model;
  EXPECT_EQ(model.limpetd.workers, (std::vector<unsigned>{0, 0, 1, 1}));
  EXPECT_EQ(model.limpetd.eal, (std::vector<std::string>{"--no-pci", "--no-huge", "-m", "512"}));
  EXPECT_EQ(model.limits.held_max_bytes, 64u << 20);
  const auto& front = model.ports.at("front");
  EXPECT_EQ(front.device, "net_af_packet0,iface=front0");
  EXPECT_EQ(front.mac, Mac::parse("02:00:00:00:00:01"));
  EXPECT_EQ(front.mtu, 1500);
  EXPECT_EQ(front.transit, Transit::drop);
  const auto& back = model.ports.at("back");
  EXPECT_FALSE(back.mac);
  EXPECT_EQ(back.side, Side::backends);
  ASSERT_EQ(back.addresses.size(), 2u);
  EXPECT_EQ(back.addresses[1].text(), "2001:db8:2::1/64");
  EXPECT_EQ(back.neighbors.at(*IpAddress::parse("198.51.100.11")), Mac::parse("02:00:00:00:00:11"));
  ASSERT_EQ(back.routes.size(), 1u);
  EXPECT_EQ(back.routes[0].to.length, 0);
  EXPECT_EQ(back.routes[0].via, std::vector{*IpAddress::parse("198.51.100.254")});
  EXPECT_EQ(model.profiles.at("client").idle_timeout_ms, 1'800'000u);
  const auto& pool = model.pools.at("web");
  ASSERT_EQ(pool.monitors.size(), 1u);
  EXPECT_EQ(pool.monitors[0].type, MonitorType::http);
  EXPECT_EQ(pool.monitors[0].path, "/health");
  EXPECT_EQ(pool.backends.at("b1").weight, 10u);
  EXPECT_EQ(pool.backends.at("b2").addresses.size(), 2u);
  const auto& service = model.services.at("web");
  ASSERT_EQ(service.listen.size(), 1u);
  EXPECT_EQ(service.listen[0].text(), "192.0.2.10:80/tcp");
  EXPECT_EQ(service.persist, std::vector<std::string>{"client"});
  EXPECT_EQ(service.timeouts, Timeouts{});
}

TEST(Load, an_empty_file_gives_the_defaults) {
  const auto loaded = load_text("", "x");
  ASSERT_TRUE(loaded.model);
  EXPECT_EQ(*loaded.model, Model{});
}

TEST(Load, takes_one_value_or_a_list) {
  const auto loaded = load_text(R"(
[ports.p]
device = "net_null0"
addresses = ["192.0.2.1/24", "2001:db8::1/64"]
routes = [{ to = "0.0.0.0/0", via = ["192.0.2.254", "192.0.2.253"] }, { to = "::/0", via = "fe80::1" }]
[ports.p.vlans.100]
addresses = ["198.51.100.1/24"]
transit = "route"
[pools.a]
monitor = [{ type = "tcp", l4_port = 80 }, { type = "http" }]
backends.x = { address = "198.51.100.9:1", state = "drain" }
[services.s]
listen = ["192.0.2.10:80/tcp", "[2001:db8::10]:80/tcp"]
pool = "a"
timeouts = { embryonic = "5s", udp = "9h" }
)",
                                "x");
  ASSERT_TRUE(loaded.model) << all_texts(loaded);
  const Model& model = *loaded.model;
  EXPECT_EQ(model.ports.at("p").routes[0].via.size(), 2u);
  EXPECT_EQ(model.ports.at("p").vlans.at(100).transit, Transit::route);
  EXPECT_EQ(model.pools.at("a").monitors.size(), 2u);
  EXPECT_EQ(model.pools.at("a").backends.at("x").state, AdminState::drain);
  EXPECT_EQ(model.services.at("s").listen.size(), 2u);
  EXPECT_EQ(model.services.at("s").timeouts.embryonic_ms, 5000u);
  EXPECT_EQ(model.services.at("s").timeouts.udp_ms, 9u * 3600 * 1000);
}

}  // namespace
}  // namespace limpet::model
