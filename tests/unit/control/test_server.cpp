// The socket under hostile clients.
#include <event2/thread.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <latch>

#include "control/server.hpp"
#include "support.hpp"

namespace limpet::control {
namespace {

using api::Code;
using api::Json;

/// A server in a thread of its own, with commands that answer at once, later, never, and at length.
class ServerTest : public testing::Test {
 protected:
  ServerTest() {
    evthread_use_pthreads();
    base.reset(event_base_new());
    dispatcher.on("version", [](const Json&) -> api::Dispatcher::Answer { return Json{{"version", "x"}}; });
    dispatcher.on("backend.drain", [](const Json&) -> api::Dispatcher::Answer { return Json{{"state", "drain"}}; });
    dispatcher.on("config.show", [](const Json&) -> api::Dispatcher::Answer {
      return Json{{"text", std::string(4u << 20, 'x')}};
    });
    dispatcher.on_later("show.flows", [this](const Json&, const api::Dispatcher::Done& done) {
      auto timer = std::make_unique<Event>(base.get(), -1, 0, [done](short) {
        done(Json{{"items", Json::array()}, {"next", nullptr}});
      });
      timer->add(20);
      timers.push_back(std::move(timer));
    });
    dispatcher.on_later("show.records",
                        [this](const Json&, const api::Dispatcher::Done& done) { held.push_back(done); });
  }
  ~ServerTest() override { stop(); }

  void start(ServerLimits limits = {}) {
    server = std::make_unique<Server>(base.get(), dispatcher, events, limits);
    const auto listening = server->listen(path);
    ASSERT_TRUE(listening) << listening.error().text;
    keep = std::make_unique<Event>(base.get(), -1, EV_PERSIST, [this](short) {
      clients = server->clients();
      if (halting) {
        event_base_loopbreak(base.get());
      }
    });
    keep->add(1);
    thread = std::thread([this] { event_base_dispatch(base.get()); });
  }
  void halt() {
    if (thread.joinable()) {
      halting = true;
      thread.join();
      halting = false;
    }
  }
  void stop() {
    halt();
    server.reset();
    keep.reset();
  }

  Directory directory;
  std::string path = directory / "limpetd.sock";
  EventLog events{false};
  Base base;
  api::Dispatcher dispatcher;
  std::vector<api::Dispatcher::Done> held;
  std::vector<std::unique_ptr<Event>> timers;  // of answers that come later
  std::unique_ptr<Server> server;
  std::atomic<std::size_t> clients{0};  // as the server's thread sees them
  std::atomic<bool> halting{false};
  std::unique_ptr<Event> keep;
  std::thread thread;
};

Code code_of(const api::Reply& reply) {
  return reply.result ? Code{} : reply.result.error().code;
}

TEST_F(ServerTest, answers_in_order_at_once_or_later) {
  start();
  UnixClient client(path);
  std::string requests;
  for (int i = 0; i < 20; ++i) {
    requests += api::request_line(i, i % 2 == 0 ? "show.flows" : "version", Json::object());
  }
  ASSERT_TRUE(client.send(requests));
  for (int i = 0; i < 20; ++i) {
    const auto reply = client.reply();
    EXPECT_EQ(reply.id, i);
    EXPECT_TRUE(reply.result);
  }
}

TEST_F(ServerTest, has_the_mode_that_lets_its_group_in) {
  start();
  struct stat about {};
  ASSERT_EQ(stat(path.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777u, 0660u);
  UnixClient client(path);
  EXPECT_TRUE(client.call("backend.drain", {{"backend", "web/b1"}})) << "the daemon's own user may write";
}

TEST_F(ServerTest, answers_each_bad_line_with_an_error) {
  start();
  const struct {
    std::string line;
    Code code;
  } rows[] = {
      {"{", Code::parse_error},
      {"", Code::parse_error},
      {"\xff\xfe", Code::parse_error},
      {std::string(50'000, '['), Code::parse_error},
      {"[]", Code::invalid_request},
      {"7", Code::invalid_request},
      {R"({"jsonrpc":"2.0","id":1,"method":"no.such"})", Code::unknown_method},
      {R"({"jsonrpc":"2.0","id":1,"method":"version","params":{"x":1}})", Code::invalid_params},
      {R"({"jsonrpc":"2.0","id":1,"method":"show.pools"})", Code::refused},
  };
  UnixClient client(path);
  for (const auto& row : rows) {
    ASSERT_TRUE(client.send(row.line + "\n"));
    EXPECT_EQ(code_of(client.reply()), row.code) << row.line.substr(0, 60);
  }
  EXPECT_TRUE(client.call("version"));
}

TEST_F(ServerTest, refuses_an_oversized_line_and_goes_on) {
  start();
  UnixClient client(path);
  ASSERT_TRUE(client.send(std::string(3u << 20, 'a') + "\n"));
  EXPECT_EQ(code_of(client.reply()), Code::too_large);
  EXPECT_TRUE(client.call("version"));
}

TEST_F(ServerTest, answers_half_a_request_at_its_end) {
  start();
  UnixClient client(path);
  ASSERT_TRUE(client.send(api::request_line(1, "version", Json::object()) + R"({"jsonrpc":"2.0")"));
  client.finish_sending();
  EXPECT_TRUE(client.reply().result);
  EXPECT_EQ(code_of(client.reply()), Code::parse_error);
  EXPECT_EQ(client.line(), "") << "then the connection is closed";
  EXPECT_TRUE(eventually([&] { return clients == 0; }));
}

TEST_F(ServerTest, answers_after_the_client_has_said_all) {
  start();
  UnixClient client(path);
  ASSERT_TRUE(client.send(api::request_line(1, "show.flows", Json::object()) +
                          api::request_line(2, "version", Json::object())));
  client.finish_sending();
  EXPECT_EQ(client.reply().id, 1);
  EXPECT_EQ(client.reply().id, 2);
  EXPECT_EQ(client.line(), "");
}

TEST_F(ServerTest, ends_a_request_that_never_gets_whole) {
  start({.stall_ms = 50});
  UnixClient half(path);
  UnixClient quiet(path);
  ASSERT_TRUE(half.send("{\"jsonrpc\":"));
  EXPECT_EQ(code_of(half.reply()), Code::parse_error);
  EXPECT_EQ(half.line(), "");
  std::this_thread::sleep_for(std::chrono::milliseconds(150));
  EXPECT_TRUE(quiet.call("version")) << "a quiet client stays";
}

TEST_F(ServerTest, serves_64_at_once_and_tells_the_next) {
  start();
  std::vector<std::unique_ptr<UnixClient>> peers;
  for (int i = 0; i < 64; ++i) {
    peers.push_back(std::make_unique<UnixClient>(path));
    ASSERT_TRUE(peers.back()->connected());
  }
  for (auto& client : peers) {
    EXPECT_TRUE(client->call("version"));
  }
  UnixClient one_more(path);
  EXPECT_EQ(code_of(one_more.reply()), Code::busy);
  EXPECT_EQ(one_more.line(), "");
  peers.pop_back();
  ASSERT_TRUE(eventually([&] { return clients == 63; }));
  UnixClient later(path);
  EXPECT_TRUE(later.call("version"));
}

TEST_F(ServerTest, bears_clients_that_leave_in_mid_reply) {
  start();
  for (int i = 0; i < 20; ++i) {
    UnixClient client(path);
    const std::string_view methods[] = {"config.show", "show.flows", "show.records"};
    ASSERT_TRUE(client.send(api::request_line(1, "version", Json::object()) +
                            api::request_line(2, methods[i % 3], Json::object())));
    client.line();
  }
  UnixClient client(path);
  EXPECT_TRUE(client.call("version"));
  EXPECT_TRUE(eventually([&] { return clients == 1; }));
  halt();
  EXPECT_FALSE(held.empty());
  for (const auto& done : held) {
    done(Json::object());  // an answer that nobody waits for
  }
}

TEST_F(ServerTest, closes_a_client_that_does_not_read) {
  start({.stall_ms = 100});
  UnixClient slow(path);
  ASSERT_TRUE(slow.call("version"));
  ASSERT_TRUE(eventually([&] { return clients == 1; }));
  std::string requests;
  for (int i = 0; i < 50; ++i) {
    requests += api::request_line(i, "config.show", Json::object());
  }
  ASSERT_TRUE(slow.send(requests));
  EXPECT_TRUE(eventually([&] { return clients == 0; }));
}

TEST_F(ServerTest, closes_at_the_high_water_mark) {
  start({.output_max_bytes = 1u << 20});
  UnixClient client(path);
  ASSERT_TRUE(client.call("version"));
  ASSERT_TRUE(eventually([&] { return clients == 1; }));
  ASSERT_TRUE(client.send(api::request_line(1, "config.show", Json::object())));
  EXPECT_TRUE(eventually([&] { return clients == 0; }));
}

TEST_F(ServerTest, replaces_a_stale_socket_but_not_a_live_one) {
  start();
  Server second(base.get(), dispatcher, events);
  const auto refused = second.listen(path);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text.find("in use by another limpetd"), std::string::npos);
  EXPECT_EQ(refused.error().text.find('\n'), std::string::npos);
  UnixClient client(path);
  EXPECT_TRUE(client.call("version")) << "the live one was left alone";
  stop();
  EXPECT_FALSE(std::filesystem::exists(path));

  const Fd stale(socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(stale.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  start();
  UnixClient again(path);
  EXPECT_TRUE(again.call("version"));
}

TEST_F(ServerTest, tells_what_is_wrong_with_a_path) {
  std::ofstream(directory / "file") << "precious";
  const struct {
    std::string path;
    std::string text;
  } rows[] = {
      {directory / "file", "no socket"},
      {std::string(200, 'x'), "1 to 107 bytes"},
      {"", "1 to 107 bytes"},
      {directory / "a/b/c.sock", "No such file"},
  };
  for (const auto& row : rows) {
    Server one(base.get(), dispatcher, events);
    const auto refused = one.listen(row.path);
    ASSERT_FALSE(refused) << row.path;
    EXPECT_NE(refused.error().text.find(row.text), std::string::npos) << refused.error().text;
  }
  std::string kept;
  std::ifstream(directory / "file") >> kept;
  EXPECT_EQ(kept, "precious");
}

}  // namespace
}  // namespace limpet::control
