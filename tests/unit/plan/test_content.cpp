// Keys in what clients say, profile by profile: from the first bytes of a connection, and from what `why` is told.
#include <gtest/gtest.h>

#include "plan/compile.hpp"
#include "plan/session_key.hpp"
#include "support/first_words.hpp"
#include "support/packet_builder.hpp"

namespace limpet::plan {
namespace {

using model::ProfileType;
using test::endpoint;
using test::ip;
using test::mqtt_connect;
using test::rdp_request;

/// One service with one profile, and a worker's look at it.
class Looker {
 public:
  explicit Looker(const model::Profile& profile, std::size_t workers = 2) {
    model::Model model;
    model.ports["front"].mac = net::Mac{{2, 0, 0, 0, 0, 1}};
    model.profiles["it"] = profile;
    model.pools["web"].backends["b1"].addresses = {endpoint("198.51.100.11:3389")};
    model.pools["web"].backends["b2"].addresses = {endpoint("198.51.100.12")};
    model.services["web"].pool = "web";
    model.services["web"].listen = {{*net::Prefix::parse("192.0.2.10/32"), 3389, net::Protocol::tcp}};
    model.services["web"].persist = {"it"};
    auto made = compile({model, hash::fixed_secret(), {}, 1, nullptr, workers}, slots_);
    if (made) {
      plan = *made;
    } else {
      error = made.error().text;
    }
  }

  [[nodiscard]] Found find(std::string_view bytes, bool last = false, const char* client = "203.0.113.7",
                           std::string said = "") const {
    const Service& service = plan->services[0];
    const Tuple tuple{ip(client), ip("192.0.2.10"), 40000, 3389, net::Protocol::tcp};
    const std::vector<Said> all{{service.persist[0].type, service.persist[0].name, said}};
    const Payload payload{.bytes = {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()},
                          .last = last,
                          .said = said.empty() ? std::span<const Said>{} : std::span<const Said>(all),
                          .scratch = plan->scratch_of(1)};
    return find_key(*plan, service, tuple, &payload);
  }
  /// As listings have it; "waits", "" or the key, and the backend that is named.
  [[nodiscard]] std::string text(const Found& found) const {
    if (found.waits) {
      return "waits";
    }
    if (found.persist == nullptr) {
      return "";
    }
    return key_text(*found.persist, found.key) + (found.backend == nullptr ? "" : " " + found.backend->name);
  }

  std::shared_ptr<const Plan> plan;
  std::string error;

 private:
  Slots slots_{1u << 16};
};

std::string get(std::string_view fields, std::string_view path = "/") {
  return fmt::format("GET {} HTTP/1.1\r\nHost: a.example\r\n{}\r\n\r\n", path, fields);
}

model::Profile type(ProfileType type) {
  return {.type = type};
}

struct Same {
  const char* name;
  model::Profile profile;
  std::string bytes;   // of one session
  std::string other;   // of another
  std::string hidden;  // where there is none
  std::string said;    // as `why` is told of the first
};
std::ostream& operator<<(std::ostream& out, const Same& row) {
  return out << row.name;
}

model::Profile universal() {
  return {.type = ProfileType::universal, .after = "Call-ID: ", .until = R"(\s;)", .max_bytes = 64};
}

std::vector<Same> rows() {
  return {
      {"cookie",
       {.type = ProfileType::cookie, .name = "SID"},
       get("Cookie: SID2=x; a=SID; SID=abc; b=2"),
       get("Cookie: SID2=abc; a=SID; SID=abd; b=2"),
       get("Cookie: SID2=abc; sid=abc"),
       "abc"},
      {"cookie_hash",
       {.type = ProfileType::cookie, .name = "SID", .by = model::By::hash},
       get("Cookie: SID=abc"),
       get("Cookie: SID=abd"),
       get("X-Cookie: SID=abc"),
       "abc"},
      {"header",
       {.type = ProfileType::header, .name = "X-User"},
       get("x-user:  Anna Maria "),
       get("X-User: Anna"),
       get("X-User-Name: Anna Maria"),
       "Anna Maria"},
      {"url_param",
       {.type = ProfileType::url_param, .name = "room"},
       get("", "/join?a=room&room=blue&b=1"),
       get("", "/join?a=room&room=green&b=1"),
       get("Referer: /?room=blue", "/room=blue?Room=blue"),
       "blue"},
      {"host", type(ProfileType::host), "GET / HTTP/1.1\r\nHost: B.Example:8080\r\n\r\n", get(""),
       "GET / HTTP/1.0\r\n\r\n", "b.example"},
      {"sni", type(ProfileType::tls_sni), test::server_name_hello("WWW.example"), test::server_name_hello("w.example"),
       test::ticket_hello("www.example"), "www.example"},
      {"ticket", type(ProfileType::tls_ticket), test::ticket_hello("0123456789abcdef"),
       test::ticket_hello("0123456789abcdeg"), test::server_name_hello("0123456789abcdef"), "0123456789abcdef"},
      {"ticket_names",
       {.type = ProfileType::tls_ticket, .by = model::By::route},
       test::ticket_hello(std::string("b1") + std::string(14, '\0')),
       test::ticket_hello(std::string("b2") + std::string(14, '\0')),
       test::ticket_hello("b3b3b3b3b3b3b3b3"),
       std::string("b1") + std::string(14, '\0')},
      {"mstshash", type(ProfileType::rdp_mstshash), rdp_request("Cookie: mstshash=Anna\r\n"),
       rdp_request("Cookie: mstshash=bert\r\n"), rdp_request("Cookie: msts=1.2.0000\r\n"), "anna"},
      {"mqtt", type(ProfileType::mqtt_client_id), mqtt_connect("sensor-17"), mqtt_connect("sensor-18"),
       mqtt_connect(""), "sensor-17"},
      {"path_prefix",
       {.type = ProfileType::path, .prefix_bytes = 4},
       get("", "/abc/1"),
       get("", "/abd/1"),
       "OPTIONS * HTTP/1.1\r\n\r\n",
       "/abc/whatever"},
      {"path_segment",
       {.type = ProfileType::path, .part = 2},
       get("", "/v1/anna/x"),
       get("", "/v1/bert/x"),
       get("", "/v1"),
       "/v2/anna"},
      {"header_part",
       {.type = ProfileType::header, .name = "Authorization", .delimiter = " ", .part = 2},
       get("authorization: Bearer abc"),
       get("Authorization: Bearer abd"),
       get("Authorization: Bearer"),
       "Basic abc"},
      {"universal", universal(), "INVITE\r\nCall-ID: a84b;x", "INVITE\r\nCall-ID: a84c;x", "INVITE\r\nCall-ID:  \r\n",
       "a84b"},
  };
}

class Content : public testing::TestWithParam<Same> {};

TEST_P(Content, tells_sessions_apart) {
  const Same& row = GetParam();
  const Looker looker(row.profile);
  ASSERT_EQ(looker.error, "");
  const std::string key = looker.text(looker.find(row.bytes));
  EXPECT_EQ(key.front(), '#');
  EXPECT_EQ(looker.text(looker.find(row.bytes, true, "2001:db8::1")), key) << "wherever the client is";
  EXPECT_NE(looker.text(looker.find(row.other)), key);
  EXPECT_EQ(looker.text(looker.find(row.hidden, true)), "");
  EXPECT_EQ(looker.text(looker.find("", true, "203.0.113.7", row.said)), key) << "as why has it";
}

TEST_P(Content, waits_until_it_is_there) {
  const Same& row = GetParam();
  const Looker looker(row.profile);
  const std::string key = looker.text(looker.find(row.bytes));
  bool found = false;
  for (std::size_t size = 0; size <= row.bytes.size(); ++size) {
    const std::string answer = looker.text(looker.find(std::string_view(row.bytes).substr(0, size)));
    EXPECT_EQ(answer, found ? key : answer) << size;
    EXPECT_TRUE(answer == "waits" || answer == key) << size << " " << answer;
    found = found || answer == key;
    EXPECT_NE(looker.text(looker.find(std::string_view(row.bytes).substr(0, size), true)), "waits");
  }
  EXPECT_TRUE(found);
}

TEST_P(Content, bears_any_bytes) {
  const Looker looker(GetParam().profile);
  std::uint32_t state = 7;
  for (int round = 0; round < 300; ++round) {
    std::string bytes = GetParam().bytes;
    for (int change = 0; change < 4; ++change) {
      state = state * 1664525 + 1013904223;
      bytes[(state >> 8) % bytes.size()] = static_cast<char>(state >> 24);
    }
    EXPECT_FALSE(looker.find(bytes, true).waits);
  }
  for (const char byte : {'\0', '\xff', ' ', 'A', '\x03'}) {
    EXPECT_EQ(looker.find(std::string(16384, byte), true).persist, nullptr);
  }
}

INSTANTIATE_TEST_SUITE_P(Types, Content, testing::ValuesIn(rows()),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(ContentMsts, names_a_backend_by_its_address) {
  const Looker looker({.type = ProfileType::rdp_msts, .by = model::By::route});
  const auto token = [](const char* address, std::uint16_t l4_port) {
    const std::uint32_t word = ip(address).v4_host();
    return rdp_request(fmt::format("Cookie: msts={}.{}.0000\r\n", __builtin_bswap32(word), __builtin_bswap16(l4_port)));
  };
  const auto name = [&](const std::string& bytes) {
    const Found found = looker.find(bytes);
    return found.backend == nullptr ? "" : found.backend->name;
  };
  EXPECT_EQ(name(token("198.51.100.11", 3389)), "web/b1");
  EXPECT_EQ(name(token("198.51.100.11", 3390)), "") << "another port";
  EXPECT_EQ(name(token("198.51.100.12", 3389)), "web/b2") << "which has the VIP's port";
  EXPECT_EQ(name(token("198.51.100.12", 80)), "");
  EXPECT_EQ(name(token("203.0.113.99", 3389)), "") << "nobody reaches through it whom the pool does not have";
  EXPECT_EQ(looker.find("", true, "203.0.113.7", "198.51.100.11:3389").backend->name, "web/b1");
  EXPECT_EQ(looker.find("", true, "203.0.113.7", "nonsense").persist, nullptr);
}

TEST(ContentForwarded, is_the_word_of_proxies_that_are_trusted) {
  model::Profile profile = type(ProfileType::x_forwarded_for);
  profile.prefix4 = 24;
  profile.trusted = {*net::Prefix::parse("192.0.2.0/24"), *net::Prefix::parse("2001:db8:f::/48")};
  const Looker looker(profile);
  const auto key = [&](const char* value, const char* peer) {
    return looker.text(looker.find(get(fmt::format("X-Forwarded-For: {}", value)), false, peer));
  };
  EXPECT_EQ(key("198.18.5.9", "192.0.2.77"), "198.18.5.0/24");
  EXPECT_EQ(key("198.18.5.9", "203.0.113.7"), "") << "anybody can say so";
  EXPECT_EQ(key("10.0.0.1, 198.18.5.9, 192.0.2.5", "2001:db8:f::1"), "198.18.5.0/24") << "the nearest that is none";
  EXPECT_EQ(key("2001:db8:1:2:3::4", "192.0.2.77"), "2001:db8:1:2::/64");
  EXPECT_EQ(key("unknown", "192.0.2.77"), "");
  EXPECT_EQ(looker.text(looker.find(get("X-Other: 1"), false, "192.0.2.77")), "");
  EXPECT_EQ(looker.text(looker.find("GET / HTTP/1.1\r\nX-Forwarded-For: 198.18.5.9\r\n", false, "192.0.2.77")), "waits")
      << "another such line may follow, and is nearer";
  EXPECT_EQ(looker.text(looker.find("", true, "192.0.2.77", "198.18.5.1")), "198.18.5.0/24");
  const Persist& persist = looker.plan->services[0].persist[0];
  const auto parsed = parse_key(persist, "198.18.5.0/24");
  ASSERT_TRUE(parsed) << "as listings write it";
  EXPECT_EQ(key_text(persist, *parsed), "198.18.5.0/24");
}

TEST(ContentUniversal, is_bounded) {
  model::Profile profile = universal();
  profile.max_bytes = 4;
  const Looker looker(profile);
  EXPECT_EQ(looker.text(looker.find("Call-ID: abcdefgh")), looker.text(looker.find("Call-ID: abcd;")));
  EXPECT_NE(looker.text(looker.find("Call-ID: abcdefgh")), looker.text(looker.find("Call-ID: abc;")));
}

TEST(ContentUniversal, an_expression_that_is_none_is_refused) {
  model::Profile profile = universal();
  profile.after = "Call-ID:(";
  const Looker unfinished(profile);
  EXPECT_EQ(unfinished.plan, nullptr);
  EXPECT_NE(unfinished.error.find("profiles.it.after: \"Call-ID:(\""), std::string::npos) << unfinished.error;
  EXPECT_NE(unfinished.error.find("parenthesis"), std::string::npos) << unfinished.error;
  profile.after = "id$";
  EXPECT_NE(Looker(profile).error.find("may not ask where the bytes end"), std::string::npos);
}

TEST(ContentUniversal, later_plans_share_what_has_not_changed) {
  Slots slots{1u << 16};
  model::Model model;
  model.ports["front"].mac = net::Mac{{2, 0, 0, 0, 0, 1}};
  model.profiles["it"] = universal();
  model.pools["web"];
  model.services["web"].pool = "web";
  model.services["web"].listen = {{*net::Prefix::parse("192.0.2.10/32"), 80, net::Protocol::tcp}};
  model.services["web"].persist = {"it"};
  const auto first = *compile({model, hash::fixed_secret(), {}, 1}, slots);
  const auto second = *compile({model, hash::fixed_secret(), {}, 2, first.get()}, slots);
  EXPECT_EQ(first->services[0].expressions, second->services[0].expressions);
  EXPECT_NE(first->scratches, second->scratches);
  model.profiles["it"].after = "id=";
  const auto third = *compile({model, hash::fixed_secret(), {}, 3, second.get()}, slots);
  EXPECT_NE(second->services[0].expressions, third->services[0].expressions);
  EXPECT_NE(third->scratch_of(0), nullptr);
  EXPECT_EQ(third->scratch_of(1), nullptr) << "there is one worker";
}

}  // namespace
}  // namespace limpet::plan
