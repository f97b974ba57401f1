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

TEST_F(ControlTest, tells_what_a_drain_or_removal_would_change) {
  start(text(three));
  bind_client("203.0.113.1", "web/b1");
  const Json bound = call("why", {{"service", "web"}, {"client", "203.0.113.1"}});
  EXPECT_EQ(bound.at("record").at("backend"), "web/b1");
  EXPECT_EQ(bound.at("if_drained"), (Json{{"backend", "web/b1"}, {"reason", "the session's record names it"}}));
  EXPECT_EQ(bound.at("if_removed").at("backend"), "web/b2") << "b3 is drained";
  EXPECT_NE(bound.at("if_removed").at("reason").get<std::string>().find("backend_removed"), std::string::npos);
  EXPECT_EQ(bound.at("ruled_out"), Json::array({{{"backend", "web/b3"}, {"reason", "draining"}}}));
  EXPECT_EQ(runtime.published, 1) << "it changes nothing";
  EXPECT_TRUE(runtime.backends().takes_new(slot_of("web/b1")));
  const Json fresh = call("why", {{"service", "web"}, {"client", "203.0.113.2"}});
  EXPECT_NE(fresh.at("if_drained").at("backend"), fresh.at("backend"));
  call("backend.offline", {{"backend", "web/b2"}});
  const Json last = call("why", {{"service", "web"}, {"client", "203.0.113.1"}});
  EXPECT_TRUE(last.at("if_removed").at("backend").is_null());
}

TEST_F(ControlTest, tells_why_with_local_addresses) {
  std::string configuration = text(two);
  configuration.replace(configuration.find("persist = ["), 0,
                        "forwarding = \"full_nat\"\nlocal_addresses = [\"198.51.100.200/31\"]\n");
  start(configuration);
  const Json fresh = call("why", {{"service", "web"}, {"client", "203.0.113.1:4000"}});
  EXPECT_EQ(fresh.at("local_addresses"), Json::array({"198.51.100.200", "198.51.100.201"}));
  EXPECT_TRUE(fresh.at("local").is_null());
  const unsigned worker = runtime.owner().owner(*net::IpAddress::parse("203.0.113.1"));
  const path::Connection c{*net::IpAddress::parse("203.0.113.1"), *net::IpAddress::parse("192.0.2.10"), 4000, 80};
  const auto key = path::wide_forward(runtime.current_plan()->listeners.at(0), c);
  const flow::Value value{slot_of("web/b2").value(), flow::State::established, flow::flag::local,
                          Tick16(runtime.now_ms())};
  {
    const std::lock_guard lock(runtime.worker_mutex);
    flow::Table& flows = runtime.states().at(worker)->flows;
    flow::Evicted evicted;
    flows.insert(key, flows.hash(key), value, {*net::IpAddress::parse("198.51.100.201"), 0, 2000}, evicted);
  }
  const Json flow = call("why", {{"service", "web"}, {"client", "203.0.113.1:4000"}});
  EXPECT_EQ(flow.at("step"), "flow");
  EXPECT_EQ(flow.at("local"), "198.51.100.201:2000");
}

TEST_F(ControlTest, tells_why_by_what_a_client_would_say) {
  std::string configuration = text(two, {}, R"(
[profiles.route]
type = "cookie"
name = "SERVER"
by = "route"
delimiter = "."
[profiles.agent]
type = "header"
name = "X-Agent"
)");
  configuration.replace(configuration.find("persist = ["), std::string("persist = [").size(),
                        "persist = [\"route\", \"agent\", ");
  start(configuration);
  const Json asked{{"service", "web"}, {"client", "203.0.113.1"}};
  const auto ask = [&](const char* name, const char* value) {
    Json params = asked;
    params[name] = value;
    return call("why", params);
  };
  for (const char* name : {"b1", "b2"}) {
    const Json named = ask("cookie", fmt::format("SERVER=x.{}", name).c_str());
    EXPECT_EQ(named.at("step"), "token");
    EXPECT_EQ(named.at("backend"), fmt::format("web/{}", name));
    EXPECT_EQ(named.at("profile"), "route");
  }
  const Json stranger = ask("cookie", "SERVER=x.b9");
  EXPECT_EQ(stranger.at("step"), "algorithm");
  EXPECT_EQ(stranger.at("profile"), "client") << "nothing else is said";
  EXPECT_EQ(stranger.at("passed_over"),
            Json::array({{{"profile", "route"}, {"reason", "what the client shows names no backend of the pool"}},
                         {{"profile", "agent"}, {"reason", "the client says nothing that it finds"}}}));
  call("backend.offline", {{"backend", "web/b1"}});
  const Json gone = ask("cookie", "SERVER=x.b1");
  EXPECT_EQ(gone.at("step"), "algorithm");
  EXPECT_EQ(gone.at("profile"), "route");
  EXPECT_EQ(gone.at("passed_over"), Json::array());
  EXPECT_EQ(gone.at("reason"),
            "the backend that the client names can't take it; the pool's algorithm chose by the key");
  call("backend.enable", {{"backend", "web/b1"}});
  const Json agent = ask("header", "x-agent=7");
  EXPECT_EQ(agent.at("profile"), "agent");
  EXPECT_EQ(agent.at("key").get<std::string>().front(), '#');
  EXPECT_EQ(agent.at("key"), ask("header", "X-Agent=7").at("key"));
  EXPECT_NE(agent.at("key"), ask("header", "X-Agent=8").at("key"));
  EXPECT_EQ(call("why", asked).at("profile"), "client");
  Json wrong = asked;
  wrong["cookie"] = "SERVER";
  EXPECT_EQ(refused("why", wrong).code, Code::invalid_params);
}

TEST_F(ControlTest, tells_why_by_routes) {
  std::string configuration = text(two, {}, R"(
[pools.api.backends]
a1 = { address = "198.51.100.21:80" }
[pools.tls.backends]
t1 = { address = "198.51.100.31:80" }
)");
  configuration.replace(configuration.find("persist = ["), 0, R"(routes = [{ host = "api.example.org", pool = "api" },
  { sni = "*.example.com", pool = "tls" }, { path_regex = "\\.png$", pool = "tls" }]
)");
  configuration.replace(configuration.find("[limpetd]\n"), 10, "[limpetd]\nworkers = [0, 1]\n");
  start(configuration);
  const auto ask = [&](const char* name, const char* value) {
    return call("why", {{"service", "web"}, {"client", "203.0.113.1"}, {name, value}});
  };
  const Json api = ask("host", "API.example.org");
  EXPECT_EQ(api.at("pool"), "api");
  EXPECT_EQ(api.at("backend"), "api/a1");
  EXPECT_EQ(api.at("route"), "host = \"api.example.org\"");
  EXPECT_EQ(ask("sni", "a.b.example.com").at("backend"), "tls/t1");
  EXPECT_EQ(ask("sni", "example.com").at("pool"), "web");
  EXPECT_EQ(ask("path", "/a.png").at("backend"), "tls/t1");
  const Json other = ask("path", "/a.png.html");
  EXPECT_EQ(other.at("pool"), "web");
  EXPECT_TRUE(other.at("route").is_null());
  const Json row = call("show.services").at("items").at(0);
  EXPECT_EQ(row.at("routes").at(0), "host = \"api.example.org\": api");
  const Json params{{"key", "203.0.113.7"}, {"service", "web"}};
  Json bind = params;
  bind["backend"] = "api/a1";
  EXPECT_EQ(call("records.set", bind).at("scope"), "client of service web in pool api");
  EXPECT_EQ(call("records.show", params).at("backend"), "api/a1") << "where there is a record";
  const Json kept = call("why", {{"service", "web"}, {"client", "203.0.113.7"}, {"host", "api.example.org"}});
  EXPECT_EQ(kept.at("step"), "record");
  EXPECT_EQ(call("why", {{"service", "web"}, {"client", "203.0.113.7"}}).at("step"), "algorithm");
}

TEST_F(ControlTest, tells_why_by_what_other_protocols_say) {
  std::string configuration = text(two, {}, R"(
[profiles.broker]
type = "rdp_msts"
by = "route"
[profiles.user]
type = "rdp_mstshash"
[profiles.device]
type = "mqtt_client_id"
[profiles.visitor]
type = "x_forwarded_for"
trusted = ["203.0.113.1"]
[profiles.call]
type = "universal"
after = "Call-ID: "
)");
  configuration.replace(configuration.find("persist = ["), std::string("persist = [").size(),
                        "persist = [\"broker\", \"user\", \"device\", \"visitor\", \"call\", ");
  start(configuration);
  const auto profile = [&](const char* name, const char* value, const char* from = "203.0.113.1") {
    return call("why", {{"service", "web"}, {"client", from}, {name, value}}).at("profile");
  };
  EXPECT_EQ(profile("rdp", "anna"), "user");
  EXPECT_EQ(profile("mqtt", "sensor"), "device");
  EXPECT_EQ(profile("forwarded_for", "198.18.0.1"), "visitor");
  EXPECT_EQ(profile("forwarded_for", "198.18.0.1", "203.0.113.2"), "client") << "no trusted proxy";
  EXPECT_EQ(profile("universal", "a84b"), "call");
  const Json named = call("why", {{"service", "web"}, {"client", "203.0.113.1"}, {"msts", "198.51.100.12:80"}});
  EXPECT_EQ(named.at("step"), "token");
  EXPECT_EQ(named.at("backend"), "web/b2");
}

TEST_F(ControlTest, tells_why_by_a_session_id) {
  std::string configuration = text(two, {}, "[profiles.session]\ntype = \"tls_session_id\"\n");
  configuration.replace(configuration.find("persist = ["), std::string("persist = [").size(),
                        "persist = [\"session\", ");
  start(configuration);
  const Json params = {{"service", "web"}, {"client", "203.0.113.1"}, {"session_id", "00Ff12"}};
  const Json unknown = call("why", params);
  EXPECT_EQ(unknown.at("profile"), "client");
  EXPECT_EQ(
      unknown.at("passed_over"),
      Json::array({{{"profile", "session"}, {"reason", "no record knows the session id that the client shows"}}}));
  for (const char* bad : {"0", "0x", "zz", "00f"}) {
    EXPECT_EQ(refused("why", {{"service", "web"}, {"client", "203.0.113.1"}, {"session_id", bad}}).code,
              Code::invalid_params);
  }
}

TEST_F(ControlTest, tells_why_for_services_on_prefixes_and_any_port) {
  start(text(two, {}, R"(
[profiles.pair]
type = "source_destination"
[services.wide]
listen = ["203.0.113.0/24:*/tcp", "203.0.113.128/25:*/tcp"]
pool = "web"
persist = ["pair"]
)"));
  const Json params = {{"service", "wide"}, {"client", "192.0.2.77:5000"}, {"destination", "203.0.113.200:8080"}};
  const Json told = call("why", params);
  EXPECT_EQ(told.at("listen"), "203.0.113.128/25:*/tcp") << "the longest prefix";
  EXPECT_EQ(told.at("destination"), "203.0.113.200:8080");
  EXPECT_EQ(told.at("key"), "192.0.2.77/32 > 203.0.113.200/32");
  EXPECT_EQ(refused("why", {{"service", "wide"}, {"client", "192.0.2.77"}, {"destination", "192.0.2.10:80"}}).code,
            Code::not_found);
  EXPECT_EQ(refused("why", {{"service", "wide"}, {"client", "192.0.2.77"}, {"destination", "2001:db8::1"}}).code,
            Code::invalid_params);
}

TEST_F(ControlTest, tells_why_for_a_key) {
  start(text(two, {}, R"(
[profiles.near]
type = "source_ip"
prefix4 = 24
[profiles.socket]
type = "source_ip_port"
prefix6 = 128
[services.other]
listen = ["192.0.2.11:80/tcp", "[2001:db8:1::11]:80/tcp"]
pool = "web"
persist = ["near", "socket"]
)"));
  call("records.set", {{"service", "other"}, {"key", "203.0.113.0/24"}, {"backend", "web/b1"}});
  const Json near = call("why", {{"service", "other"}, {"key", "203.0.113.0/24"}});
  EXPECT_TRUE(near.at("client").is_null());
  EXPECT_EQ(near.at("step"), "record");
  EXPECT_EQ(near.at("backend"), "web/b1");
  EXPECT_EQ(near.at("key"), "203.0.113.0/24");
  EXPECT_EQ(near.at("listen"), "192.0.2.11:80/tcp");
  EXPECT_EQ(near.at("if_removed").at("backend"), "web/b2");

  const std::string port = "203.0.113.7:99/tcp";  // of a profile that would not be asked
  call("records.set", {{"service", "other"}, {"key", port}, {"backend", "web/b2"}});
  const Json second = call("why", {{"service", "other"}, {"key", "203.0.113.7/32:99/tcp"}, {"profile", "socket"}});
  EXPECT_EQ(second.at("profile"), "socket");
  EXPECT_EQ(second.at("backend"), "web/b2");

  const std::string print = "#00112233445566778899aabbccddeeff";
  const Json hashed = call("why", {{"service", "other"}, {"key", print}, {"profile", "socket"}});
  EXPECT_EQ(hashed.at("key"), print);
  EXPECT_EQ(hashed.at("step"), "algorithm");

  const Json both = call("why", {{"service", "other"}, {"client", "203.0.113.9"}, {"key", "203.0.113.77"}});
  EXPECT_EQ(both.at("key"), near.at("key")) << "one session";
  EXPECT_EQ(both.at("client"), "203.0.113.9");
  EXPECT_EQ(both.at("backend"), "web/b1");
  const auto differs = refused("why", {{"service", "other"}, {"client", "203.0.114.9"}, {"key", "203.0.113.0/24"}});
  EXPECT_EQ(differs.code, Code::invalid_params);
  EXPECT_NE(differs.message.find("203.0.114.0/24"), std::string::npos) << differs.message;
  EXPECT_EQ(refused("why", {{"service", "other"}}).code, Code::invalid_params);
  EXPECT_EQ(refused("why", {{"service", "other"}, {"key", "none"}}).code, Code::invalid_params);
  EXPECT_EQ(refused("why", {{"service", "none"}, {"key", "203.0.113.7"}}).code, Code::not_found);
  EXPECT_EQ(refused("why", {{"service", "web"}, {"key", "2001:db8::1"}}).code, Code::not_found) << "no such listen";
  for (int i = 0; i < 8; ++i) {  // a key and a client with it are told alike
    const auto address = fmt::format("203.0.{}.0", 114 + i);
    const Json by_key = call("why", {{"service", "other"}, {"key", address + "/24"}});
    EXPECT_EQ(by_key.at("backend"), call("why", {{"service", "other"}, {"client", address}}).at("backend"));
  }
}

}  // namespace
}  // namespace limpet::control
