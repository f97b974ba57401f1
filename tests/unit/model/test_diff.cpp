// What differs between two models, and which differences need a restart.
#include <gtest/gtest.h>

#include "example.hpp"
#include "model/load.hpp"
#include "random_model.hpp"

namespace limpet::model {
namespace {

Model sample() {
  return *load_text(example, "x").model;
}

struct Row {
  const char* what;
  void (*edit)(Model& model);
  std::vector<Change> changes;
};

TEST(Diff, tells_each_change) {
  const Row rows[] = {
      {"nothing", [](Model&) {}, {}},
      {"a weight",
       [](Model& model) { model.pools["web"].backends["b1"].weight = 20; },
       {{"pools.web.backends.b1.weight", "10", "20", false}}},
      {"a new backend",
       [](Model& model) { model.pools["web"].backends["b.3"].addresses = {*Endpoint::parse("198.51.100.13:80")}; },
       {{"pools.web.backends.\"b.3\"", "", "{ address = \"198.51.100.13:80\" }", false}}},
      {"a backend gone",
       [](Model& model) { model.pools["web"].backends.erase("b1"); },
       {{"pools.web.backends.b1", "{ address = \"198.51.100.11:80\", weight = 10 }", "", false}}},
      {"a monitor",
       [](Model& model) { model.pools["web"].monitors[0].rise = 5; },
       {{"pools.web.monitor", "{ type = \"http\", path = \"/health\" }",
         "{ type = \"http\", path = \"/health\", rise = 5 }", false}}},
      {"a timeout",
       [](Model& model) { model.services["web"].timeouts.udp_ms = 1000; },
       {{"services.web.timeouts.udp", "\"2m\"", "\"1s\"", false}}},
      {"a limit",
       [](Model& model) { model.limits.held_max_bytes = 1024; },
       {{"limits.held_max", "\"64MiB\"", "\"1KiB\"", true}}},
      {"workers",
       [](Model& model) { model.limpetd.workers = {1}; },
       {{"limpetd.workers", "[0, 0, 1, 1]", "[1]", true}}},
      {"a device and an address",
       [](Model& model) {
         model.ports["front"].device = "net_null0";
         model.ports["front"].addresses.pop_back();
       },
       {{"ports.front.device", "\"net_af_packet0,iface=front0\"", "\"net_null0\"", true},
        {"ports.front.addresses", "[\"192.0.2.1/24\", \"2001:db8:1::1/64\"]", "[\"192.0.2.1/24\"]", false}}},
      {"a new port",
       [](Model& model) { model.ports["x"].device = "d"; },
       {{"ports.x", "", "{ device = \"d\" }", true}}},
      {"a MAC address gone",
       [](Model& model) { model.ports["front"].mac.reset(); },
       {{"ports.front.mac", "\"02:00:00:00:00:01\"", "", true}}},
      {"a new service",
       [](Model& model) {
         model.services["dns"].listen = {*parse_listen("192.0.2.9:53/udp")};
         model.services["dns"].pool = "web";
       },
       {{"services.dns", "", "{ listen = \"192.0.2.9:53/udp\", pool = \"web\" }", false}}},
  };
  for (const auto& row : rows) {
    Model after = sample();
    row.edit(after);
    const auto changes = diff(sample(), after);
    ASSERT_EQ(changes.size(), row.changes.size()) << row.what;
    for (std::size_t i = 0; i < changes.size(); ++i) {
      EXPECT_EQ(changes[i].path, row.changes[i].path) << row.what;
      EXPECT_EQ(changes[i].before, row.changes[i].before) << row.what;
      EXPECT_EQ(changes[i].after, row.changes[i].after) << row.what;
      EXPECT_EQ(changes[i].needs_restart, row.changes[i].needs_restart) << row.what;
    }
  }
}

TEST(Diff, is_empty_only_for_equal_models) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const Model a = RandomModel(seed).make();
    const Model b = RandomModel(seed + 1).make();
    EXPECT_TRUE(diff(a, a).empty()) << seed;
    EXPECT_EQ(diff(a, b).empty(), a == b) << seed;
    EXPECT_EQ(diff(a, b).size(), diff(b, a).size()) << seed;
  }
}

}  // namespace
}  // namespace limpet::model
