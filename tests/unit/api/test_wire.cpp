// Requests and replies: what is taken, and the exact refusal of what is not.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "api/wire.hpp"

namespace limpet::api {
namespace {

TEST(Table, is_consistent) {
  std::set<std::string_view> names;
  std::set<std::string_view> methods;
  for (const auto& command : commands()) {
    EXPECT_TRUE(names.insert(command.name).second) << command.name;
    EXPECT_TRUE(methods.insert(command.method).second) << command.method;
    EXPECT_FALSE(command.help.empty()) << command.name;
    EXPECT_EQ(command.shape == Shape::text, command.columns.empty()) << command.name;
    EXPECT_EQ(find_method(command.method), &command);
    EXPECT_EQ(find_name(command.name), &command);
    bool optional_seen = false;
    for (const auto& parameter : command.parameters) {
      EXPECT_FALSE(parameter.help.empty()) << command.name << " " << parameter.name;
      if (parameter.place == Place::positional) {
        EXPECT_FALSE(optional_seen && parameter.required) << command.name;
        optional_seen |= !parameter.required;
      }
      if (parameter.type == Type::count || parameter.type == Type::duration) {
        EXPECT_LT(parameter.min, parameter.max) << command.name << " " << parameter.name;
      }
    }
    if ((command.shape == Shape::listing || command.shape == Shape::lines) && !command.local) {
      for (const auto* name : {"filter", "limit", "cursor"}) {
        if (command.shape == Shape::lines && std::string_view(name) == "filter") {
          continue;
        }
        bool found = false;
        for (const auto& parameter : command.parameters) {
          found |= parameter.name == name;
        }
        EXPECT_TRUE(found) << command.name << " has no " << name;
      }
    }
  }
}

TEST(Request, fills_in_defaults) {
  const auto request = parse_request(R"({"jsonrpc":"2.0","id":7,"method":"show.flows","params":{"filter":"web"}})");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->id, 7);
  EXPECT_EQ(request->command->name, "show flows");
  EXPECT_EQ(request->params, (Json{{"filter", "web"}, {"limit", 1000}}));
}

TEST(Request, takes_what_the_table_takes) {
  for (const std::string_view line : {
           R"({"jsonrpc":"2.0","id":"a","method":"version"})",
           R"({"jsonrpc":"2.0","id":1.5,"method":"version","params":null})",
           R"({"jsonrpc":"2.0","id":1,"method":"version","params":{},"extra":[1]})",
           R"({"jsonrpc":"2.0","id":1,"method":"show.flows","params":{"limit":10000,"worker":0}})",
           R"({"jsonrpc":"2.0","id":1,"method":"apply","params":{"text":"","file_name":"x.toml","dry_run":true}})",
           R"({"jsonrpc":"2.0","id":1,"method":"backend.drain","params":{"backend":"web/b1"}})",
           R"({"jsonrpc":"2.0","id":1,"method":"backend.drain","params":{"backend":"web/b1","for":"1h30m"}})",
           R"({"jsonrpc":"2.0","id":1,"method":"records.load","params":{"text":"{}\n","first_line":1001}})",
           R"({"jsonrpc":"2.0","id":1,"method":"why","params":{"service":"web","client":"192.0.2.1"}})",
           R"({"jsonrpc":"2.0","id":1,"method":"why","params":{"service":"web","client":"[2001:db8::1]:80"}})",
       }) {
    const auto request = parse_request(line);
    EXPECT_TRUE(request) << line << " " << (request ? "" : request.error().error.message);
  }
}

struct Refusal {
  std::string line;
  Json id;
  Code code;
  std::string_view message;
};

class Refused : public testing::TestWithParam<Refusal> {};

TEST_P(Refused, with_code_and_message) {
  const auto& row = GetParam();
  const auto request = parse_request(row.line);
  ASSERT_FALSE(request) << row.line;
  EXPECT_EQ(request.error().id, row.id) << row.line;
  EXPECT_EQ(request.error().error.code, row.code) << row.line;
  EXPECT_EQ(request.error().error.message, row.message) << row.line;
}

std::string call(std::string_view method, std::string_view params) {
  return R"({"jsonrpc":"2.0","id":1,"method":")" + std::string(method) + R"(","params":)" + std::string(params) + "}";
}

std::string nested(std::size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

INSTANTIATE_TEST_SUITE_P(
    Wire, Refused,
    testing::Values(
        Refusal{"", nullptr, Code::parse_error, "expected one JSON object a line"},
        Refusal{"hello", nullptr, Code::parse_error, "expected one JSON object a line"},
        Refusal{"{", nullptr, Code::parse_error, "expected one JSON object a line"},
        Refusal{"{}{}", nullptr, Code::parse_error, "expected one JSON object a line"},
        Refusal{std::string("{\"id\":1\0}", 9), nullptr, Code::parse_error, "expected one JSON object a line"},
        Refusal{"{\"id\":\"\xff\"}", nullptr, Code::parse_error, "expected one JSON object a line"},
        Refusal{"{\"id\":1e999}", nullptr, Code::parse_error, "expected one JSON object a line"},
        Refusal{nested(500'000), nullptr, Code::parse_error, "expected one JSON object a line"},
        Refusal{std::string(900'000, '['), nullptr, Code::parse_error, "expected one JSON object a line"},
        Refusal{std::string(request_size_max_bytes + 1, ' '), nullptr, Code::too_large,
                "a request has at most 1048576 bytes"},
        Refusal{"[]", nullptr, Code::invalid_request, "batches are not taken: one request a line"},
        Refusal{"7", nullptr, Code::invalid_request, "expected a JSON object"},
        Refusal{"null", nullptr, Code::invalid_request, "expected a JSON object"},
        Refusal{"{}", nullptr, Code::invalid_request, "expected an \"id\", a text or a number"},
        Refusal{R"({"id":null})", nullptr, Code::invalid_request, "expected an \"id\", a text or a number"},
        Refusal{R"({"id":{}})", nullptr, Code::invalid_request, "expected an \"id\", a text or a number"},
        Refusal{R"({"id":1})", 1, Code::invalid_request, "expected \"jsonrpc\": \"2.0\""},
        Refusal{R"({"id":1,"jsonrpc":2.0})", 1, Code::invalid_request, "expected \"jsonrpc\": \"2.0\""},
        Refusal{R"({"id":1,"jsonrpc":"2.0"})", 1, Code::invalid_request, "expected a \"method\", a text"},
        Refusal{R"({"id":1,"jsonrpc":"2.0","method":3})", 1, Code::invalid_request, "expected a \"method\", a text"},
        Refusal{call("show.servises", "{}"), 1, Code::unknown_method,
                "unknown method \"show.servises\" (did you mean \"show.services\"?)"},
        Refusal{call("zzzzzzzzzzz", "{}"), 1, Code::unknown_method, "unknown method \"zzzzzzzzzzz\""},
        Refusal{call("version", "[]"), 1, Code::invalid_params, "params: expected an object of names and values"},
        Refusal{call("version", "5"), 1, Code::invalid_params, "params: expected an object of names and values"},
        Refusal{call("version", R"({"a":1})"), 1, Code::invalid_params, "version: unknown parameter \"a\""},
        Refusal{call("version", R"({"file_name":"x"})"), 1, Code::invalid_params,
                "version: unknown parameter \"file_name\""},
        Refusal{call("backend.drain", R"({"backend":"web/b1","for":"30"})"), 1, Code::invalid_params,
                "backend.drain: for: expected a duration, 1s to 366d"},
        Refusal{call("backend.drain", R"({"backend":"web/b1","for":1800})"), 1, Code::invalid_params,
                "backend.drain: for: expected a duration, 1s to 366d"},
        Refusal{call("backend.drain", R"({"backend":"web/b1","for":"10ms"})"), 1, Code::invalid_params,
                "backend.drain: for: expected a duration, 1s to 366d"},
        Refusal{call("records.load", R"({"text":"","first_line":0})"), 1, Code::invalid_params,
                "records.load: first_line: expected an integer, 1 to 9223372036854775807"},
        Refusal{call("show.flows", R"({"limt":1})"), 1, Code::invalid_params,
                "show.flows: unknown parameter \"limt\" (did you mean \"limit\"?)"},
        Refusal{call("show.flows", R"({"limit":0})"), 1, Code::invalid_params,
                "show.flows: limit: expected an integer, 1 to 10000"},
        Refusal{call("show.flows", R"({"limit":10001})"), 1, Code::invalid_params,
                "show.flows: limit: expected an integer, 1 to 10000"},
        Refusal{call("show.flows", R"({"limit":-1})"), 1, Code::invalid_params,
                "show.flows: limit: expected an integer, 1 to 10000"},
        Refusal{call("show.flows", R"({"limit":1.5})"), 1, Code::invalid_params,
                "show.flows: limit: expected an integer, 1 to 10000"},
        Refusal{call("show.flows", R"({"limit":"1"})"), 1, Code::invalid_params,
                "show.flows: limit: expected an integer, 1 to 10000"},
        Refusal{call("show.flows", R"({"filter":["a"]})"), 1, Code::invalid_params,
                "show.flows: filter: expected a text of at most 4096 bytes"},
        Refusal{call("show.flows", "{\"filter\":\"" + std::string(4097, 'x') + "\"}"), 1, Code::invalid_params,
                "show.flows: filter: expected a text of at most 4096 bytes"},
        Refusal{call("apply", "{}"), 1, Code::invalid_params,
                "apply: \"text\" is missing: expected the text of a file"},
        Refusal{call("apply", R"({"text":"","dry_run":1})"), 1, Code::invalid_params,
                "apply: dry_run: expected true or false"},
        Refusal{call("backend.drain", R"({"backend":"b1"})"), 1, Code::invalid_params,
                "backend.drain: backend: expected a text POOL/NAME"},
        Refusal{call("backend.drain", R"({"backend":"a/b/c"})"), 1, Code::invalid_params,
                "backend.drain: backend: expected a text POOL/NAME"},
        Refusal{call("why", R"({"service":"web","client":"nobody"})"), 1, Code::invalid_params,
                "why: client: expected a text ADDRESS or ADDRESS:PORT"},
        Refusal{call("why", R"({"service":"web","client":"192.0.2.1\u0000"})"), 1, Code::invalid_params,
                "why: client: expected a text ADDRESS or ADDRESS:PORT"},
        Refusal{call("why", R"({"service":"web"})"), 1, Code::invalid_params,
                "why: one of \"client\" and \"key\" is needed"},
        Refusal{call("why", R"({"client":"192.0.2.1"})"), 1, Code::invalid_params,
                "why: \"service\" is missing: expected a text of at most 4096 bytes"}));

TEST(Reply, comes_back_as_it_was_sent) {
  const auto good = parse_reply(result_line("a", {{"items", Json::array()}, {"next", nullptr}}));
  EXPECT_EQ(good.id, "a");
  ASSERT_TRUE(good.result);
  EXPECT_EQ(*good.result, (Json{{"items", Json::array()}, {"next", nullptr}}));
  const auto bad = parse_reply(error_line(4, {Code::not_found, "no pool \"x\"", {{"near", "y"}}}));
  EXPECT_EQ(bad.id, 4);
  ASSERT_FALSE(bad.result);
  EXPECT_EQ(bad.result.error().code, Code::not_found);
  EXPECT_EQ(bad.result.error().message, "no pool \"x\"");
  EXPECT_EQ(bad.result.error().data, (Json{{"near", "y"}}));
}

TEST(Reply, is_one_line_whatever_it_holds) {
  const auto line = result_line(1, {{"text", "a\nb\xff\xfe\r\n"}});
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_TRUE(parse_reply(line).result);
}

TEST(Reply, that_is_none_is_an_error) {
  for (const std::string_view line :
       {"", "hello", "[]", "{}", R"({"error":1})", R"({"error":{}})", R"({"error":{"code":"x","message":"y"}})",
        R"({"error":{"code":1,"message":2}})"}) {
    const auto reply = parse_reply(line);
    ASSERT_FALSE(reply.result) << line;
    EXPECT_EQ(reply.result.error().code, Code::parse_error) << line;
  }
}

}  // namespace
}  // namespace limpet::api
