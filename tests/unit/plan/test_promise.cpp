// What clients may be promised of TCP options, by what is known of backends.
#include <gtest/gtest.h>

#include "plan/compile.hpp"
#include "plan/promise.hpp"
#include "support/packet_builder.hpp"

namespace limpet::plan {
namespace {

using test::endpoint;

constexpr Accepts all{1460, 7, Known::yes, Known::yes, Known::yes};

class PromiseTest : public testing::Test {
 protected:
  PromiseTest() {
    model.ports["front"].mac = net::Mac{{2, 0, 0, 0, 0, 1}};
    model.ports["back"].mac = net::Mac{{2, 0, 0, 0, 0, 2}};
    model.ports["back"].addresses = {*net::Prefix::parse("198.51.100.1/24"), *net::Prefix::parse("2001:db8::1/64")};
    model.profiles["client"] = {};
    model.pools["web"].backends["b1"].addresses = {endpoint("198.51.100.11:80")};
    model.pools["web"].backends["b2"].addresses = {endpoint("198.51.100.12:80")};
    model.pools["api"].backends["b3"].addresses = {endpoint("198.51.100.13:80")};
    model.services["web"].pool = "web";
    model.services["web"].persist = {"client"};
    model.services["web"].listen = {{*net::Prefix::parse("192.0.2.10/32"), 80, net::Protocol::tcp}};
  }
  void make() {
    auto made = compile({model, hash::fixed_secret(), {}, 1, nullptr, 1}, slots);
    ASSERT_TRUE(made) << made.error().text;
    plan = *made;
  }
  void set(const char* name, const Accepts& accepts) { state(name).accepts = accepts.packed(); }
  BackendState& state(const char* name) { return states[BackendSlot(*slots.backends.find(name))]; }
  [[nodiscard]] Promise promise() const { return promise_of(*plan, plan->services[0], states); }

  model::Model model;
  Slots slots{16};
  BackendStates states{16};
  std::shared_ptr<const Plan> plan;
};

TEST_F(PromiseTest, of_nothing_that_is_not_known) {
  make();
  EXPECT_EQ(promise(), (Promise{1400, true, true, false}));
  EXPECT_EQ(Promise::unpacked(plan->services[0].promise->load()), promise());
  set("web/b1", all);
  EXPECT_EQ(promise(), Promise{}) << "of one";
  set("web/b2", all);
  EXPECT_EQ(promise(), (Promise{1460, true, true, true}));
  EXPECT_EQ(Promise::unpacked(promise().packed()), promise());
}

TEST_F(PromiseTest, of_what_all_accept) {
  make();
  set("web/b1", all);
  set("web/b2", {1300, 2, Known::no, Known::yes, Known::yes});
  EXPECT_EQ(promise(), (Promise{1300, false, true, true}));
  set("web/b2", {1380, 0, Known::yes, Known::no, Known::unknown});
  EXPECT_EQ(promise(), (Promise{1380, true, false, false}));
  set("web/b1", {});
  EXPECT_EQ(promise(), (Promise{1380, true, false, false})) << "what one refuses is known";
  set("web/b2", all);
  EXPECT_EQ(promise(), Promise{}) << "no more than usual before all are known";
}

TEST_F(PromiseTest, by_those_who_get_connections) {
  make();
  set("web/b1", all);
  state("web/b2").health = Health::down;
  EXPECT_TRUE(promise().timestamps);
  state("web/b2").health = Health::up;
  EXPECT_FALSE(promise().timestamps);
  state("web/b2").admin = Admin::offline;
  EXPECT_TRUE(promise().timestamps);
  state("web/b2").admin = Admin::drain;
  EXPECT_FALSE(promise().timestamps);
  state("web/b1").admin = state("web/b2").admin = Admin::offline;
  EXPECT_EQ(promise(), Promise{}) << "nobody";
}

TEST_F(PromiseTest, within_what_is_configured) {
  model.services["web"].max_mss = 1350;
  make();
  EXPECT_EQ(promise().mss, 1350);
  set("web/b1", all);
  set("web/b2", all);
  EXPECT_EQ(promise().mss, 1350);
  set("web/b2", {1200, 0, {}, {}, {}});
  EXPECT_EQ(promise().mss, 1200);
  model.services["web"].max_mss = 1450;
  make();
  set("web/b2", {});
  EXPECT_EQ(promise().mss, 1450) << "whoever says so knows his backends";
}

TEST_F(PromiseTest, within_what_interfaces_carry) {
  model.ports["back"].mtu = 1420;
  make();
  EXPECT_EQ(promise().mss, 1380);
  set("web/b1", {8960, 7, {}, {}, {}});
  set("web/b2", {8960, 7, {}, {}, {}});
  EXPECT_EQ(promise().mss, 1380);
  model.ports["back"].mtu = 9000;
  model.pools["web"].backends["b2"].addresses.push_back(endpoint("[2001:db8::12]:80"));
  make();
  EXPECT_EQ(promise().mss, 8940) << "of IPv6, and the most that clients are taken at their word with";
}

TEST_F(PromiseTest, by_all_pools_of_a_service) {
  model.services["web"].routes = {{.path = "/api", .pool = "api"}};
  make();
  set("web/b1", all);
  set("web/b2", all);
  EXPECT_FALSE(promise().timestamps);
  set("api/b3", {1410, 7, Known::yes, Known::yes, Known::yes});
  EXPECT_EQ(promise(), (Promise{1410, true, true, true}));
}

}  // namespace
}  // namespace limpet::plan
