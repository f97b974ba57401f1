// records list, show, set, clear, dump, load.
#include "running.hpp"

namespace limpet::control {
namespace {

constexpr const char* other_service = R"(
[profiles.pair]
type = "five_tuple"
idle_timeout = "1m"
[profiles.shared]
type = "source_ip"
scope = "global"
prefix4 = 24
max_records = 3
[pools.other.backends]
o1 = { address = "198.51.100.21:80" }
[services.other]
listen = ["192.0.2.11:80/tcp"]
pool = "other"
persist = ["pair", "shared"]
)";

class RecordsTest : public ControlTest {
 protected:
  void start_both() { start(text(two, {}, other_service)); }
  std::set<std::string> keys(const Json& params = Json::object()) {
    std::set<std::string> found;
    for (const auto& row : items("records.list", params)) {
      found.insert(row.at("key").get<std::string>());
    }
    return found;
  }
  Json load(const std::string& text, std::uint64_t first_line = 1) {
    return call("records.load", {{"text", text}, {"first_line", first_line}});
  }
  /// In order of keys.
  Json dump() {
    auto lines = items("records.dump", {{"limit", 10'000}}).get<std::vector<Json>>();
    std::sort(lines.begin(), lines.end(), [](const Json& a, const Json& b) { return a.at("key") < b.at("key"); });
    return lines;
  }
  static std::string lines(const Json& dumped) {
    std::string text;
    for (const auto& item : dumped) {
      text += item.dump() + "\n";
    }
    return text;
  }
};

TEST_F(RecordsTest, lists_what_filters_say) {
  start_both();
  bind_client("203.0.113.1", "web/b1");
  bind_client("203.0.113.2", "web/b2");
  call("records.set", {{"service", "other"}, {"key", "203.0.113.3:99 > 192.0.2.11:80/tcp"}, {"backend", "other/o1"}});
  call("records.set", {{"service", "other"}, {"key", "203.0.113.0"}, {"profile", "shared"}, {"backend", "other/o1"}});
  const std::string pair = "203.0.113.3:99 > 192.0.2.11:80/tcp";
  using Keys = std::set<std::string>;
  const struct {
    Json params;
    Keys expected;
  } rows[] = {
      {Json::object(), {"203.0.113.1/32", "203.0.113.2/32", pair, "203.0.113.0/24"}},
      {{{"service", "web"}}, {"203.0.113.1/32", "203.0.113.2/32"}},
      {{{"profile", "pair"}}, {pair}},
      {{{"service", "other"}, {"profile", "shared"}}, {"203.0.113.0/24"}},
      {{{"backend", "web/b2"}}, {"203.0.113.2/32"}},
      {{{"key", "203.0.113.2"}, {"service", "web"}}, {"203.0.113.2/32"}},
      {{{"key", "203.0.113.77"}}, {"203.0.113.0/24"}},
      {{{"key", pair}}, {pair}},
      {{{"filter", "203.0.113.1"}}, {"203.0.113.1/32"}},
      {{{"service", "web"}, {"backend", "other/o1"}}, {}},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(keys(row.params), row.expected) << row.params.dump();
  }
  EXPECT_EQ(refused("records.list", {{"service", "none"}}).code, Code::not_found);
  EXPECT_EQ(refused("records.list", {{"profile", "none"}}).code, Code::not_found);
  EXPECT_EQ(refused("records.list", {{"backend", "web/none"}}).code, Code::not_found);
  EXPECT_EQ(refused("records.list", {{"key", "no key"}}).code, Code::invalid_params);
}

TEST_F(RecordsTest, shows_one) {
  start_both();
  bind_client("203.0.113.1", "web/b1");
  runtime.now += 5000;
  call("backend.drain", {{"backend", "web/b1"}});
  const Json record = call("records.show", {{"service", "web"}, {"key", "203.0.113.1/32"}});
  EXPECT_EQ(record.at("backend"), "web/b1");
  EXPECT_EQ(record.at("backend_state"), "drain");
  EXPECT_EQ(record.at("profile"), "client");
  EXPECT_EQ(record.at("idle_s"), 5);
  EXPECT_EQ(record.at("timeout_s"), 1800);
  EXPECT_EQ(record.at("services"), Json::array({"web"}));
  EXPECT_EQ(refused("records.show", {{"service", "web"}, {"key", "203.0.113.9"}}).code, Code::not_found);
  EXPECT_EQ(refused("records.show", {{"service", "none"}, {"key", "203.0.113.1"}}).code, Code::not_found);
  EXPECT_EQ(refused("records.show", {{"service", "web"}, {"key", "b1"}}).code, Code::invalid_params);
  EXPECT_EQ(refused("records.show", {{"service", "web"}, {"profile", "pair"}, {"key", "203.0.113.1"}}).code,
            Code::not_found);
}

TEST_F(RecordsTest, set_binds_and_counts_a_move) {
  start_both();
  const Json set_b2 = {{"service", "web"}, {"key", "203.0.113.1"}, {"backend", "web/b2"}};
  const Json first = call("records.set", set_b2);
  EXPECT_TRUE(first.at("before").is_null());
  EXPECT_TRUE(items("show.moves").empty()) << "nothing was bound before";
  const Json again = call("records.set", {{"service", "web"}, {"key", "203.0.113.1"}, {"backend", "web/b1"}});
  EXPECT_EQ(again.at("before"), "web/b2");
  call("records.set", {{"service", "web"}, {"key", "203.0.113.1"}, {"backend", "web/b1"}});
  const Json moves = call("show.moves");
  ASSERT_EQ(moves.at("items").size(), 1u) << "to where it is is no move";
  EXPECT_EQ(moves.at("items")[0].at("reason"), "operator_set");
  EXPECT_EQ(moves.at("items")[0].at("from"), "web/b2");
  EXPECT_EQ(moves.at("items")[0].at("to"), "web/b1");
  EXPECT_EQ(moves.at("by_reason"), (Json{{"operator_set", 1}, {"violation", 0}}));
  EXPECT_EQ(call("why", {{"service", "web"}, {"client", "203.0.113.1"}}).at("backend"), "web/b1");
  EXPECT_TRUE(eventually([&] { return backend("web/b1").at("sessions") == 1; }));
  EXPECT_EQ(refused("records.set", {{"service", "web"}, {"key", "203.0.113.1"}, {"backend", "other/o1"}}).code,
            Code::refused);
  EXPECT_EQ(refused("records.set", {{"service", "web"}, {"key", "203.0.113.1"}, {"backend", "web/b9"}}).code,
            Code::not_found);
  EXPECT_TRUE(has_event("set to web/b1 (was web/b2)"));
}

TEST_F(RecordsTest, set_makes_a_provisional_record_last) {
  start(text(two));
  const auto& persist = web_profile();
  const auto key = *plan::parse_key(persist, "203.0.113.1");
  auto& records = runtime.records();
  const auto now_s = static_cast<std::uint32_t>(runtime.now_ms() / 1000);
  records.claim(key, records.hash(key), slot_of("web/b1"), now_s, record::Share::provisional);
  call("records.set", {{"service", "web"}, {"key", "203.0.113.1"}, {"backend", "web/b2"}});
  EXPECT_EQ(call("records.show", {{"service", "web"}, {"key", "203.0.113.1"}}).at("state"), "kept");
  EXPECT_EQ(runtime.records().counts().of_backend(slot_of("web/b2")), 1u);
}

TEST_F(RecordsTest, clear_erases_what_was_named) {
  start_both();
  for (int i = 1; i <= 20; ++i) {
    bind_client(fmt::format("203.0.113.{}", i), i <= 5 ? "web/b1" : "web/b2");
  }
  EXPECT_EQ(call("records.clear", {{"key", "203.0.113.7"}}).at("cleared"), 1);
  EXPECT_EQ(call("records.clear", {{"backend", "web/b1"}}).at("cleared"), 5);
  EXPECT_EQ(call("records.clear", {{"service", "other"}}).at("cleared"), 0);
  EXPECT_EQ(refused("records.clear").code, Code::invalid_params) << "not all by mistake";
  EXPECT_EQ(refused("records.clear", {{"all", true}, {"backend", "web/b2"}}).code, Code::invalid_params);
  EXPECT_EQ(call("records.clear", {{"all", true}}).at("cleared"), 14);
  EXPECT_TRUE(items("records.list").empty());
  EXPECT_TRUE(eventually([&] { return backend("web/b2").at("sessions") == 0; }));
}

TEST_F(RecordsTest, a_dump_loads_to_the_same) {
  start_both();
  for (int i = 1; i <= 100; ++i) {
    bind_client(fmt::format("203.0.113.{}", i), i % 2 == 0 ? "web/b1" : "web/b2");
  }
  call("records.set", {{"service", "other"}, {"key", "203.0.113.3:99 > 192.0.2.11:80/tcp"}, {"backend", "other/o1"}});
  runtime.now += 7000;
  const Json before = dump();
  ASSERT_EQ(before.size(), 101u);
  EXPECT_EQ(before[0].at("idle_s"), 7);
  call("records.clear", {{"all", true}});
  EXPECT_TRUE(dump().empty());
  const Json loaded = load(lines(before));
  EXPECT_EQ(loaded.at("loaded"), 101) << loaded.dump();
  EXPECT_EQ(dump(), before) << "keys, backends and ages";
  const Json twice = load(lines(before));
  EXPECT_EQ(twice.at("kept"), 101);
  EXPECT_EQ(twice.at("loaded"), 0);
  EXPECT_TRUE(items("show.moves").empty());
}

TEST_F(RecordsTest, a_dump_keeps_where_sessions_return_to) {
  start_both();
  const auto& persist = web_profile();
  auto& records = runtime.records();
  const auto now_s = static_cast<std::uint32_t>(runtime.now_ms() / 1000);
  const auto away = [&](const char* address) {
    const auto key = *plan::parse_key(persist, address);
    bind_client(address, "web/b1");
    EXPECT_TRUE(records.replace(key, records.hash(key), slot_of("web/b1"), slot_of("web/b2"), now_s,
                                record::home_of(slot_of("web/b1"))));
    return key;
  };
  const auto key = away("203.0.113.1");
  bind_client("203.0.113.2", "web/b2");
  const Json before = dump();
  EXPECT_EQ(before[0].at("home"), "web/b1");
  EXPECT_TRUE(before[1].at("home").is_null());
  EXPECT_EQ(call("records.show", {{"service", "web"}, {"key", "203.0.113.1"}}).at("home"), "web/b1");
  const auto record = records.find(key, records.hash(key));
  call("records.clear", {{"all", true}});
  EXPECT_EQ(load(lines(before)).at("loaded"), 2);
  EXPECT_EQ(records.find(key, records.hash(key)), record);
  EXPECT_EQ(dump(), before);
  call("records.clear", {{"all", true}});
  std::string text;  // of a release that wrote none, of a backend that is gone, and what no release writes
  const std::string begin = R"({"scope":"client of service web","backend":"web/b2","key":"203.0.113.)";
  for (const char* end : {R"(1"})", R"(2","home":"web/gone"})", R"(3","home":"other/o1"})", R"(4","home":7})"}) {
    text += begin + end + "\n";
  }
  const Json old = load(text);
  EXPECT_EQ(old.at("loaded"), 3) << old.dump();
  EXPECT_EQ(old.at("refused"), 1);
  for (const auto& line : dump()) {
    EXPECT_TRUE(line.at("home").is_null()) << line.dump();
  }
}

TEST_F(RecordsTest, a_dump_leaves_out_what_may_be_forged) {
  start(text(two));
  const auto& persist = web_profile();
  const auto key = *plan::parse_key(persist, "203.0.113.1");
  auto& records = runtime.records();
  records.claim(key, records.hash(key), slot_of("web/b1"), static_cast<std::uint32_t>(runtime.now_ms() / 1000),
                record::Share::provisional);
  EXPECT_EQ(items("records.list").size(), 1u);
  EXPECT_TRUE(dump().empty());
}

TEST_F(RecordsTest, load_tells_the_number_of_each_bad_line) {
  start_both();
  const std::string good =
      R"({"scope":"client of service web","key":"203.0.113.1","backend":"web/b1","age_s":9,"idle_s":1})";
  const struct {
    std::string line;
    std::string words;
  } rows[] = {
      {"{", "one JSON object"},
      {"7", "one JSON object"},
      {"[]", "one JSON object"},
      {"(a line that is too long)", "one JSON object"},
      {std::string(3000, '['), "one JSON object"},
      {"{\"scope\":\"\xff\"}", "is missing"},
      {"{}", "\"scope\" is missing"},
      {R"({"scope":7})", "\"scope\" is missing or no text"},
      {R"({"scope":"client of service web"})", "\"key\" is missing"},
      {R"({"scope":"client of service gone","key":"203.0.113.1","backend":"web/b1"})", "no service"},
      {R"({"scope":"client of service web","key":"x","backend":"web/b1"})", "no key of profile client"},
      {R"({"scope":"client of service web","key":"203.0.113.1:9/tcp","backend":"web/b1"})", "no key"},
      {R"({"scope":"client of service web","key":"203.0.113.1","backend":"web/b9"})", "no backend"},
      {R"({"scope":"client of service web","key":"203.0.113.1","backend":"other/o1"})", "no backend"},
      {R"({"scope":"client of service web","key":"203.0.113.1","backend":"web/b1","age_s":-1})", "age_s"},
      {R"({"scope":"client of service web","key":"203.0.113.1","backend":"web/b1","idle_s":1e99})", "idle_s"},
  };
  std::string all;
  for (const auto& row : rows) {
    all += row.line + "\n";
  }
  const Json reply = load(all + "\r\n\n" + good, 501);
  EXPECT_EQ(reply.at("refused"), std::size(rows));
  EXPECT_EQ(reply.at("loaded"), 1) << "the good line counts";
  ASSERT_EQ(reply.at("problems").size(), std::size(rows));
  for (std::size_t i = 0; i < std::size(rows); ++i) {
    const auto& problem = reply.at("problems")[i];
    EXPECT_EQ(problem.at("line"), 501 + i) << rows[i].line;
    EXPECT_NE(problem.at("text").get<std::string>().find(rows[i].words), std::string::npos) << problem.dump();
  }
}

TEST_F(RecordsTest, load_keeps_to_limits_and_times) {
  start_both();
  const auto shared = [](int i) {
    return fmt::format(R"({{"scope":"shared of all","key":"203.0.{}.0","backend":"other/o1"}})", i) + "\n";
  };
  std::string text;
  for (int i = 1; i <= 5; ++i) {
    text += shared(i);
  }
  const Json reply = load(text + R"({"scope":"client of service web","key":"203.0.113.9","backend":"web/b1",)" +
                          R"("age_s":4000,"idle_s":1801})");
  EXPECT_EQ(reply.at("loaded"), 3) << reply.dump() << dump().dump();
  EXPECT_EQ(reply.at("no_room"), 2) << "max_records";
  EXPECT_EQ(reply.at("expired"), 1);
}

}  // namespace
}  // namespace limpet::control
