// Connections told apart by what their clients say, in protocols other than plain HTTP cookies: whole connections.
#include "delay_world.hpp"
#include "support/first_words.hpp"

namespace limpet::path {
namespace {

using model::ProfileType;

model::Model model_with(std::vector<model::Profile> profiles) {
  model::Model model = base_model();
  model.services["web"].persist.clear();
  for (const model::Profile& profile : profiles) {
    const std::string name = fmt::format("p{}", model.services["web"].persist.size());
    model.profiles[name] = profile;
    model.services["web"].persist.push_back(name);
  }
  return model;
}

/// Eight sessions, each from five addresses: each on one backend, and not all on the same.
void expect_sessions(Lab& lab, const std::function<std::string(unsigned)>& words, TcpPeer::Options options = {}) {
  DelayWorld world(lab);
  std::map<unsigned, std::string> at;
  std::set<std::string> used;
  for (unsigned i = 0; i < 40; ++i) {
    const std::string where = reached(world, fmt::format("10.0.{}.1:1000", i), words(i % 8), options);
    ASSERT_NE(where, "");
    EXPECT_EQ(at.emplace(i % 8, where).first->second, where);
    used.insert(where);
  }
  EXPECT_GT(used.size(), 1u);
  EXPECT_EQ(lab.node->records().stats().live, 8u);
}

TEST(Contents, users_of_remote_desktops) {
  Lab lab(model_with({{.type = ProfileType::rdp_mstshash}}));
  expect_sessions(lab, [](unsigned i) { return test::rdp_request(fmt::format("Cookie: mstshash=user{}\r\n", i)); });
}

TEST(Contents, devices_that_speak_mqtt) {
  Lab lab(model_with({{.type = ProfileType::mqtt_client_id}}));
  expect_sessions(lab, [](unsigned i) { return test::mqtt_connect(fmt::format("sensor-{}", i)); },
                  {.segment_bytes = 5});
}

TEST(Contents, what_follows_an_expression_in_pieces) {
  Lab lab(model_with({{.type = ProfileType::universal, .after = "\nCall-ID: ", .until = R"(\s)"}}));
  expect_sessions(lab, [](unsigned i) { return fmt::format("INVITE x\r\nVia: y\r\nCall-ID: {}@host\r\n", i); },
                  {.segment_bytes = 9});
}

TEST(Contents, tokens_of_a_broker) {
  Lab lab(model_with({{.type = ProfileType::rdp_msts, .by = model::By::route}, {}}));
  DelayWorld world(lab);
  const auto token = [](unsigned number, std::uint16_t l4_port) {
    const std::uint32_t word = ip(fmt::format("198.51.100.{}", 10 + number)).v4_host();
    return test::rdp_request(
        fmt::format("Cookie: msts={}.{}.0000\r\n", __builtin_bswap32(word), __builtin_bswap16(l4_port)));
  };
  unsigned port = 1000;
  for (const unsigned number : {3u, 1u, 4u, 2u, 3u}) {
    EXPECT_EQ(reached(world, fmt::format("10.0.0.1:{}", ++port), token(number, 8080)), fmt::format("b{}", number));
  }
  EXPECT_EQ(lab.count(Counter::token_hit), 5u);
  const std::string own = reached(world, "10.0.0.1:2000", token(9, 8080));
  EXPECT_EQ(reached(world, "10.0.0.1:2001", token(1, 22)), own) << "no backend of the pool: by the client's address";
  EXPECT_EQ(lab.count(Counter::token_hit), 5u);
}

TEST(Contents, clients_behind_a_proxy) {
  Lab lab(model_with({{.type = ProfileType::x_forwarded_for, .trusted = {prefix("10.0.0.0/16")}}}));
  const auto words = [](unsigned i) {
    return fmt::format("GET / HTTP/1.1\r\nX-Forwarded-For: 198.18.0.{}\r\n\r\n", i);
  };
  expect_sessions(lab, words);
  DelayWorld world(lab);
  EXPECT_NE(reached(world, "10.9.0.1:1000", words(200)), "");
  EXPECT_EQ(lab.node->records().stats().live, 8u) << "who is no proxy tells nothing";
}

}  // namespace
}  // namespace limpet::path
