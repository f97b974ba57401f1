// Checks and monitors against small servers on the loopback.
#include <gtest/gtest.h>

#include "control/learn.hpp"
#include "control/monitor.hpp"
#include "support.hpp"

namespace limpet::control {
namespace {

using State = HttpStatus::State;

TEST(HttpStatus, reads_what_servers_say) {
  const struct {
    std::string_view answer;
    State state;
    unsigned code;
  } rows[] = {
      {"", State::more, 0},
      {"HT", State::more, 0},
      {"HTTP/1.1 200", State::more, 0},
      {"HTTP/1.1 200 OK\r\n", State::final, 200},
      {"HTTP/1.0 404 \r\n", State::final, 404},
      {"HTTP/1.1 301\r\n", State::final, 301},
      {"HTTP/1.1 503\n\n", State::final, 503},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n", State::final, 204},
      {"HTTP/1.1 103 Early Hints\r\nLink: x\r\n", State::more, 0},
      {"HTTP/1.1 103 Early Hints\r\n\r\nSSH", State::bad, 0},
      {"SSH-2.0-OpenSSH\r\n", State::bad, 0},
      {"HTTP/2 200 OK\r\n\r\n", State::bad, 0},
      {"HTTP/1.1 2000 OK\r\n", State::bad, 0},
      {"HTTP/1.1 000 OK\r\n", State::bad, 0},
      {"HTTP/1.1-200 OK\r\n", State::bad, 0},
      {"http/1.1 200 OK\r\n", State::bad, 0},
  };
  for (const auto& row : rows) {
    const auto status = http_status(row.answer);
    EXPECT_EQ(status.state, row.state) << row.answer;
    EXPECT_EQ(status.code, row.code) << row.answer;
  }
}

TEST(HttpRequest, keeps_what_the_file_says_to_one_line) {
  model::Monitor monitor;
  monitor.type = model::MonitorType::http;
  monitor.path = "/a b\r\nX: y";
  const net::Endpoint target{*net::IpAddress::parse("2001:db8::1"), 80};
  EXPECT_TRUE(
      http_request(monitor, target).starts_with("GET /a%20b%0D%0AX:%20y HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n"));
  monitor.host = "shop.example";
  EXPECT_NE(http_request(monitor, target).find("\r\nHost: shop.example\r\n"), std::string::npos);
}

TEST(Jitter, stays_within_a_tenth_and_varies) {
  std::uint64_t random = 1;
  Millis least = ~Millis{0};
  Millis most = 0;
  for (int i = 0; i < 1000; ++i) {
    const Millis value = jittered(1000, random);
    least = std::min(least, value);
    most = std::max(most, value);
  }
  EXPECT_GE(least, 900u);
  EXPECT_LE(most, 1100u);
  EXPECT_LT(least, 950u);
  EXPECT_GT(most, 1050u);
}

class CheckTest : public testing::Test {
 protected:
  Outcome run(model::MonitorType type, const net::Endpoint& target, std::uint64_t timeout_ms = 2000) {
    model::Monitor monitor;
    monitor.type = type;
    monitor.timeout_ms = timeout_ms;
    std::optional<Outcome> outcome;
    const Check check(base.get(), monitor, target, [&](const Outcome& result) {
      EXPECT_FALSE(outcome);
      outcome = result;
    });
    EXPECT_FALSE(outcome) << "told from within the constructor";
    EXPECT_TRUE(loop_until(base.get(), [&] { return outcome.has_value(); }));
    return outcome.value_or(Outcome{});
  }
  Base base{event_base_new()};
};

net::Endpoint closed_port() {
  const LoopbackServer gone([](int) {});
  return gone.endpoint();
}

TEST_F(CheckTest, connects) {
  const LoopbackServer server([](int) {});
  const auto outcome = run(model::MonitorType::tcp, server.endpoint());
  EXPECT_TRUE(outcome.passed) << outcome.text;
}

TEST_F(CheckTest, learns_what_options_are_accepted) {
  const LoopbackServer server([](int) {});
  const Offered offered = offered_by_kernel();
  const auto outcome = run(model::MonitorType::tcp, server.endpoint());
  ASSERT_TRUE(outcome.accepts);
  EXPECT_EQ(outcome.accepts->timestamps, offered.timestamps ? plan::Known::yes : plan::Known::unknown);
  EXPECT_EQ(outcome.accepts->sack, offered.sack ? plan::Known::yes : plan::Known::unknown);
  EXPECT_EQ(outcome.accepts->scale, offered.scale ? plan::Known::yes : plan::Known::unknown);
  EXPECT_GE(outcome.accepts->mss, 536);
  EXPECT_FALSE(run(model::MonitorType::tcp, closed_port()).accepts);
}

TEST(Learn, reads_what_the_kernel_tells) {
  using plan::Known;
  const struct {
    unsigned options, snd_mss, snd_wscale;
    Offered offered;
    plan::Accepts accepts;
    const char* text;
  } rows[] = {
      {7, 1448, 7, {}, {1460, 7, Known::yes, Known::yes, Known::yes}, "mss 1460, sack, scale 7, timestamps"},
      {6, 1460, 2, {}, {1460, 2, Known::yes, Known::yes, Known::no}, "mss 1460, sack, scale 2, no timestamps"},
      {0, 536, 0, {}, {536, 0, Known::no, Known::no, Known::no}, "mss 536, no sack, no scale, no timestamps"},
      {4, 65483, 9, {false, true, false}, {65483, 9, {}, Known::yes, {}}, "mss 65483, scale 9"},
  };
  for (const auto& row : rows) {
    tcp_info info{};
    info.tcpi_options = static_cast<std::uint8_t>(row.options);
    info.tcpi_snd_mss = row.snd_mss;
    info.tcpi_snd_wscale = static_cast<std::uint8_t>(row.snd_wscale) & 0xf;
    EXPECT_EQ(learnt(info, row.offered), row.accepts) << row.text;
    EXPECT_EQ(accepts_text(row.accepts), row.text);
    EXPECT_EQ(plan::Accepts::unpacked(row.accepts.packed()), row.accepts);
  }
  EXPECT_EQ(accepts_text({}), "not known");
}

TEST_F(CheckTest, tells_why_it_cannot_connect) {
  const auto refused = run(model::MonitorType::tcp, closed_port());
  EXPECT_FALSE(refused.passed);
  EXPECT_EQ(refused.text, "connection refused");
  const auto no_port = run(model::MonitorType::tcp, {*net::IpAddress::parse("127.0.0.1"), 0});
  EXPECT_FALSE(no_port.passed);
  EXPECT_NE(no_port.text.find("no port"), std::string::npos);
}

TEST_F(CheckTest, judges_http_answers) {
  const struct {
    std::string answer;
    bool passed;
    std::string text;
  } rows[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", true, "HTTP 200"},
      {"HTTP/1.1 302 Found\r\n\r\n", true, "HTTP 302"},
      {"HTTP/1.1 404 Not Found\r\n\r\n", false, "HTTP 404"},
      {"HTTP/1.1 500 Oops\r\n\r\n", false, "HTTP 500"},
      {"", false, "closed without an answer"},
      {"HTTP/1.", false, "closed within its answer"},
      {"220 smtp ready\r\n", false, "the answer is no HTTP/1"},
  };
  for (const auto& row : rows) {
    const LoopbackServer server(answer_with(row.answer));
    const auto outcome = run(model::MonitorType::http, server.endpoint());
    EXPECT_EQ(outcome.passed, row.passed) << row.answer;
    EXPECT_EQ(outcome.text, row.text) << row.answer;
  }
}

TEST_F(CheckTest, gives_up_on_a_silent_server) {
  const LoopbackServer server([](int fd) {
    char request[2048];
    while (recv(fd, request, sizeof request, 0) > 0) {
    }
  });
  const auto outcome = run(model::MonitorType::http, server.endpoint(), 60);
  EXPECT_FALSE(outcome.passed);
  EXPECT_EQ(outcome.text, "no answer in 60 ms");
}

TEST_F(CheckTest, bounds_what_a_hostile_server_sends) {
  std::atomic<std::size_t> taken{0};
  const LoopbackServer server([&taken](int fd) {
    const std::string chunk = "HTTP/1.1 100 Continue\r\nX: " + std::string(4096, 'x');
    for (int i = 0; i < 4096; ++i) {
      const auto sent = send(fd, chunk.data(), chunk.size(), MSG_NOSIGNAL);
      if (sent <= 0) {
        return;
      }
      taken += static_cast<std::size_t>(sent);
    }
  });
  const auto outcome = run(model::MonitorType::http, server.endpoint(), 5000);
  EXPECT_FALSE(outcome.passed);
  EXPECT_NE(outcome.text.find("no status in the first"), std::string::npos) << outcome.text;
  EXPECT_LT(taken, 16u << 20);
}

class MonitorsTest : public testing::Test {
 protected:
  MonitorsTest()
      : monitors(
            base.get(), [this](const HealthChange& change) { changes.push_back(change); },
            [this](const std::string& backend) { learnt.push_back(backend); }) {}
  static model::Model model_of(const std::vector<net::Endpoint>& addresses, unsigned rise = 2, unsigned fall = 2) {
    model::Monitor monitor;
    monitor.type = model::MonitorType::http;
    monitor.interval_ms = 10;
    monitor.timeout_ms = 2000;
    monitor.rise = rise;
    monitor.fall = fall;
    model::Model model;
    model.pools["web"].monitors = {monitor};
    model.pools["web"].backends["b1"].addresses = addresses;
    return model;
  }
  bool until(const std::function<bool()>& holds) { return loop_until(base.get(), holds); }

  Base base{event_base_new()};
  std::vector<HealthChange> changes;
  std::vector<std::string> learnt;
  Monitors monitors;
};

/// Answers 200 or 503, as told, and counts.
struct Switchable {
  std::atomic<bool> healthy{true};
  std::atomic<int> asked{0};
  LoopbackServer server{[this](int fd) {
    answer_with(healthy ? "HTTP/1.1 200 OK\r\n\r\n" : "HTTP/1.1 503 No\r\n\r\n")(fd);
    ++asked;
  }};
};

TEST_F(MonitorsTest, the_first_result_decides) {
  Switchable server;
  monitors.reconcile(model_of({server.server.endpoint()}, 5, 5));
  EXPECT_EQ(monitors.up("web/b1"), std::optional(false));
  EXPECT_TRUE(changes.empty());
  ASSERT_TRUE(until([&] { return monitors.up("web/b1") == true; }));
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_TRUE(changes[0].up);
  EXPECT_EQ(monitors.up("web/other"), std::nullopt);
}

TEST_F(MonitorsTest, learn_where_connections_go) {
  Switchable one, other;
  const auto on_port = [](const LoopbackServer& server) { return server.endpoint(); };
  monitors.reconcile(model_of({on_port(one.server), on_port(other.server)}));
  EXPECT_EQ(monitors.accepts("web/b1"), plan::Accepts{});
  ASSERT_TRUE(until([&] { return one.asked >= 3 && other.asked >= 3; }));
  const plan::Accepts accepts = monitors.accepts("web/b1");
  EXPECT_NE(accepts.mss, 0);
  EXPECT_EQ(learnt, std::vector<std::string>{"web/b1"}) << "when all addresses are known, and no more";
  one.healthy = false;
  ASSERT_TRUE(until([&] { return monitors.up("web/b1") == false; }));
  EXPECT_EQ(monitors.accepts("web/b1"), accepts) << "kept";
  auto elsewhere = model_of({{one.server.endpoint().address, 1}});
  elsewhere.pools["web"].monitors[0].l4_port = other.server.endpoint().l4_port;
  monitors.reconcile(elsewhere);
  ASSERT_TRUE(until([&] { return monitors.up("web/b1") == true; }));
  EXPECT_EQ(monitors.accepts("web/b1"), plan::Accepts{}) << "another port may be another machine's";
  elsewhere.pools["web"].backends["b1"].addresses[0].l4_port = 0;
  monitors.reconcile(elsewhere);
  ASSERT_TRUE(until([&] { return monitors.accepts("web/b1") == accepts; }));
}

TEST_F(MonitorsTest, a_backend_that_never_worked_is_told_once) {
  Switchable server;
  server.healthy = false;
  monitors.reconcile(model_of({server.server.endpoint()}));
  ASSERT_TRUE(until([&] { return server.asked >= 5; }));
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_FALSE(changes[0].up);
  EXPECT_NE(changes[0].why.find("HTTP 503"), std::string::npos);
}

TEST_F(MonitorsTest, counts_rise_and_fall) {
  Switchable server;
  monitors.reconcile(model_of({server.server.endpoint()}, 3, 2));
  ASSERT_TRUE(until([&] { return monitors.up("web/b1") == true; }));
  server.healthy = false;
  ASSERT_TRUE(until([&] { return monitors.up("web/b1") == false; }));
  EXPECT_NE(monitors.why("web/b1").find("(2 in a row)"), std::string::npos) << monitors.why("web/b1");
  server.healthy = true;
  ASSERT_TRUE(until([&] { return monitors.up("web/b1") == true; }));
  EXPECT_NE(monitors.why("web/b1").find("(3 in a row)"), std::string::npos);
  EXPECT_EQ(changes.size(), 3u);
}

TEST_F(MonitorsTest, flapping_below_fall_changes_nothing) {
  std::atomic<int> asked{0};
  const LoopbackServer server(
      [&asked](int fd) { answer_with(++asked % 3 != 0 ? "HTTP/1.1 200 OK\r\n\r\n" : "HTTP/1.1 503 No\r\n\r\n")(fd); });
  monitors.reconcile(model_of({server.endpoint()}, 2, 2));
  ASSERT_TRUE(until([&] { return asked >= 20; }));
  EXPECT_EQ(changes.size(), 1u);
  EXPECT_EQ(monitors.up("web/b1"), std::optional(true));
}

TEST_F(MonitorsTest, every_address_must_pass) {
  Switchable good;
  Switchable bad;
  bad.healthy = false;
  monitors.reconcile(model_of({good.server.endpoint(), bad.server.endpoint()}));
  ASSERT_TRUE(until([&] { return good.asked >= 3 && bad.asked >= 3; }));
  EXPECT_EQ(monitors.up("web/b1"), std::optional(false));
  bad.healthy = true;
  EXPECT_TRUE(until([&] { return monitors.up("web/b1") == true; }));
}

TEST_F(MonitorsTest, nothing_is_told_before_all_addresses_have_had_a_first_check) {
  Switchable quick;
  std::atomic<bool> open{false};
  const LoopbackServer slow([&open](int fd) {
    while (!open) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    answer_with("HTTP/1.1 200 OK\r\n\r\n")(fd);
  });
  auto model = model_of({quick.server.endpoint(), slow.endpoint()});
  model.pools["web"].monitors[0].timeout_ms = 10'000;
  monitors.reconcile(model);
  EXPECT_TRUE(until([&] { return quick.asked >= 2; }));
  EXPECT_TRUE(changes.empty()) << changes[0].why;
  EXPECT_EQ(monitors.up("web/b1"), std::optional(false));
  EXPECT_EQ(monitors.why("web/b1"), "");
  open = true;
  EXPECT_TRUE(until([&] { return monitors.up("web/b1") == true; }));
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_TRUE(changes[0].up);
}

TEST_F(MonitorsTest, state_survives_a_reconcile) {
  Switchable server;
  auto model = model_of({server.server.endpoint()});
  monitors.reconcile(model);
  ASSERT_TRUE(until([&] { return monitors.up("web/b1") == true; }));
  model.pools["other"].monitors = model.pools["web"].monitors;
  model.pools["other"].backends["x"].addresses = {closed_port()};
  monitors.reconcile(model);
  EXPECT_EQ(monitors.up("web/b1"), std::optional(true));
  EXPECT_EQ(monitors.up("other/x"), std::optional(false));
  // Another definition begins anew, but until its first result the backend stays as it was.
  model.pools["web"].monitors[0].path = "/other";
  monitors.reconcile(model);
  EXPECT_EQ(monitors.up("web/b1"), std::optional(true));
  model.pools["web"].monitors.clear();
  monitors.reconcile(model);
  EXPECT_EQ(monitors.up("web/b1"), std::nullopt);
}

TEST_F(MonitorsTest, a_failing_address_taken_out_counts_no_more) {
  Switchable good;
  monitors.reconcile(model_of({good.server.endpoint(), closed_port()}));
  ASSERT_TRUE(until([&] { return good.asked >= 2 && !changes.empty(); }));
  ASSERT_EQ(monitors.up("web/b1"), std::optional(false));
  monitors.reconcile(model_of({good.server.endpoint()}));
  EXPECT_EQ(monitors.up("web/b1"), std::optional(true));
}

TEST_F(MonitorsTest, many_checks_wait_for_their_turn) {
  Switchable server;
  auto model = model_of({server.server.endpoint()});
  for (int i = 0; i < 700; ++i) {
    model.pools["web"].backends["n" + std::to_string(i)].addresses = {server.server.endpoint()};
  }
  model.pools["web"].monitors[0].interval_ms = 60'000;
  monitors.reconcile(model);
  std::size_t most = 0;
  ASSERT_TRUE(until([&] {
    most = std::max(most, monitors.running());
    return changes.size() == 701;
  }));
  EXPECT_LE(most, checks_max);
  monitors.reconcile({});
  EXPECT_EQ(monitors.running(), 0u);
}

}  // namespace
}  // namespace limpet::control
