// What a wrong profile of content gives: the place, what was found and what was expected.
#include <gtest/gtest.h>

#include "model/byte_class.hpp"
#include "model/load.hpp"

namespace limpet::model {
namespace {

std::vector<std::string> problems(const std::string& toml) {
  std::vector<std::string> texts;
  for (const auto& problem : load_text(toml, "f").problems) {
    texts.push_back(problem.text());
  }
  return texts;
}

using Texts = std::vector<std::string>;

TEST(ContentProblems, of_profiles) {
  const auto of = [](const std::string& keys) { return problems("[profiles.p]\n" + keys); };
  EXPECT_EQ(
      of("type = \"rdp_msts\"\n"),
      Texts{"f:1:11: found rdp_msts without it, expected by = \"route\" (it names a backend by address and port)"});
  EXPECT_EQ(of("type = \"x_forwarded_for\"\nby = \"route\"\n"),
            (Texts{"f:1:11: found missing, expected the proxies whose word counts",
                   "f:3:1: found \"route\", expected \"record\" (an address names no backend)"}));
  EXPECT_EQ(of("type = \"x_forwarded_for\"\ntrusted = [\"10.0.0.1/8\"]\n"),
            Texts{"f:3:12: found \"10.0.0.1/8\", expected \"10.0.0.0/8\" (bits behind the length must be zero)"});
  EXPECT_EQ(of("type = \"tls_session_id\"\nby = \"route\"\n"),
            Texts{"f:3:1: found \"route\", expected \"record\" (the id says nothing but which session it is)"});
  EXPECT_EQ(of("type = \"tls_session_id\"\nby = \"hash\"\n"),
            Texts{"f:3:1: found \"hash\", expected \"record\" (the id says nothing but which session it is)"});
  EXPECT_EQ(of("type = \"tls_session_id\"\nlearn = false\n"),
            Texts{"f:3:1: found false, expected true (ids are known from servers alone)"});
  EXPECT_EQ(of("type = \"source_ip\"\ntrusted = [\"10.0.0.0/8\"]\npart = 1\n"),
            (Texts{"f:3:1: found proxies of another type, expected type = \"x_forwarded_for\"",
                   "f:4:1: found 1, expected type = \"header\" or \"path\""}));
  EXPECT_EQ(of("type = \"header\"\nname = \"a\"\npart = 2\n"),
            Texts{"f:4:1: found 2, expected delimiter beside it (it says what stands between parts)"});
  EXPECT_EQ(of("type = \"path\"\npart = 2\nprefix_bytes = 5\n"),
            Texts{"f:4:1: found 5, expected type = \"path\", and no part beside it"});
  EXPECT_EQ(of("type = \"universal\"\nuntil = '\\q'\n"),
            (Texts{"f:1:11: found missing, expected a regular expression",
                   "f:3:1: found \"\\q\", expected characters, and \\s, \\r, \\n, \\t, \\xNN or \\\\"}));
  EXPECT_EQ(of("type = \"host\"\nafter = \"a\"\nuntil = \"b\"\n"),
            (Texts{"f:3:1: found \"a\", expected type = \"universal\"",
                   "f:4:1: found \"b\", expected type = \"universal\""}));
  EXPECT_EQ(of("type = \"header\"\nname = \"a\"\npart = 2\ndelimiter = \" \"\n"), Texts{});
  EXPECT_EQ(of("type = \"universal\"\nafter = 'Call-ID:\\s'\nuntil = '\\s;\\x00\\\\'\nmax_bytes = 64\n"), Texts{});
}

TEST(ContentProblems, of_routes) {
  const auto of = [](const std::string& routes, const std::string& more = "") {
    return problems(
        "[pools.web.backends]\nb = { address = \"192.0.2.8:80\" }\n[pools.six.backends]\nb = { address = "
        "\"[2001:db8::8]:80\" }\n[services.s]\nlisten = \"192.0.2.9:80/tcp\"\npool = \"web\"\nroutes = [" +
        routes + "]\n" + more);
  };
  EXPECT_EQ(of("{ host = \"a.example\", pool = \"web\" }, { path = \"/x\", pool = \"web\" }"), Texts{});
  EXPECT_EQ(of("{ pool = \"web\" }, { host = \"a\", path = \"/x\", pool = \"web\" }"),
            (Texts{"f:8:11: found a route by nothing, or by several things, expected one of host, path, sni, "
                   "host_regex, path_regex and sni_regex",
                   "f:8:29: found a route by nothing, or by several things, expected one of host, path, sni, "
                   "host_regex, path_regex and sni_regex"}));
  EXPECT_EQ(of("{ host = \"a\", pool = \"wbe\" }, { host = \"b\", pool = \"six\" }"),
            (Texts{"f:8:11: found pool \"wbe\", expected the name of a pool (did you mean \"web\"?)",
                   "f:8:41: found pool \"six\" without an address of the family of \"192.0.2.9:80/tcp\", expected "
                   "backends that clients reach"}));
  EXPECT_EQ(of("{ sni = \"*.\", pool = \"web\" }, { path = \"x\", pool = \"web\" }"),
            (Texts{"f:8:11: found \"*.\", expected a host name, or \"*.\" and one",
                   "f:8:41: found \"x\", expected a path that begins with \"/\" and has no spaces and no query"}));
  EXPECT_EQ(of("{ host = \"a\", pool = \"web\" }, { host = \"a\", pool = \"web\" }"),
            Texts{"f:8:41: found host = \"a\" again, expected each route once (also services.s.routes[0])"});
  EXPECT_EQ(
      of("{ host = \"a\", pool = \"web\" }", "forwarding = \"dr\"\n"),
      Texts{"f:9:1: found \"dr\" with routes, expected \"nat\" or \"full_nat\" (answers must pass Limpet, which has "
            "numbered them)"});
  EXPECT_EQ(of("", "accept_proxy = [\"10.0.0.1/8\"]\n"),
            Texts{"f:9:17: found \"10.0.0.1/8\", expected \"10.0.0.0/8\" (bits behind the length must be zero)"});
}

TEST(ByteClass, is_read) {
  const auto bytes = [](std::string_view text) {
    std::string found;
    const auto made = byte_class(text);
    for (std::size_t byte = 0; made && byte < made->size(); ++byte) {
      found += (*made)[byte] ? std::string(1, static_cast<char>(byte)) : "";
    }
    return made ? found : "none";
  };
  EXPECT_EQ(bytes(""), "");
  EXPECT_EQ(bytes("ba;"), ";ab");
  EXPECT_EQ(bytes(R"(\r\n)"), "\n\r");
  EXPECT_EQ(bytes(R"(\s)"), "\t\n\v\f\r ");
  EXPECT_EQ(bytes(R"(\x41\xff\\)"), "A\\\xff");
  for (const char* wrong : {"\\", R"(\x)", R"(\x4)", R"(\x4g)", R"(\d)", R"(a\)", R"(\x-1)"}) {
    EXPECT_EQ(bytes(wrong), "none") << wrong;
  }
}

}  // namespace
}  // namespace limpet::model
