// Connections that are led to one of several pools by what their clients say first, and those that come by a front.
#include "delay_world.hpp"

namespace limpet::path {
namespace {

using model::ProfileType;

std::string request(std::string_view host, std::string_view path = "/", std::string_view more = "") {
  return fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\n{}\r\n", path, host, more);
}

/// Pools web (b1, b2), api (b3, b4) and files (b5, b6).
model::Model routed_model() {
  model::Model model = base_model();
  model.pools["web"] = pool(1, 2);
  model.pools["api"] = pool(3, 4);
  model.pools["files"] = pool(5, 6);
  model.profiles["user"] = {.type = ProfileType::header, .name = "X-User"};
  model::Service& web = model.services["web"];
  web.persist = {"user", "client"};
  web.routes = {{.host = "api.example.org", .pool = "api"},
                {.path = "/static/", .pool = "files"},
                {.sni = "*.example.com", .pool = "files"},
                {.host_regex = "^v[0-9]+\\.example\\.org$", .pool = "api"}};
  return model;
}

std::string pool_at(const std::string& backend) {
  return backend.empty() ? "" : backend < "b3" ? "web" : backend < "b5" ? "api" : "files";
}

TEST(Routes, lead_to_pools_by_host_and_path) {
  Lab lab(routed_model());
  DelayWorld world(lab);
  unsigned port = 1000;
  const auto pool_of = [&](const std::string& text) {
    return pool_at(reached(world, fmt::format("10.0.0.1:{}", ++port), text, {.segment_bytes = 20}));
  };
  EXPECT_EQ(pool_of(request("api.example.org")), "api");
  EXPECT_EQ(pool_of(request("API.Example.ORG:80")), "api");
  EXPECT_EQ(pool_of(request("web.example.org")), "web");
  EXPECT_EQ(pool_of(request("web.example.org", "/static/a.css")), "files");
  EXPECT_EQ(pool_of(request("web.example.org", "/static")), "web");
  EXPECT_EQ(pool_of(request("api.example.org", "/static/a.css")), "api") << "the first that fits";
  EXPECT_EQ(pool_of(request("v17.example.org")), "api");
  EXPECT_EQ(pool_of(request("v17.example.org.evil.example")), "web");
  EXPECT_EQ(pool_of("\x01\x02 no HTTP"), "web");
}

TEST(Routes, keep_the_sessions_of_pools_apart) {
  Lab lab(routed_model());
  DelayWorld world(lab);
  std::map<std::string, std::string> at;
  unsigned port = 1000;
  for (unsigned round = 0; round < 3; ++round) {
    for (unsigned user = 0; user < 4; ++user) {
      for (const char* host : {"web.example.org", "api.example.org"}) {
        const std::string where =
            reached(world, fmt::format("10.0.0.1:{}", ++port), request(host, "/", fmt::format("X-User: {}\r\n", user)));
        EXPECT_EQ(pool_at(where), std::string_view(host).substr(0, 3));
        EXPECT_EQ(at.emplace(fmt::format("{} {}", host, user), where).first->second, where);
      }
    }
  }
  EXPECT_EQ(lab.node->records().stats().live, 8u) << "a record a user and pool";
  EXPECT_EQ(lab.moved_in_all(), 0u) << "a session of one pool is none of another";
}

TEST(Routes, global_sessions_are_followed_by_name) {
  model::Model model = routed_model();
  model.profiles["user"].scope = model::Scope::global;
  model.pools["api"].backends = {{"b1", backend(3)}, {"b2", backend(4)}};
  Lab lab(model);
  DelayWorld world(lab);
  unsigned port = 1000;
  for (unsigned user = 0; user < 6; ++user) {
    std::map<std::string, std::string> where;
    for (const char* host : {"web.example.org", "api.example.org"}) {
      where[host] =
          reached(world, fmt::format("10.0.0.1:{}", ++port), request(host, "/", fmt::format("X-User: {}\r\n", user)));
    }
    const bool first = where["web.example.org"] == "b1";
    EXPECT_EQ(where["api.example.org"], first ? "b3" : "b4") << "what is called the same there";
  }
  EXPECT_EQ(lab.node->records().stats().live, 6u);
}

TEST(Routes, what_a_cookie_names_is_looked_for_in_the_pool) {
  model::Model model = routed_model();
  model.profiles["route"] = {.type = ProfileType::cookie, .name = "SERVER", .by = model::By::route, .delimiter = "."};
  model.services["web"].persist = {"route", "client"};
  Lab lab(model);
  DelayWorld world(lab);
  const auto with = [](const char* host, const char* name) {
    return request(host, "/", fmt::format("Cookie: SERVER=x.{}\r\n", name));
  };
  EXPECT_EQ(reached(world, "10.0.0.1:1000", with("api.example.org", "b4")), "b4");
  EXPECT_EQ(reached(world, "10.0.0.1:1001", with("api.example.org", "b3")), "b3");
  EXPECT_EQ(pool_at(reached(world, "10.0.0.1:1002", with("api.example.org", "b1"))), "api") << "b1 is of another pool";
  EXPECT_EQ(lab.count(Counter::token_hit), 2u);
}

TEST(Routes, another_backend_of_the_same_pool_takes_over) {
  Lab lab(routed_model());
  DelayWorld world(lab);
  const std::string text = request("api.example.org", "/", "X-User: me\r\n");
  const std::string first = reached(world, "10.0.0.1:1000", text);
  const std::string second = first == "b3" ? "b4" : "b3";
  world.backends[first] = {.refuses = true, .tcp = {}};
  EXPECT_EQ(reached(world, "10.0.0.1:1001", text), second);
  EXPECT_EQ(lab.moved(Reason::backend_down), 1u);
  world.backends.clear();
  world.backends[""] = {};
  EXPECT_EQ(reached(world, "10.0.0.1:1002", text), second) << "its record has moved";
  world.backends[""].refuses = true;
  EXPECT_EQ(reached(world, "10.0.0.1:1003", text), "") << "and no other pool is asked";
}

TEST(Routes, connections_go_on_when_routes_change) {
  Lab lab(routed_model());
  DelayWorld world(lab);
  TcpPeer& client = world.client("10.0.0.1:1000");
  const std::string text = request("api.example.org");
  client.write(text);
  ASSERT_TRUE(world.run_until([&] { return !world.servers.empty() && world.servers[0].peer->received() == text; }));
  lab.model.services["web"].routes[0].pool = "files";
  lab.apply();
  client.write("more");
  EXPECT_TRUE(world.run_until([&] { return world.servers[0].peer->received() == text + "more"; }));
  EXPECT_EQ(pool_at(reached(world, "10.0.0.1:1001", text)), "files");
}

TEST(Routes, limits_and_states_are_those_of_the_pool) {
  model::Model model = routed_model();
  model.pools["api"].backends["b3"].max_connections = 1;
  model.pools["api"].backends["b4"].state = model::AdminState::drain;
  Lab lab(model);
  DelayWorld world(lab);
  EXPECT_EQ(reached(world, "10.0.0.1:1000", request("api.example.org")), "b3");
  EXPECT_EQ(reached(world, "10.0.0.2:1000", request("api.example.org")), "") << "full, and the other drains";
  EXPECT_EQ(pool_at(reached(world, "10.0.0.3:1000", request("web.example.org"))), "web");
}

model::Model fronted_model() {
  model::Model model = routed_model();
  model.services["web"].accept_proxy = {prefix("10.9.0.0/16")};
  model.services["web"].persist = {"client"};
  return model;
}

TEST(AcceptProxy, tells_clients_apart_behind_a_front) {
  Lab lab(fronted_model());
  DelayWorld world(lab);
  std::map<unsigned, std::string> at;
  std::set<std::string> used;
  for (unsigned i = 0; i < 24; ++i) {
    const std::string text = fmt::format("PROXY TCP4 198.18.0.{} 192.0.2.10 {} 80\r\n", i % 8, 5000 + i) +
                             request(i % 2 == 0 ? "api.example.org" : "web.example.org");
    const std::string where = reached(world, fmt::format("10.9.0.1:{}", 1000 + i), text, {.segment_bytes = 11});
    EXPECT_EQ(pool_at(where), i % 2 == 0 ? "api" : "web") << "what stands behind the header counts";
    EXPECT_EQ(at.emplace(i % 8, where).first->second, where);
    used.insert(where);
  }
  EXPECT_GT(used.size(), 2u);
  EXPECT_EQ(lab.node->records().stats().live, 8u) << "the clients', not the front's";
}

TEST(AcceptProxy, takes_version_two_and_clients_of_the_other_family) {
  Lab lab(fronted_model());
  DelayWorld world(lab);
  std::string header("\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24", 16);
  header += std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\0') + '\x07';  // 2001:db8::7
  header += std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\0') + '\x10' + std::string("\x13\x88\0\x50", 4);
  const std::string at = reached(world, "10.9.0.1:1000", header + request("web.example.org"));
  EXPECT_EQ(pool_at(at), "web");
  EXPECT_EQ(reached(world, "10.9.0.2:1001", header + request("web.example.org")), at);
  EXPECT_EQ(lab.node->records().stats().live, 1u);
}

TEST(AcceptProxy, refuses_fronts_that_do_not_keep_to_it) {
  Lab lab(fronted_model());
  DelayWorld world(lab);
  EXPECT_EQ(reached(world, "10.9.0.1:1000", request("web.example.org")), "") << "no header";
  EXPECT_EQ(reached(world, "10.9.0.1:1001", "PROXY TCP4 198.18.0.999 192.0.2.10 1 80\r\n"), "") << "a broken one";
  const Millis begin = world.now();
  EXPECT_EQ(reached(world, "10.9.0.1:1002", "PROXY TCP4 198."), "") << "half of one, and nothing more";
  EXPECT_GE(world.now() - begin, 3000u);
  EXPECT_GE(lab.count(Counter::delayed_no_header), 3u);
  world.run(10'000);  // what was under way when the client was reset
  EXPECT_EQ(lab.node->state(0).awaited.count(), 0u);
  EXPECT_EQ(lab.node->state(0).spliced.used(), 0u);
  const std::string local = "PROXY UNKNOWN\r\n" + request("web.example.org");
  EXPECT_EQ(pool_at(reached(world, "10.9.0.1:1003", local)), "web") << "the front's own connection";
}

TEST(AcceptProxy, believes_nobody_else) {
  Lab lab(fronted_model());
  DelayWorld world(lab);
  const std::string forged = "PROXY TCP4 198.18.0.1 192.0.2.10 5000 80\r\n" + request("web.example.org");
  const std::string at = reached(world, "10.8.0.1:1000", forged);
  EXPECT_EQ(reached(world, "10.8.0.1:1001", request("web.example.org")), at) << "its own address counts";
  EXPECT_EQ(lab.node->records().stats().live, 1u);
}

/// A cookie of the pool that the route leads to; behind a front, too.
class RoutedCookie : public testing::TestWithParam<bool> {};

TEST_P(RoutedCookie, leads_back_to_the_backend_of_that_pool) {
  model::Model model = routed_model();
  model.profiles["own"] = {.type = ProfileType::cookie, .name = "SRV", .by = model::By::insert};
  model.services["web"].persist = {"own"};
  if (GetParam()) {
    model.services["web"].accept_proxy = {prefix("10.0.0.0/8")};
  }
  const std::string front = GetParam() ? "PROXY TCP4 203.0.113.7 192.0.2.10 4000 80\r\n" : "";
  Lab lab(model);
  DelayWorld world(lab);
  for (unsigned i = 0; i < 4; ++i) {
    TcpPeer& first = world.client(fmt::format("10.0.0.{}:1000", i + 1));
    const std::string text = front + request("api.example.org");
    first.write(text);
    const std::size_t before = world.servers.size();
    ASSERT_TRUE(world.run_until(
        [&] { return world.servers.size() > before && world.servers.back().peer->received() == text; }));
    const std::string name = world.servers.back().name;
    world.servers.back().peer->write("HTTP/1.1 200 OK\r\n\r\nbody");
    ASSERT_TRUE(world.run_until([&] { return first.received().ends_with("body"); }));
    const std::size_t at = first.received().find("SRV=");
    ASSERT_NE(at, std::string::npos);
    const std::string shown = "Cookie: " + first.received().substr(at, 32) + "\r\n";
    EXPECT_EQ(reached(world, fmt::format("10.0.1.{}:1000", i + 1), front + request("api.example.org", "/", shown)),
              name);
  }
  EXPECT_EQ(lab.count(Counter::token_hit), 4u);
}
INSTANTIATE_TEST_SUITE_P(Fronts, RoutedCookie, testing::Bool());

}  // namespace
}  // namespace limpet::path
