// One reply line for every line, whatever it holds and whatever a handler does.
#include "api/dispatcher.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "api/convert.hpp"

namespace limpet::api {
namespace {

std::string request(std::string_view method, const Json& params = Json::object()) {
  return request_line(1, method, params);
}

Dispatcher sample() {
  Dispatcher dispatcher;
  dispatcher.on("version", [](const Json&) { return Json{{"version", "1"}}; });
  dispatcher.on("show.flows", [](const Json& params) { return Json{{"items", {params}}, {"next", nullptr}}; });
  dispatcher.on("backend.drain", [](const Json& params) -> tl::expected<Json, RpcError> {
    return reject(Code::not_found, "no backend {}", params["backend"].get<std::string>());
  });
  dispatcher.on("apply", [](const Json&) -> tl::expected<Json, RpcError> { throw std::runtime_error("boom"); });
  return dispatcher;
}

TEST(Dispatcher, calls_the_handler_with_checked_parameters) {
  const auto reply = parse_reply(sample().handle_line(request("show.flows", {{"worker", 2}}), Access::read));
  ASSERT_TRUE(reply.result);
  EXPECT_EQ((*reply.result)["items"][0], (Json{{"worker", 2}, {"limit", 1000}}));
}

TEST(Dispatcher, refuses_writes_of_readers) {
  const auto line = request("backend.drain", {{"backend", "a/b"}});
  EXPECT_EQ(parse_reply(sample().handle_line(line, Access::read)).result.error().code, Code::no_access);
  const auto reply = parse_reply(sample().handle_line(line, Access::write));
  EXPECT_EQ(reply.result.error().code, Code::not_found);
  EXPECT_EQ(reply.result.error().message, "no backend a/b");
}

TEST(Dispatcher, survives_a_handler_that_throws) {
  const auto reply = parse_reply(sample().handle_line(request("apply", {{"text", ""}}), Access::write));
  EXPECT_EQ(reply.id, 1);
  EXPECT_EQ(reply.result.error().code, Code::internal);
}

TEST(Dispatcher, says_what_nobody_serves) {
  const auto dispatcher = sample();
  EXPECT_EQ(dispatcher.missing().size(), commands().size() - 4);
  EXPECT_EQ(parse_reply(dispatcher.handle_line(request("show.ports"), Access::read)).result.error().code,
            Code::refused);
}

TEST(Dispatcher, answers_every_line_with_one_line) {
  const auto dispatcher = sample();
  const std::string whole = request("show.flows", {{"filter", "abc"}, {"limit", 5}});
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    for (const char with : {'\0', '"', '{', ']', '\xff', '9'}) {
      std::string line = whole.substr(0, whole.size() - 1);
      if (cut < line.size()) {
        line[cut] = with;
      }
      const auto reply = dispatcher.handle_line(line, Access::write);
      EXPECT_EQ(reply.find('\n'), reply.size() - 1);
      EXPECT_TRUE(Json::accept(reply)) << line;
    }
    EXPECT_TRUE(Json::accept(dispatcher.handle_line(whole.substr(0, cut), Access::write)));
  }
  EXPECT_EQ(parse_reply(Dispatcher::too_large_reply()).result.error().code, Code::too_large);
  EXPECT_EQ(parse_reply(Dispatcher::unfinished_reply()).result.error().code, Code::parse_error);
}

TEST(Convert, carries_problems_changes_and_schema) {
  const auto loaded = model::load_text("[pools.web]\nalgoritm = 1\n", "limpet.toml");
  const auto error = configuration_error(loaded.problems);
  EXPECT_EQ(error.code, Code::bad_configuration);
  EXPECT_EQ(error.message, "1 problem in the configuration");
  EXPECT_EQ(error.data["problems"][0]["line"], 2);
  model::Model after;
  after.limits.flows_max = 5000;
  const auto changes = changes_json(model::diff({}, after));
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0]["path"], "limits.flows_max");
  EXPECT_EQ(changes[0]["needs_restart"], true);
  const auto schema = schema_json();
  EXPECT_GT(schema["items"].size(), 40u);
  const auto* command = find_method("config.schema");
  for (const auto& item : schema["items"]) {
    for (const auto& member : item.items()) {
      const auto& columns = command->columns;
      const std::string& key = member.key();
      EXPECT_TRUE(std::any_of(columns.begin(), columns.end(), [&](const Column& c) { return c.key == key; })) << key;
    }
  }
}

}  // namespace
}  // namespace limpet::api
