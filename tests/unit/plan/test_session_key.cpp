#include <gtest/gtest.h>

#include "plan/session_key.hpp"

namespace limpet::plan {
namespace {

using model::ProfileType;

constexpr hash::Key seed{11, 22};

Persist persist(ProfileType type, std::uint8_t prefix4 = 32, std::uint8_t prefix6 = 64) {
  Persist made;
  made.type = type;
  made.scope = 5;
  made.prefix4 = prefix4;
  made.prefix6 = prefix6;
  return made;
}

Tuple tuple(std::string_view client, std::uint16_t port, std::string_view vip, std::uint16_t vip_port = 80,
            net::Protocol protocol = net::Protocol::tcp) {
  return {*net::IpAddress::parse(client), *net::IpAddress::parse(vip), port, vip_port, protocol};
}

struct Row {
  Persist persist;
  Tuple tuple;
  const char* text;
  bool wide;
};

TEST(SessionKey, reads_as_it_is_written) {
  const Row rows[] = {
      {persist(ProfileType::source_ip), tuple("192.0.2.7", 1, "198.51.100.1"), "192.0.2.7/32", false},
      {persist(ProfileType::source_ip, 24), tuple("192.0.2.7", 1, "198.51.100.1"), "192.0.2.0/24", false},
      {persist(ProfileType::source_ip, 32, 128), tuple("2001:db8::7", 1, "2001:db8::1"), "2001:db8::7/128", true},
      {persist(ProfileType::destination_ip), tuple("192.0.2.7", 1, "198.51.100.1"), "198.51.100.1/32", false},
      {persist(ProfileType::source_ip_port), tuple("192.0.2.7", 1234, "198.51.100.1"), "192.0.2.7/32:1234/tcp", false},
      {persist(ProfileType::source_ip_port), tuple("2001:db8::7", 9, "2001:db8::1", 53, net::Protocol::udp),
       "[2001:db8::/64]:9/udp", true},
      {persist(ProfileType::source_destination, 24), tuple("192.0.2.7", 1, "198.51.100.1"),
       "192.0.2.0/24 > 198.51.100.0/24", false},
      {persist(ProfileType::source_destination), tuple("2001:db8:0:1::7", 1, "2001:db8:0:2::1"),
       "2001:db8:0:1::/64 > 2001:db8:0:2::/64", true},
      {persist(ProfileType::five_tuple), tuple("192.0.2.7", 65535, "198.51.100.1", 443),
       "192.0.2.7:65535 > 198.51.100.1:443/tcp", true},
  };
  for (const Row& row : rows) {
    const auto key = session_key(row.persist, row.tuple, seed);
    ASSERT_TRUE(key) << row.text;
    EXPECT_EQ(key->wide, row.wide) << row.text;
    EXPECT_EQ(record::scope_of(*key), 5u);
    EXPECT_EQ(key_text(row.persist, *key), row.text);
    EXPECT_EQ(parse_key(row.persist, row.text), key) << row.text;
  }
}

TEST(SessionKey, what_does_not_fit_is_a_keyed_fingerprint) {
  const auto six = tuple("2001:db8::7", 1234, "2001:db8::1");
  for (const auto& rule : {persist(ProfileType::five_tuple), persist(ProfileType::source_ip_port, 32, 128),
                           persist(ProfileType::source_destination, 32, 96)}) {
    const auto key = session_key(rule, six, seed);
    ASSERT_TRUE(key);
    EXPECT_NE(key->scope & record::scope_fingerprint, 0u);
    EXPECT_NE(session_key(rule, six, {1, 2})->high, key->high) << "of another secret";
    EXPECT_EQ(parse_key(rule, key_text(rule, *key)), key);
  }
  auto other = six;
  other.vip_port = 81;
  EXPECT_NE(session_key(persist(ProfileType::five_tuple), other, seed),
            session_key(persist(ProfileType::five_tuple), six, seed));
}

TEST(SessionKey, families_do_not_meet) {
  const auto rule = persist(ProfileType::source_ip);
  EXPECT_NE(session_key(rule, tuple("0.0.0.1", 1, "192.0.2.1"), seed)->scope,
            session_key(rule, tuple("::1", 1, "2001:db8::1"), seed)->scope);
}

TEST(SessionKey, none_finds_nothing) {
  EXPECT_FALSE(session_key(persist(ProfileType::none), tuple("192.0.2.7", 1, "198.51.100.1"), seed));
}

TEST(SessionKey, refuses_texts_of_other_profiles) {
  const std::pair<ProfileType, const char*> rows[] = {
      {ProfileType::source_ip, "192.0.2.7:80/tcp"},
      {ProfileType::source_ip, ""},
      {ProfileType::source_ip, "192.0.2.7 > 192.0.2.8"},
      {ProfileType::source_ip_port, "192.0.2.7"},
      {ProfileType::source_ip_port, "192.0.2.7:80"},
      {ProfileType::source_ip_port, "192.0.2.7:65536/tcp"},
      {ProfileType::source_destination, "192.0.2.7"},
      {ProfileType::source_destination, "192.0.2.7 > 2001:db8::1"},
      {ProfileType::five_tuple, "192.0.2.7:1 > 192.0.2.8:2"},
      {ProfileType::five_tuple, "#0011"},
      {ProfileType::five_tuple, "#zz112233445566778899aabbccddeeff"},
      {ProfileType::none, "192.0.2.7"},
  };
  for (const auto& [type, text] : rows) {
    EXPECT_FALSE(parse_key(persist(type), text)) << text;
  }
}

}  // namespace
}  // namespace limpet::plan
