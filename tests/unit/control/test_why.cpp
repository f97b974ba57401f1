// why: told by the path's own decision, with what a drain or removal would change.
#include "running.hpp"

namespace limpet::control {
namespace {

TEST_F(ControlTest, tells_why) {
  start(text(two));
  const Json chosen = call("why", {{"service", "web"}, {"client", "203.0.113.1"}});
  EXPECT_EQ(chosen.at("step"), "algorithm");
  EXPECT_EQ(chosen.at("profile"), "client");
  EXPECT_EQ(chosen.at("key"), "203.0.113.1/32");
  const std::string other = chosen.at("backend") == "web/b1" ? "web/b2" : "web/b1";
  bind_client("203.0.113.1", other);
  const Json recorded = call("why", {{"service", "web"}, {"client", "203.0.113.1:4000"}});
  EXPECT_EQ(recorded.at("step"), "record");
  EXPECT_EQ(recorded.at("backend"), other);
  const unsigned worker = runtime.owner().owner(*net::IpAddress::parse("203.0.113.1"));
  EXPECT_EQ(recorded.at("worker"), worker);
  add_flow(worker, "203.0.113.1:4000", chosen.at("backend").get<std::string>());
  const Json flow = call("why", {{"service", "web"}, {"client", "203.0.113.1:4000"}});
  EXPECT_EQ(flow.at("step"), "flow");
  EXPECT_EQ(flow.at("backend"), chosen.at("backend"));
  call("backend.offline", {{"backend", other}});
  const Json moved = call("why", {{"service", "web"}, {"client", "203.0.113.1"}});
  EXPECT_EQ(moved.at("backend"), chosen.at("backend"));
  EXPECT_NE(moved.at("reason").get<std::string>().find("backend_offline"), std::string::npos) << moved.dump();
  EXPECT_EQ(moved.at("ruled_out"), Json::array({{{"backend", other}, {"reason", "offline"}}}));
  call("backend.offline", {{"backend", chosen.at("backend")}});
  const Json none = call("why", {{"service", "web"}, {"client", "203.0.113.2"}});
  EXPECT_TRUE(none.at("backend").is_null());
  EXPECT_EQ(refused("why", {{"service", "none"}, {"client", "203.0.113.1"}}).code, Code::not_found);
  EXPECT_EQ(refused("why", {{"service", "web"}, {"client", "2001:db8::1"}}).code, Code::not_found);
}

}  // namespace
}  // namespace limpet::control
