// What is printed loads to the same model.
#include <gtest/gtest.h>

#include "example.hpp"
#include "model/load.hpp"
#include "random_model.hpp"

namespace limpet::model {
namespace {

void expect_round_trip(const Model& model) {
  for (const auto detail : {Detail::changed, Detail::all}) {
    const auto text = to_toml(model, detail);
    const auto loaded = load_text(text, "printed");
    for (const auto& problem : loaded.problems) {
      ADD_FAILURE() << problem.text();
    }
    ASSERT_TRUE(loaded.model) << text;
    EXPECT_EQ(*loaded.model, model) << text;
    EXPECT_TRUE(diff(model, *loaded.model).empty()) << text;
  }
}

TEST(Print, the_example_loads_to_the_same_model) {
  expect_round_trip(*load_text(example, "x").model);
}

TEST(Print, an_empty_model_is_an_empty_file) {
  EXPECT_EQ(to_toml(Model{}), "");
  expect_round_trip(Model{});
}

TEST(Print, many_models_load_to_the_same) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    SCOPED_TRACE(seed);
    expect_round_trip(RandomModel(seed).make());
    if (HasFailure()) {
      return;
    }
  }
}

TEST(Print, is_pleasant_to_read) {
  EXPECT_EQ(to_toml(*load_text(example, "x").model), R"([limpetd]
workers = [0, 0, 1, 1]
eal = ["--no-pci", "--no-huge", "-m", "512"]

[ports.back]
device = "net_af_packet1,iface=back0"
addresses = ["198.51.100.1/24", "2001:db8:2::1/64"]
neighbors = { "198.51.100.11" = "02:00:00:00:00:11" }
routes = [{ to = "0.0.0.0/0", via = "198.51.100.254" }]
side = "backends"

[ports.front]
device = "net_af_packet0,iface=front0"
mac = "02:00:00:00:00:01"
addresses = ["192.0.2.1/24", "2001:db8:1::1/64"]

[profiles.client]
type = "source_ip"

[pools.web]
monitor = { type = "http", path = "/health" }

[pools.web.backends]
b1 = { address = "198.51.100.11:80", weight = 10 }
b2 = { address = ["198.51.100.12:80", "[2001:db8:2::12]:80"] }

[services.web]
listen = "192.0.2.10:80/tcp"
pool = "web"
persist = ["client"]
)");
}

}  // namespace
}  // namespace limpet::model
