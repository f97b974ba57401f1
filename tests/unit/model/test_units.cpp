// Texts of typed values: what is accepted, what is refused, and that printing gives what was read.
#include <gtest/gtest.h>

#include <limits>

#include "model/load.hpp"
#include "model/nearest.hpp"
#include "model/precheck.hpp"

namespace limpet::model {
namespace {

TEST(Duration, reads_and_prints) {
  const struct {
    std::string_view text;
    std::uint64_t ms;
    std::string_view printed;
  } rows[] = {
      {"0s", 0, "0s"},
      {"0ms", 0, "0s"},
      {"500ms", 500, "500ms"},
      {"1s", 1000, "1s"},
      {"90s", 90'000, "1m30s"},
      {"30m", 1'800'000, "30m"},
      {"1h30m", 5'400'000, "1h30m"},
      {"1d2h3m4s5ms", 93'784'005, "1d2h3m4s5ms"},
      {"24h", 86'400'000, "1d"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(parse_duration(row.text), row.ms) << row.text;
    EXPECT_EQ(duration_text(row.ms), row.printed) << row.text;
    EXPECT_EQ(parse_duration(duration_text(row.ms)), row.ms) << row.text;
  }
}

TEST(Duration, refuses) {
  for (const std::string_view text :
       {"", "5", "s", "-1s", "+1s", "1.5s", " 1s", "1s ", "1 s", "1sec", "1m1h", "1s1s", "1S", "18446744073709551616ms",
        "18446744073709551615d", "213503982334d18446744073709551615ms"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
  EXPECT_FALSE(parse_duration(std::string_view("1s\0", 3)));
  EXPECT_EQ(parse_duration("18446744073709551615ms"), std::numeric_limits<std::uint64_t>::max());
}

TEST(Size, reads_and_prints) {
  const struct {
    std::string_view text;
    std::uint64_t bytes;
    std::string_view printed;
  } rows[] = {
      {"0B", 0, "0B"},
      {"1B", 1, "1B"},
      {"1023B", 1023, "1023B"},
      {"1024B", 1024, "1KiB"},
      {"64MiB", 64u << 20, "64MiB"},
      {"1536MiB", 1536ULL << 20, "1536MiB"},
      {"2GiB", 2ULL << 30, "2GiB"},
      {"1TiB", 1ULL << 40, "1TiB"},
      {"1kB", 1000, "1000B"},
      {"1MB", 1'000'000, "1000000B"},
      {"1GB", 1'000'000'000, "1000000000B"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(parse_size(row.text), row.bytes) << row.text;
    EXPECT_EQ(size_text(row.bytes), row.printed) << row.text;
    EXPECT_EQ(parse_size(size_text(row.bytes)), row.bytes) << row.text;
  }
}

TEST(Size, refuses) {
  for (const std::string_view text : {"", "64", "MiB", "64mib", "64 MiB", "-1B", "1MiB1KiB", "16777216TiB", "1.5MiB"}) {
    EXPECT_FALSE(parse_size(text)) << text;
  }
}

TEST(ListenText, reads_and_prints) {
  const struct {
    std::string_view text;
    std::uint16_t l4_port;
    net::Protocol protocol;
    unsigned length;
  } rows[] = {
      {"192.0.2.10:80/tcp", 80, net::Protocol::tcp, 32},
      {"192.0.2.10:*/udp", 0, net::Protocol::udp, 32},
      {"192.0.2.0/24:80/tcp", 80, net::Protocol::tcp, 24},
      {"[2001:db8::10]:443/tcp", 443, net::Protocol::tcp, 128},
      {"[2001:db8::10]:*/udp", 0, net::Protocol::udp, 128},
      {"[2001:db8::/64]:65535/udp", 65535, net::Protocol::udp, 64},
      {"0.0.0.0/0:*/tcp", 0, net::Protocol::tcp, 0},
  };
  for (const auto& row : rows) {
    const auto listen = parse_listen(row.text);
    ASSERT_TRUE(listen) << row.text;
    EXPECT_EQ(listen->l4_port, row.l4_port) << row.text;
    EXPECT_EQ(listen->protocol, row.protocol) << row.text;
    EXPECT_EQ(listen->prefix.length, row.length) << row.text;
    EXPECT_EQ(listen->text(), row.text);
  }
}

TEST(ListenText, refuses) {
  for (const std::string_view text : {"",
                                      "/tcp",
                                      ":/tcp",
                                      ":80/tcp",
                                      "192.0.2.10",
                                      "192.0.2.10:80",
                                      "192.0.2.10/tcp",
                                      "192.0.2.10:0/tcp",
                                      "192.0.2.10:65536/tcp",
                                      "192.0.2.10:-1/tcp",
                                      "192.0.2.10:80/sctp",
                                      "192.0.2.10:80/TCP",
                                      "192.0.2.10:80 /tcp",
                                      "2001:db8::10:80/tcp",
                                      "[192.0.2.10]:80/tcp",
                                      "[2001:db8::10:80/tcp",
                                      "2001:db8::10]:80/tcp",
                                      "[]:80/tcp",
                                      "192.0.2.0/33:80/tcp",
                                      "[2001:db8::/129]:80/tcp",
                                      "*:80/tcp",
                                      "192.0.2.10:80/tcp/tcp",
                                      "192.0.2.10:**/tcp"}) {
    EXPECT_FALSE(parse_listen(text)) << text;
  }
  EXPECT_FALSE(parse_listen(std::string_view("192.0.2.10\0x:80/tcp", 19)));
}

TEST(Name, is_bounded_and_plain) {
  EXPECT_TRUE(is_name("web-1_x.y"));
  EXPECT_TRUE(is_name(std::string(63, 'a')));
  for (const std::string& text : {std::string(), std::string(64, 'a'), std::string("a b"), std::string("a/b"),
                                  std::string("\xc3\xa4"), std::string("a\0b", 3)}) {
    EXPECT_FALSE(is_name(text)) << text;
  }
}

TEST(Nearest, finds_what_was_meant) {
  constexpr std::string_view names[] = {"algorithm", "monitor", "backends", "rise", "fall"};
  EXPECT_EQ(nearest("algoritm", names), "algorithm");
  EXPECT_EQ(nearest("montior", names), "monitor");
  EXPECT_EQ(nearest("risee", names), "rise");
  EXPECT_EQ(nearest("flal", names), "fall");
  EXPECT_EQ(nearest("timeout", names), "");
  EXPECT_EQ(nearest("", names), "");
  EXPECT_EQ(nearest(std::string(100'000, 'a'), names), "");
  EXPECT_EQ(nearest_hint("zzz", names), "one of: algorithm, monitor, backends, rise, fall");
}

TEST(Precheck, measures_nesting_as_toml_does) {
  const auto repeat = [](std::string_view part, unsigned times) {
    std::string text;
    while (times-- > 0) {
      text += part;
    }
    return text;
  };
  EXPECT_FALSE(precheck(repeat("a.", nesting_max) + "a = 1"));
  EXPECT_TRUE(precheck(repeat("a.", nesting_max + 1) + "a = 1"));
  EXPECT_TRUE(precheck("[" + repeat("\"a\".", nesting_max + 1) + "a]"));
  EXPECT_TRUE(precheck("x = 1\n" + repeat("'a' . ", nesting_max + 1) + "a = 1"));
  EXPECT_TRUE(precheck("x = " + repeat("[", nesting_max + 1)));
  EXPECT_TRUE(precheck("x = " + repeat("{a=", nesting_max + 1)));
  EXPECT_FALSE(precheck("x = \"" + repeat("[.", 100) + "\""));
  EXPECT_FALSE(precheck("x = \"\\\"" + repeat("[.", 100) + "\""));
  EXPECT_FALSE(precheck("x = '" + repeat("[.\\", 100) + "'"));
  EXPECT_FALSE(precheck("x = \"\"\"" + repeat("[.\n\"", 100) + "\"\"\""));
  EXPECT_FALSE(precheck("# " + repeat("[.", 100)));
  EXPECT_FALSE(precheck(repeat("a.b.c = 1\n", 100)));
  const auto place = precheck("x = \"\"\"a\"\"\"\"\"\n" + repeat("a.", nesting_max + 1) + "a = 1");
  ASSERT_TRUE(place);
  EXPECT_EQ(place->at.line, 2u);
}

TEST(Precheck, wants_a_key_in_a_header) {
  for (const std::string_view text :
       {"[.a]", "[[.a]]", "[[[a]]]", "[[ [a]]]", " [ .a]", "a = 1\n[=]", "[\xc3\xa4]", "[\n", "[#"}) {
    EXPECT_TRUE(precheck(text)) << text;
  }
  for (const std::string_view text : {"[a]", "[[ a ]]", "[ 'a' ]", "[\"a\"]", "[]", "[", "a = [.5]", "a = [\n[.5]]",
                                      "#[.a]", "a = \"\"\"\n[.a]\"\"\""}) {
    EXPECT_FALSE(precheck(text)) << text;
  }
}

TEST(Precheck, keeps_characters_beyond_ascii_in_strings_and_comments) {
  for (const std::string_view text : {"\xd1\x88 = 1", "[a\xd1\x88]", "a = 1 \xd1\x88", "a = \"\"\"\\\n \xd1\x88\"\"\"",
                                      "a = '''\xd1\x88'''", "a = \"\" \xd1\x88", " \xef\xbb\xbf"}) {
    EXPECT_TRUE(precheck(text)) << text;
  }
  for (const std::string_view text : {"# \xd1\x88", "a = \"\xd1\x88\"", "a = '\xd1\x88'", "\"\xd1\x88\" = 1",
                                      "\xef\xbb\xbf[a]", "a = \"\\\xd1\x88\""}) {
    EXPECT_FALSE(precheck(text)) << text;
  }
}

}  // namespace
}  // namespace limpet::model
