// The control thread as a whole, on a machine in memory: commands, applies, signals, neighbours, moves.
#include <csignal>

#include "l3/messages.hpp"
#include "running.hpp"

namespace limpet::control {
namespace {

TEST_F(ControlTest, every_reply_has_the_shape_the_table_says) {
  start(text(two));
  bind_client("203.0.113.1", "web/b1");
  add_flow(0, "203.0.113.1:4000", "web/b1");
  add_held(0, "203.0.113.1:4001", {100});
  runtime.states()[0]->counters.add(counters::Counter::received, 5);
  runtime.states()[0]->to_control.moves.push({runtime.now_ms(), *net::IpAddress::parse("203.0.113.7"), 32,
                                              path::Reason::backend_down, runtime.current_plan()->listeners[0].slot,
                                              slot_of("web/b1"), slot_of("web/b2")});
  runtime.states()[0]->to_control.moves.push({runtime.now_ms(), *net::IpAddress::parse("203.0.113.8"), 32,
                                              path::Reason::violation, runtime.current_plan()->listeners[0].slot,
                                              slot_of("web/b1"), slot_of("web/b2")});
  ASSERT_TRUE(eventually([&] { return !items("show.violations").empty(); }));
  const std::map<std::string_view, Json> params = {
      {"apply", {{"text", text(two)}, {"dry_run", true}}},
      {"config.check", {{"text", text(two)}}},
      {"backend.enable", {{"backend", "web/b1"}}},
      {"backend.drain", {{"backend", "web/b1"}}},
      {"backend.offline", {{"backend", "web/b1"}}},
      {"backend.remove", {{"backend", "web/b1"}, {"dry_run", true}}},
      {"records.show", {{"service", "web"}, {"key", "203.0.113.1"}}},
      {"records.set", {{"service", "web"}, {"key", "203.0.113.2"}, {"backend", "web/b2"}}},
      {"records.clear", {{"key", "203.0.113.9"}}},
      {"records.load", {{"text", "{}\n"}}},
      {"why", {{"service", "web"}, {"client", "203.0.113.1"}}},
  };
  for (const auto& command : api::commands()) {
    const auto found = params.find(command.method);
    const Json reply = call(command.method, found == params.end() ? Json::object() : found->second);
    if (command.shape == api::Shape::text) {
      EXPECT_TRUE(reply.at("text").is_string()) << command.method;
      continue;
    }
    const bool listing = command.shape == api::Shape::listing || command.shape == api::Shape::lines;
    if (listing) {
      ASSERT_TRUE(reply.contains("next")) << command.method;
      // no service of this model has full NAT
      EXPECT_EQ(reply.at("items").empty(), command.method == "show.locals") << command.method;
    }
    const Json rows = listing ? reply.at("items") : Json::array({reply});
    for (const auto& row : rows) {
      for (const auto& item : row.items()) {
        const std::string key = item.key();
        const bool known = std::any_of(command.columns.begin(), command.columns.end(),
                                       [&](const auto& column) { return column.key == key; });
        EXPECT_TRUE(known) << command.method << " says " << key;
      }
      for (const auto& column : command.columns) {
        const bool optional = command.method == "config.schema";
        EXPECT_TRUE(optional || row.contains(column.key)) << command.method << " lacks " << column.key;
      }
    }
  }
}

TEST_F(ControlTest, lists_in_pages) {
  start(text(two));
  for (int i = 1; i <= 100; ++i) {
    bind_client(fmt::format("203.0.113.{}", i), i % 2 == 0 ? "web/b1" : "web/b2");
    add_flow(static_cast<unsigned>(i % 2), fmt::format("203.0.113.{}:4000", i), "web/b1");
  }
  runtime.refuse_posts = 3;  // a full mailbox only delays
  const struct {
    std::string_view method;
    std::string_view name;
    std::size_t all;
  } rows[] = {{"show.records", "key", 100},
              {"show.flows", "client", 100},
              {"show.backends", "name", 2},
              {"show.counters", "name", counters::counter_count + path::reason_count + 3}};  // neighbours' own
  for (const auto& row : rows) {
    std::multiset<std::string> seen;
    Json params = {{"limit", 7}};
    if (row.method == "show.counters") {
      params["all"] = true;
    }
    for (int page = 0; page < 100; ++page) {
      const Json reply = call(row.method, params);
      EXPECT_LE(reply.at("items").size(), 7u);
      for (const auto& item : reply.at("items")) {
        seen.insert(item.at(row.name).get<std::string>());
      }
      if (reply.at("next").is_null()) {
        break;
      }
      params["cursor"] = reply.at("next");
    }
    EXPECT_EQ(seen.size(), row.all) << row.method;
    EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), row.all) << row.method << " repeats";
  }
  EXPECT_EQ(items("show.records", {{"filter", "backend=web/b1"}}).size(), 50u);
  EXPECT_EQ(items("show.flows", {{"worker", 1}}).size(), 50u);
  EXPECT_EQ(refused("show.flows", {{"worker", 9}}).code, Code::not_found);
  EXPECT_EQ(refused("show.flows", {{"cursor", "../.."}}).code, Code::invalid_params);
  EXPECT_EQ(refused("show.records", {{"cursor", "1.99999999999999999999"}}).code, Code::invalid_params);
  EXPECT_TRUE(items("show.records", {{"cursor", "18446744073709551615.1"}}).empty());
}

TEST_F(ControlTest, counts_sessions_of_backends) {
  start(text(two));
  bind_client("203.0.113.1", "web/b1");
  bind_client("203.0.113.2", "web/b1");
  bind_client("203.0.113.3", "web/b2");
  EXPECT_TRUE(eventually([&] { return backend("web/b1").at("sessions") == 2; }));
  EXPECT_TRUE(eventually([&] { return backend("web/b2").at("sessions") == 1; }));
  EXPECT_TRUE(eventually([&] { return runtime.backends()[slot_of("web/b1")].sessions == 2; }));
  runtime.now += 31 * 60 * 1000;  // idle_timeout is 30 minutes
  EXPECT_TRUE(eventually([&] { return items("show.records").empty(); }));
  EXPECT_TRUE(eventually([&] { return backend("web/b1").at("sessions") == 0; }));
}

TEST_F(ControlTest, applies_and_says_what_changed) {
  start(text(two));
  bind_client("203.0.113.1", "web/b1");
  bind_client("203.0.113.2", "web/b2");
  const Json params = {{"text", text(three)}, {"dry_run", true}};
  const Json dry = call("apply", params);
  EXPECT_EQ(dry.at("applied"), false);
  EXPECT_EQ(dry.at("changes").size(), 1u) << dry.dump();
  EXPECT_EQ(dry.at("moving_sessions"), 0);
  EXPECT_EQ(dry.at("live_sessions"), 2);
  EXPECT_EQ(runtime.published, 1) << "a dry run changes nothing";
  EXPECT_TRUE(backend("web/b3").is_null());

  const auto before = slot_of("web/b2");
  const Json done = call("apply", {{"text", text(three)}});
  EXPECT_EQ(done.at("applied"), true);
  EXPECT_EQ(done.at("plan_version"), 2);
  EXPECT_EQ(runtime.published, 2);
  EXPECT_EQ(slot_of("web/b2"), before) << "slots keep their meaning";
  EXPECT_EQ(backend("web/b3").at("state"), "drain") << "the state of creation";

  const Json removed = call("apply", {{"text", text("b2 = { address = \"198.51.100.12:80\" }")}, {"dry_run", true}});
  EXPECT_EQ(removed.at("moving_sessions"), 1);
  EXPECT_EQ(removed.at("live_sessions"), 2);
  std::string again = text(three);
  again.replace(again.find("type = \"source_ip\""), 18, "type = \"source_ip\"\nprefix4 = 24");
  EXPECT_EQ(call("apply", {{"text", again}, {"dry_run", true}}).at("moving_sessions"), 2)
      << "records of another prefix are found no more";
}

TEST_F(ControlTest, an_apply_goes_on_from_the_plan_before) {
  const auto with = [&](const char* keys) {
    std::string configuration = text(two);
    configuration.replace(configuration.find("persist = ["), 0, keys);
    return configuration;
  };
  start(with("syn_proxy = true\nlimits = { new_flows_per_s = 1000 }\n"));
  const auto before = runtime.current_plan();
  call("apply", {{"text", with("limits = { new_flows_per_s = 1000 }\n")}});
  const auto after = runtime.current_plan();
  EXPECT_FALSE(after->listeners.at(0).delays);
  EXPECT_TRUE(after->listeners.at(0).splices) << "connections that were opened so go on";
  EXPECT_EQ(after->services.at(0).gate->id, before->services.at(0).gate->id) << "what has been taken stays taken";
}

TEST_F(ControlTest, an_expression_that_is_none_is_refused_with_its_place) {
  start(text(two));
  const auto error = refused("apply", {{"text", text(two, {}, R"(
[profiles.call]
type = "universal"
after = "Call-ID:("
[services.calls]
listen = "192.0.2.11:5060/tcp"
pool = "web"
persist = ["call"]
)")}});
  EXPECT_EQ(error.code, Code::refused);
  EXPECT_NE(error.message.find("profiles.call.after: \"Call-ID:(\""), std::string::npos) << error.message;
  EXPECT_EQ(runtime.published, 1);
}

TEST_F(ControlTest, removes_a_backend_from_what_runs) {
  start(text(three));
  bind_client("203.0.113.1", "web/b1");
  bind_client("203.0.113.2", "web/b2");
  const Json dry = call("backend.remove", {{"backend", "web/b1"}, {"dry_run", true}});
  EXPECT_EQ(dry.at("applied"), false);
  EXPECT_EQ(dry.at("reasons"), (Json{{"backend_removed", 1}}));
  EXPECT_EQ(dry.at("moving_sessions"), 1);
  EXPECT_EQ(dry.at("live_sessions"), 2);
  EXPECT_EQ(runtime.published, 1);
  EXPECT_EQ(call("backend.remove", {{"backend", "web/b1"}}).at("applied"), true);
  EXPECT_TRUE(backend("web/b1").is_null());
  EXPECT_EQ(refused("backend.remove", {{"backend", "web/b1"}}).code, Code::not_found);
  call("apply", {{"text", text(three)}});
  EXPECT_FALSE(backend("web/b1").is_null()) << "the file brings it back";
}

TEST_F(ControlTest, a_drain_may_have_a_deadline) {
  start(text(two));
  const Json reply = call("backend.drain", {{"backend", "web/b1"}, {"for", "1h"}});
  EXPECT_EQ(backend("web/b1").at("until"), reply.at("until"));
  EXPECT_TRUE(has_event("web/b1: drain until " + reply.at("until").get<std::string>()));
  stop();
  start(text(two));
  EXPECT_EQ(backend("web/b1").at("until"), reply.at("until")) << "it outlives a restart";
  EXPECT_TRUE(call("backend.enable", {{"backend", "web/b1"}}).at("until").is_null());
  EXPECT_TRUE(backend("web/b1").at("until").is_null());
  call("backend.drain", {{"backend", "web/b1"}, {"for", "1s"}});
  runtime.now += 1000;
  EXPECT_TRUE(eventually([&] { return backend("web/b1").at("state") == "drained"; }));
}

TEST_F(ControlTest, workers_hear_that_the_wall_clock_was_set) {
  start(text(two));
  const std::int64_t before_s = runtime.current_plan()->unix_at_zero_s;
  EXPECT_EQ(before_s, runtime.unix_at_zero_ms / 1000);
  const auto set_to = [&](std::int64_t unix_at_zero_s, const std::string& told) {
    runtime.unix_at_zero_ms = unix_at_zero_s * 1000;
    EXPECT_TRUE(eventually([&] { return runtime.current_plan()->unix_at_zero_s == unix_at_zero_s; }));
    EXPECT_TRUE(eventually([&] { return has_event(told); }));
    runtime.now += 10'000;
  };
  set_to(before_s + 3600, "the wall clock was set 3600 s ahead");
  set_to(before_s + 3597, "the wall clock was set 3 s back");
  EXPECT_EQ(runtime.published, 3) << "once each";
}

TEST_F(ControlTest, tells_how_evenly_a_pool_is_used) {
  start(text(two));
  EXPECT_TRUE(items("show.pools")[0].at("sessions_skew").is_null()) << "nothing to share";
  for (int i = 0; i < 9; ++i) {
    bind_client(fmt::format("203.0.113.{}", i), i < 6 ? "web/b1" : "web/b2");
  }
  runtime.states()[0]->uses[slot_of("web/b2").value()].flows = 4;
  runtime.states()[1]->uses[slot_of("web/b2").value()].connecting = 2;
  const Json pool = items("show.pools")[0];
  EXPECT_EQ(pool.at("sessions"), 9);
  EXPECT_EQ(pool.at("connections"), 6);
  EXPECT_EQ(pool.at("sessions_skew"), 2.0) << "b1 has a third of the weight and two thirds of the sessions";
  EXPECT_EQ(pool.at("connections_skew"), 1.5);
  EXPECT_EQ(
      pool.at("shares")[0],
      (Json{
          {"backend", "web/b1"}, {"weight_percent", 33.3}, {"sessions_percent", 66.7}, {"connections_percent", 0.0}}));
  EXPECT_TRUE(eventually([&] { return runtime.backends()[slot_of("web/b2")].connections == 6; }));
  EXPECT_EQ(runtime.states()[0]->uses[slot_of("web/b2").value()].summed, 4);
  EXPECT_EQ(runtime.states()[1]->uses[slot_of("web/b2").value()].summed, 2);
}

TEST_F(ControlTest, tells_what_profiles_decided) {
  std::string configuration = text(two, {}, R"(
[profiles.route]
type = "cookie"
name = "SERVER"
by = "route"
backup = "client"
[services.other]
listen = ["192.0.2.11:80/tcp"]
pool = "web"
persist = ["route"]
)");
  configuration.replace(configuration.find("[limpetd]\n"), 10, "[limpetd]\nworkers = [0, 1]\n");
  start(configuration);
  plan::ProfileUse& use = *runtime.current_plan()->profile_uses.at("route");
  use.add(0, counters::ProfileCounter::token_hit);
  use.add(1, counters::ProfileCounter::token_hit);
  use.add(1, counters::ProfileCounter::timed_out);
  call("apply", {{"text", configuration + "[services.third]\nlisten = [\"192.0.2.12:80/tcp\"]\npool = \"web\"\n"}});
  const Json rows = items("show.profiles");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].at("name"), "client");
  EXPECT_EQ(rows[0].at("type"), "source_ip");
  EXPECT_EQ(rows[0].at("by"), "record");
  EXPECT_EQ(rows[0].at("services"), Json::array({"other", "web"})) << "also as a backup";
  EXPECT_EQ(rows[0].at("token_hit"), 0);
  EXPECT_EQ(rows[1].at("services"), Json::array({"other"}));
  EXPECT_EQ(rows[1].at("token_hit"), 2) << "of both workers, and kept by the apply";
  EXPECT_EQ(rows[1].at("timed_out"), 1);
  EXPECT_EQ(items("show.profiles", {{"filter", "type=cookie"}}).size(), 1u);
  EXPECT_EQ(call("show.profiles", {{"limit", 1}}).at("next"), "client");
}

TEST_F(ControlTest, tells_which_workers_are_far_from_a_port) {
  start(text(two));
  const Json ports = items("show.ports");
  EXPECT_EQ(ports[0].at("numa_node"), 1);
  EXPECT_EQ(ports[0].at("far_workers"), "0 1");
  EXPECT_EQ(ports[0].at("offloads"), "checksums by the NIC");
  EXPECT_EQ(ports[1].at("numa_node"), -1);
  EXPECT_EQ(ports[1].at("far_workers"), "");
}

TEST_F(ControlTest, tells_how_long_workers_were_busy) {
  start(text(two));
  const Json worker = items("show.workers")[0];
  EXPECT_EQ(worker.at("busy_us"), 100) << "1000 cycles at 10 MHz";
  EXPECT_EQ(worker.at("device_us"), 60);
}

TEST_F(ControlTest, memory_is_told_to_the_byte) {
  start(text(two));
  bind_client("203.0.113.1", "web/b1");
  add_flow(1, "203.0.113.1:4000", "web/b1");
  std::uint64_t records = 0;
  std::uint64_t flows = 0;
  for (const auto& row : items("show.memory")) {
    const auto name = row.at("name").get<std::string>();
    const auto bytes = row.at("bytes").get<std::uint64_t>();
    records += name.starts_with("records") ? bytes : 0;
    flows += name.starts_with("flows of worker 1") ? bytes : 0;
    if (name == "records: narrow live" || name == "flows of worker 1: narrow live") {
      EXPECT_EQ(row.at("used"), 1) << name;
    }
  }
  EXPECT_EQ(records, record::Table::bytes_needed(FakeRuntime::record_sizes));
  EXPECT_EQ(flows, flow::Table::bytes_needed(FakeRuntime::flow_sizes));
}

TEST_F(ControlTest, a_refused_apply_changes_nothing) {
  start(text(two));
  call("backend.drain", {{"backend", "web/b1"}});
  const Json shown = call("config.show");
  const auto plan = runtime.current_plan();
  std::string elsewhere = text(three);
  elsewhere.replace(elsewhere.find("flows_max = 1000"), 16, "flows_max = 2000");
  std::string broken = text(three);
  broken.replace(broken.find("pool = \"web\""), 12, "pool = \"wbe\"\nforwardng = \"dr\"");
  const struct {
    std::string text;
    Code code;
    std::string words;
  } rows[] = {
      {"", Code::needs_restart, "restart"},
      {"[", Code::bad_configuration, ""},
      {std::string(1000, '\xff'), Code::bad_configuration, ""},
      {broken, Code::bad_configuration, ""},
      {elsewhere, Code::needs_restart, "restart"},
  };
  for (const auto& row : rows) {
    for (const bool dry_run : {true, false}) {
      auto raw = Json{{"text", row.text}, {"dry_run", dry_run}};
      client->send(api::request_line(1, "apply", raw));
      const auto reply = client->reply();
      ASSERT_FALSE(reply.result) << row.text;
      if (row.text[0] != '\xff') {
        EXPECT_EQ(reply.result.error().code, row.code) << reply.result.error().message;
      }
      EXPECT_NE(reply.result.error().message.find(row.words), std::string::npos) << reply.result.error().message;
    }
  }
  const auto error = refused("apply", {{"text", broken}});
  EXPECT_EQ(error.data.at("problems").size(), 2u) << "all problems at once: " << error.data.dump();
  EXPECT_EQ(call("config.show"), shown);
  EXPECT_EQ(runtime.current_plan(), plan);
  EXPECT_EQ(backend("web/b1").at("state"), "drain");
  EXPECT_TRUE(has_event("refused"));
}

TEST_F(ControlTest, what_the_cli_said_survives_apply_and_restart) {
  start(text(two));
  const Json reply = call("backend.drain", {{"backend", "web/b1"}});
  EXPECT_EQ(reply.at("before"), "enabled");
  EXPECT_EQ(reply.at("state"), "drain");
  EXPECT_FALSE(runtime.backends().takes_new(slot_of("web/b1")));
  EXPECT_EQ(refused("backend.drain", {{"backend", "web/none"}}).code, Code::not_found);
  call("apply", {{"text", text(three)}});
  EXPECT_EQ(backend("web/b1").at("state"), "drain");
  EXPECT_TRUE(has_event("web/b1: drain (was enabled)"));
  stop();
  runtime.backends()[slot_of("web/b1")].admin = plan::Admin::enabled;  // as after a restart
  start(text(three));
  EXPECT_EQ(backend("web/b1").at("state"), "drain");
  call("backend.enable", {{"backend", "web/b3"}});
  EXPECT_EQ(backend("web/b3").at("state"), "enabled") << "the CLI's word counts more than the file's";
  call("apply", {{"text", text(two)}});
  call("apply", {{"text", text(three)}});
  EXPECT_EQ(backend("web/b3").at("state"), "drain") << "a backend that went and came is a new one";
}

TEST_F(ControlTest, tells_moves_by_the_key_of_their_session) {
  start(text(two));
  path::Move move{runtime.now_ms(),           *net::IpAddress::parse("203.0.113.7"),     32,
                  path::Reason::backend_down, runtime.current_plan()->listeners[0].slot, slot_of("web/b1"),
                  slot_of("web/b2")};
  runtime.states()[0]->to_control.moves.push(move);
  move.has_session = true;
  move.session = *plan::parse_key(web_profile(), "203.0.113.9");
  runtime.states()[0]->to_control.moves.push(move);
  ASSERT_TRUE(eventually([&] { return items("show.moves").size() == 2; }));
  const Json moves = items("show.moves");
  EXPECT_EQ(moves[0].at("key"), "203.0.113.9/32") << "the newest first";
  EXPECT_EQ(moves[1].at("key"), "203.0.113.7/32") << "no profile: the client";
  EXPECT_EQ(items("show.moves", {{"filter", "reason=backend_down key=203.0.113.8/31"}}).size(), 1u);
  EXPECT_TRUE(items("show.moves", {{"filter", "reason=violation"}}).empty());
}

TEST_F(ControlTest, hangup_loads_the_file_again) {
  start(text(two));
  std::ofstream(config_path) << text(three);
  kill(getpid(), SIGHUP);
  EXPECT_TRUE(eventually([&] { return !backend("web/b3").is_null(); }));
  std::ofstream(config_path) << text(two) << "nonsense";
  kill(getpid(), SIGHUP);
  EXPECT_TRUE(eventually([&] { return has_event("changed nothing"); }));
  EXPECT_TRUE(has_event("limpet.toml:")) << "the problem and its place are told";
  EXPECT_FALSE(backend("web/b3").is_null());
}

TEST_F(ControlTest, ends_on_signals) {
  start(text(two));
  kill(getpid(), SIGTERM);
  thread.join();
  EXPECT_EQ(status, 0);
}

TEST_F(ControlTest, resolves_neighbours_and_announces) {
  start(text(two));
  const auto state_of = [&](const std::string& address) {
    const auto rows = items("show.neighbors", {{"filter", "address=" + address}});
    return rows.empty() ? std::string() : rows[0].at("state").get<std::string>();
  };
  EXPECT_EQ(state_of("198.51.100.11"), "static");
  EXPECT_GE(runtime.sent.size(), 4u) << "own addresses and the VIP were announced";
  auto& rings = runtime.states()[1]->to_control;
  const InterfaceIndex back(0);  // ports are numbered by name
  rings.wants.push({back, *net::IpAddress::parse("198.51.100.12")});
  ASSERT_TRUE(eventually([&] { return state_of("198.51.100.12") == "incomplete"; }));
  l3::Frame frame;
  frame.interface = back;
  const auto mac = *net::Mac::parse("02:00:00:00:00:12");
  frame.size = static_cast<std::uint16_t>(
      l3::make_gratuitous_arp(frame.bytes, {mac, 0}, *net::IpAddress::parse("198.51.100.12")));
  rings.frames.push(frame);
  frame.size = 65535;  // what no worker sends
  rings.frames.push(frame);
  EXPECT_TRUE(eventually([&] {
    const auto found = runtime.adjacencies().find(back, *net::IpAddress::parse("198.51.100.12"));
    return found.state == l3::AdjacencyState::reachable && found.mac == mac;
  }));
}

TEST_F(ControlTest, health_reaches_workers_and_survives_apply) {
  std::atomic<bool> healthy{true};
  const LoopbackServer server(
      [&healthy](int fd) { answer_with(healthy ? "HTTP/1.1 200 OK\r\n\r\n" : "HTTP/1.1 500 No\r\n\r\n")(fd); });
  const auto monitored = [&](const std::string& more) {
    return text(fmt::format("b1 = {{ address = \"{}\" }}\n{}", server.endpoint().text(), more),
                "monitor = { type = \"http\", interval = \"100ms\", timeout = \"90ms\", rise = 2, fall = 2 }");
  };
  start(monitored(""));
  ASSERT_TRUE(eventually([&] { return backend("web/b1").at("health") == "up"; }));
  const Json since = backend("web/b1").at("since");
  call("apply", {{"text", monitored("b2 = { address = \"127.0.0.1:1\" }")}});
  EXPECT_EQ(backend("web/b1").at("health"), "up");
  EXPECT_EQ(backend("web/b1").at("since"), since);
  EXPECT_EQ(backend("web/b2").at("health"), "down");
  healthy = false;
  EXPECT_TRUE(eventually([&] { return backend("web/b1").at("health") == "down"; }));
  EXPECT_FALSE(runtime.backends().serves(slot_of("web/b1")));
  EXPECT_TRUE(has_event("web/b1 is down"));
  EXPECT_TRUE(has_event("web/b2 is down"));
}

TEST_F(ControlTest, a_hanging_worker_does_not_stop_the_socket) {
  start(text(two));
  call("version");
  runtime.hang = true;
  UnixClient waiting(directory / "limpetd.sock");
  ASSERT_TRUE(waiting.send(api::request_line(1, "show.flows", Json::object())));
  for (int i = 0; i < 20; ++i) {
    call("show.services");
  }
}

TEST_F(ControlTest, slots_of_removed_backends_rest_until_all_is_swept) {
  start(text(three));
  const auto slot = slot_of("web/b3");
  call("apply", {{"text", text(two)}});
  for (int i = 0; i < 16; ++i) {
    runtime.now += removed_kept_ms / 2;
    for (auto* state : runtime.states()) {
      const std::lock_guard lock(runtime.worker_mutex);
      state->flows.sweep(static_cast<unsigned>(state->flows.bucket_count()),
                         [](const auto&, auto&) { return flow::Sweep::keep; });
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
  }
  std::string renamed = three;
  renamed.replace(renamed.find("b3"), 2, "b4");
  call("apply", {{"text", text(renamed)}});
  EXPECT_EQ(slot_of("web/b4"), slot) << "the slot is free again";
}

TEST_F(ControlTest, says_in_one_line_why_it_cannot_start) {
  start(text(two));
  FakeRuntime other;
  const auto loaded = model::load_text(text(two), "test.toml");
  Control second(other, *loaded.model, config_path, hash::fixed_secret());
  const auto refused_start = second.start();
  ASSERT_FALSE(refused_start);
  EXPECT_NE(refused_start.error().text.find("in use"), std::string::npos);
  EXPECT_EQ(refused_start.error().text.find('\n'), std::string::npos);
  EXPECT_EQ(other.published, 0);
}

}  // namespace
}  // namespace limpet::control
