// What the options of profiles do where clients are told apart by what they say: whole connections.
#include "delay_world.hpp"
#include "support/first_words.hpp"

namespace limpet::path {
namespace {

using model::ProfileType;
using plan::Admin;
using plan::Health;

std::string get(std::string_view path, std::string_view field) {
  return fmt::format("GET {} HTTP/1.1\r\n{}\r\n\r\n", path, field);
}

struct Kind {
  const char* name;
  model::Profile profile;
  std::string (*words)(std::string_view key);
};

const std::vector<Kind> kinds = {
    {"cookie",
     {.type = ProfileType::cookie, .name = "SID"},
     [](std::string_view key) { return get("/", fmt::format("Cookie: SID={}", key)); }},
    {"header",
     {.type = ProfileType::header, .name = "X-User"},
     [](std::string_view key) { return get("/", fmt::format("X-User: {}", key)); }},
    {"url_param",
     {.type = ProfileType::url_param, .name = "room"},
     [](std::string_view key) { return get(fmt::format("/?room={}", key), "Host: a"); }},
    {"path",
     {.type = ProfileType::path, .part = 2},
     [](std::string_view key) { return get(fmt::format("/v1/{}/x", key), "Host: a"); }},
    {"host", {.type = ProfileType::host}, [](std::string_view key) { return get("/", fmt::format("Host: {}", key)); }},
    {"sni", {.type = ProfileType::tls_sni}, [](std::string_view key) { return test::server_name_hello(key); }},
    {"rdp",
     {.type = ProfileType::rdp_mstshash},
     [](std::string_view key) { return test::rdp_request(fmt::format("Cookie: mstshash={}\r\n", key)); }},
    {"mqtt", {.type = ProfileType::mqtt_client_id}, [](std::string_view key) { return test::mqtt_connect(key); }},
    {"universal",
     {.type = ProfileType::universal, .after = "\nCall-ID: ", .until = R"(\s)"},
     [](std::string_view key) { return fmt::format("INVITE\r\nCall-ID: {}\r\n", key); }},
};

/// Sessions of one kind; each connection is another client's.
class Sessions {
 public:
  Sessions(const Kind& kind, const std::function<void(model::Model&, model::Profile&)>& change)
      : kind_(kind), lab({.model = model_with(kind, change), .records_max = 64}), world_(lab) {}

  std::string reach(std::string_view key) { return reach_with(kind_.words(key)); }
  std::string reach_with(const std::string& words) {
    return reached(world_, fmt::format("10.0.{}.1:1000", ++clients_), words);
  }

 private:
  static model::Model model_with(const Kind& kind, const std::function<void(model::Model&, model::Profile&)>& change) {
    model::Model model = base_model();
    model.pools["web"].algorithm = model::Algorithm::weighted_round_robin;  // hides nothing: only records keep
    model.profiles["it"] = kind.profile;
    model.services["web"].persist = {"it"};
    change(model, model.profiles["it"]);
    return model;
  }
  const Kind& kind_;
  unsigned clients_ = 0;

 public:
  Lab lab;

 private:
  DelayWorld world_;
};

class ContentOptions : public testing::TestWithParam<std::size_t> {
 protected:
  [[nodiscard]] static const Kind& kind() { return kinds.at(GetParam()); }
};

TEST_P(ContentOptions, on_down_keeps_for_the_backend_what_is_its) {
  for (const auto on_down : {model::OnDown::hold, model::OnDown::reset}) {
    Sessions sessions(kind(), [&](auto&, model::Profile& profile) { profile.on_down = on_down; });
    const std::string home = sessions.reach("anna");
    sessions.lab.set_health("web/" + home, Health::down);
    EXPECT_EQ(sessions.reach("anna"), "");
    EXPECT_EQ(sessions.lab.count(Counter::resets), 1u) << "its handshake is complete: there is nothing to hold back";
    EXPECT_NE(sessions.reach("bert"), "") << "others are served";
    sessions.lab.set_health("web/" + home, Health::up);
    EXPECT_EQ(sessions.reach("anna"), home);
    EXPECT_EQ(sessions.lab.moved_in_all(), 0u);
  }
}

TEST_P(ContentOptions, on_drain_may_end_a_session_there) {
  for (const auto on_drain : {model::OnDrain::keep, model::OnDrain::expire}) {
    Sessions sessions(kind(), [&](auto&, model::Profile& profile) { profile.on_drain = on_drain; });
    const std::string home = sessions.reach("anna");
    sessions.lab.set_admin("web/" + home, Admin::drain);
    const std::string away = sessions.reach("anna");
    EXPECT_NE(away, "");
    EXPECT_EQ(away == home, on_drain == model::OnDrain::keep);
    EXPECT_EQ(sessions.lab.moved(Reason::drain_expired), on_drain == model::OnDrain::keep ? 0u : 1u);
    sessions.lab.set_admin("web/" + home, Admin::enabled);
    EXPECT_EQ(sessions.reach("anna"), away);
    EXPECT_EQ(sessions.lab.moved_in_all(), sessions.lab.moved(Reason::drain_expired));
  }
}

TEST_P(ContentOptions, on_return_brings_a_session_home) {
  for (const auto on_return : {model::OnReturn::stay, model::OnReturn::return_}) {
    Sessions sessions(kind(), [&](auto&, model::Profile& profile) { profile.on_return = on_return; });
    const std::string home = sessions.reach("anna");
    sessions.lab.set_health("web/" + home, Health::down);
    const std::string away = sessions.reach("anna");
    EXPECT_NE(away, home);
    EXPECT_EQ(sessions.lab.moved(Reason::backend_down), 1u);
    sessions.lab.set_health("web/" + home, Health::up);
    EXPECT_EQ(sessions.reach("anna"), on_return == model::OnReturn::return_ ? home : away);
    EXPECT_EQ(sessions.lab.moved(Reason::backend_up), on_return == model::OnReturn::return_ ? 1u : 0u);
  }
}

TEST_P(ContentOptions, max_life_ends_a_session_that_is_in_use) {
  Sessions sessions(kind(), [](auto&, model::Profile& profile) { profile.max_life_ms = 60'000; });
  const std::string home = sessions.reach("anna");
  for (int i = 0; i < 5; ++i) {
    sessions.lab.wait_ms(10'000);
    EXPECT_EQ(sessions.reach("anna"), home);
  }
  sessions.lab.wait_ms(12'000);
  const std::string next = sessions.reach("anna");
  EXPECT_NE(next, home) << "the next in turn";
  EXPECT_EQ(sessions.reach("anna"), next);
}

TEST_P(ContentOptions, max_records_bounds_them) {
  for (const auto on_full : {model::OnFull::algorithm, model::OnFull::evict_oldest, model::OnFull::refuse}) {
    Sessions sessions(kind(), [&](auto&, model::Profile& profile) {
      profile.max_records = 12;
      profile.on_full = on_full;
    });
    std::map<std::string, std::string> at;
    for (unsigned i = 0; i < 12; ++i) {
      const std::string key = fmt::format("key{}", i);
      at[key] = sessions.reach(key);
    }
    ASSERT_EQ(sessions.lab.node->records().stats().live, 12u);
    sessions.lab.wait_ms(2000);
    EXPECT_EQ(sessions.reach("dora") == "", on_full == model::OnFull::refuse);
    EXPECT_EQ(sessions.lab.count(Counter::resets) > 0, on_full == model::OnFull::refuse);
    EXPECT_EQ(sessions.lab.node->records().stats().live, 12u);
    EXPECT_EQ(sessions.lab.count(Counter::record_evicted), on_full == model::OnFull::evict_oldest ? 1u : 0u);
    for (const auto& [key, where] : at) {
      EXPECT_TRUE(on_full == model::OnFull::evict_oldest || sessions.reach(key) == where) << key;
    }
  }
}

TEST_P(ContentOptions, a_backup_takes_who_has_no_key) {
  Sessions sessions(kind(), [](model::Model& model, model::Profile& profile) {
    profile.backup = "all";
    model.profiles["all"] = {.type = ProfileType::source_ip, .prefix4 = 8};
  });
  const std::string other = kind().profile.type == ProfileType::tls_sni ? get("/", "X: y") : test::ticket_hello("x");
  const std::string together = sessions.reach_with(other);
  EXPECT_NE(together, "");
  EXPECT_EQ(sessions.reach_with(other), together) << "one network";
  std::set<std::string> apart;
  for (const char* key : {"anna", "bert"}) {
    apart.insert(sessions.reach(key));
  }
  EXPECT_EQ(apart.size(), 2u) << "in turn";
  EXPECT_EQ(sessions.lab.node->records().stats().live, 3u);
}

INSTANTIATE_TEST_SUITE_P(Kinds, ContentOptions, testing::Range(std::size_t{0}, kinds.size()),
                         [](const auto& row) { return std::string(kinds[row.param].name); });

TEST(ContentHash, remembers_nothing) {
  const Kind& cookie = kinds.front();
  Sessions sessions(cookie, [](model::Model& model, model::Profile& profile) {
    profile.by = model::By::hash;
    model.pools["web"].algorithm = model::Algorithm::rendezvous;
  });
  std::map<std::string, std::string> at;
  std::set<std::string> used;
  for (int turn = 0; turn < 3; ++turn) {
    for (unsigned i = 0; i < 8; ++i) {
      const std::string key = fmt::format("key{}", i), where = sessions.reach(key);
      EXPECT_EQ(at.emplace(key, where).first->second, where);
      used.insert(where);
    }
  }
  EXPECT_GT(used.size(), 1u);
  EXPECT_EQ(sessions.lab.node->records().stats().live, 0u);
  sessions.lab.set_health("web/" + at["key0"], Health::down);
  for (const auto& [key, where] : at) {
    const std::string now = sessions.reach(key);
    EXPECT_EQ(now == where, where != at["key0"]) << "only those move that have to";
  }
  EXPECT_EQ(sessions.lab.moved_in_all(), 0u) << "what nothing remembers is no session";
}

/// A response gives the cookie, whose value some other client shows then.
TEST(ContentLearn, is_left_to_requests_where_it_is_off) {
  for (const bool learns : {true, false}) {
    model::Model model = base_model();
    model.profiles["it"] = {.type = ProfileType::cookie, .name = "SID", .learn = learns};
    model.services["web"].persist = {"it"};
    Lab lab(model);
    DelayWorld world(lab);
    TcpPeer& client = world.client("10.0.0.1:1000");
    client.write(get("/", "Host: a"));
    ASSERT_TRUE(world.run_until([&] { return !world.servers.empty() && !world.servers[0].peer->received().empty(); }));
    const std::string answer = "HTTP/1.1 200 OK\r\nSet-Cookie: SID=abc; Path=/\r\nContent-Length: 0\r\n\r\n";
    world.servers[0].peer->write(answer);
    ASSERT_TRUE(world.run_until([&] { return client.received() == answer; }));
    EXPECT_EQ(lab.node->records().stats().live, learns ? 1u : 0u);
    EXPECT_EQ(lab.count(Counter::record_learned), learns ? 1u : 0u);
    const std::string next = reached(world, "10.0.0.2:1000", get("/", "Cookie: SID=abc"));
    EXPECT_TRUE(!learns || next == world.servers[0].name);
    EXPECT_EQ(lab.node->records().stats().live, 1u) << "the request taught it";
    EXPECT_EQ(lab.count(Counter::record_learned), learns ? 1u : 0u);
  }
}

}  // namespace
}  // namespace limpet::path
