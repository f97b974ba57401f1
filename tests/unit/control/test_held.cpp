// show held: what waits for its client's words or for a backend, worker by worker.
#include "running.hpp"

namespace limpet::control {
namespace {

Json row_of(const Json& rows, const std::string& client) {
  for (const auto& row : rows) {
    if (row.at("client") == client) {
      return row;
    }
  }
  return nullptr;
}

TEST_F(ControlTest, tells_what_connections_wait_for) {
  start(text(two));
  add_held(0, "203.0.113.1:4000", {100, 50});
  path::Awaited& asking = add_held(1, "[2001:db8::7]:4001", {300});
  path::Awaited& owner = add_held(1, "203.0.113.3:4002", {10, 20, 1400});
  {
    const std::lock_guard lock(runtime.worker_mutex);
    auto& state = *runtime.states()[1];
    asking.tried = {slot_of("web/b1"), slot_of("web/b2"), {}};
    asking.tried_count = 2;
    state.spliced.find(asking.key)->phase = splice::Phase::connecting;
    owner.owned = 30;
    owner.tried[0] = slot_of("web/b2");
    owner.tried_count = 1;
  }
  runtime.now += 1000;
  Json rows = items("show.held");
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(row_of(rows, "203.0.113.1:4000"), (Json{{"worker", 0},
                                                    {"service", "web"},
                                                    {"client", "203.0.113.1:4000"},
                                                    {"waits_for", "data"},
                                                    {"backend", nullptr},
                                                    {"packets", 2},
                                                    {"bytes", 150},
                                                    {"owned_bytes", 0},
                                                    {"waited_ms", 1000},
                                                    {"left_ms", 2000},
                                                    {"tried", Json::array()}}));
  EXPECT_EQ(row_of(rows, "203.0.113.3:4002").at("owned_bytes"), 30) << "before it is joined, too";
  const Json second = row_of(rows, "[2001:db8::7]:4001");
  EXPECT_EQ(second.at("waits_for"), "backend");
  EXPECT_EQ(second.at("backend"), "web/b2");
  EXPECT_EQ(second.at("tried"), Json::array({"web/b1", "web/b2"}));
  EXPECT_TRUE(second.at("left_ms").is_null());
  EXPECT_EQ(second.at("worker"), 1);
  {
    const std::lock_guard lock(runtime.worker_mutex);
    auto& state = *runtime.states()[1];
    splice::Entry& entry = *state.spliced.find(owner.key);
    entry.join({});
    entry.owned = true;
    state.awaited.release_owner(owner);
  }
  runtime.now += 5000;
  rows = items("show.held");
  const Json third = row_of(rows, "203.0.113.3:4002");
  EXPECT_EQ(third.at("waits_for"), "acknowledgment");
  EXPECT_EQ(third.at("backend"), "web/b2");
  EXPECT_EQ(third.at("packets"), 2) << "what is not owned went on";
  EXPECT_EQ(third.at("bytes"), 30);
  EXPECT_EQ(third.at("waited_ms"), 6000);
  EXPECT_EQ(row_of(rows, "203.0.113.1:4000").at("left_ms"), 0);
}

TEST_F(ControlTest, lists_what_waits_in_pages_with_totals) {
  start(text(two));
  const std::uint64_t most = path::Limits{}.awaited_max;
  EXPECT_EQ(call("show.held").at("totals"),
            (Json{{"connections", 0}, {"connections_max", 2 * most}, {"packets", 0}, {"packets_max", 2 * most}}));
  for (int i = 0; i < 700; ++i) {
    add_held(i % 2 == 0 ? 0 : 1, fmt::format("10.0.{}.{}:4000", i / 256, i % 256), {100});
  }
  {
    const std::lock_guard lock(runtime.worker_mutex);
    auto& state = *runtime.states()[0];
    const auto key = state.awaited.oldest_that_hears()->key;
    state.spliced.erase(*state.spliced.find(key));  // it has ended, and nobody has cleared up behind it
  }
  runtime.refuse_posts = 3;  // a full mailbox only delays
  std::multiset<std::string> seen;
  Json params = {{"limit", 70}};
  for (Json reply; seen.size() < 1000; params["cursor"] = reply.at("next")) {
    reply = call("show.held", params);
    EXPECT_LE(reply.at("items").size(), 70u);
    EXPECT_EQ(reply.at("totals"),
              (Json{{"connections", 700}, {"connections_max", 2 * most}, {"packets", 700}, {"packets_max", 2 * most}}));
    for (const auto& item : reply.at("items")) {
      seen.insert(item.at("client").get<std::string>());
    }
    if (reply.at("next").is_null()) {
      break;
    }
  }
  EXPECT_EQ(seen.size(), 699u);
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), 699u) << "repeats";
  EXPECT_EQ(items("show.held", {{"filter", "client=10.0.1.0/24"}}).size(), 256u);
  EXPECT_EQ(items("show.held").size(), 699u) << "one answer has room for them";
  const Json one = call("show.held", {{"worker", 1}});
  EXPECT_EQ(one.at("items").size(), 350u);
  EXPECT_EQ(one.at("totals").at("connections"), 350);
  EXPECT_EQ(refused("show.held", {{"worker", 2}}).code, Code::not_found);
  EXPECT_EQ(refused("show.held", {{"cursor", "0.1"}}).code, Code::invalid_params);
  EXPECT_TRUE(items("show.held", {{"cursor", "1.18446744073709551615.1"}}).empty());
  for (const auto& row : items("show.memory")) {
    if (row.at("name") == "waiting connections of worker 0" || row.at("name") == "held packets of worker 0") {
      EXPECT_EQ(row.at("used"), 350);
      EXPECT_EQ(row.at("capacity"), most);
    }
  }
}

}  // namespace
}  // namespace limpet::control
