// Deadlines of drains, slow starts and health by live traffic, under a clock of the test's own.
#include "control/backend_life.hpp"

#include "control/configuration.hpp"
#include "fake_runtime.hpp"
#include "model/load.hpp"
#include "support.hpp"

namespace limpet::control {
namespace {

constexpr std::uint32_t full = plan::weight_one;

class BackendLifeTest : public testing::Test {
 protected:
  /// A pool with these keys and backends b1 (weight 1) and b2 (weight 10).
  static model::Model model_of(const std::string& pool_keys, const std::string& more = {}) {
    const auto loaded = model::load_text(fmt::format(R"(
[ports.back]
device = "net_null0"
addresses = ["198.51.100.1/24"]
[pools.web]
{}
[pools.web.backends]
b1 = {{ address = "198.51.100.11:80" }}
b2 = {{ address = "198.51.100.12:80", weight = 10 }}
{}
)",
                                                     pool_keys, more),
                                         "test.toml");
    EXPECT_TRUE(loaded.model) << (loaded.problems.empty() ? "" : loaded.problems[0].text());
    return *loaded.model;
  }
  void start(const model::Model& model) {
    configuration =
        std::make_unique<Configuration>(model, hash::fixed_secret(), plan::Slots(FakeRuntime::backend_slots));
    const auto plan = configuration->compile_first({}, now);
    ASSERT_TRUE(plan) << plan.error().text;
    life.adopt(**plan, model, nullptr, now);
  }
  void apply(const model::Model& model) {
    auto candidate = configuration->prepare(model, {}, now);
    ASSERT_TRUE(candidate) << candidate.error().message;
    life.adopt(*candidate->plan, model, &configuration->plan(), now);
    configuration->commit(std::move(*candidate));
  }
  void pass(Millis ms) {
    for (Millis done = 0; done < ms; done += 10) {
      now.boot_ms += 10;
      now.unix_ms += 10;
      life.tick(now);
    }
  }
  plan::BackendState& state(const std::string& name) {
    return runtime.backends()[BackendSlot(*configuration->slots().backends.find(name))];
  }
  plan::BackendUse& use(unsigned worker, const std::string& name) {
    return runtime.states()[worker]->uses[*configuration->slots().backends.find(name)];
  }
  bool has_event(const std::string& words) {
    return std::any_of(events.entries().begin(), events.entries().end(),
                       [&](const auto& event) { return event.text.find(words) != std::string::npos; });
  }

  Directory directory;
  FakeRuntime runtime;
  Base base{event_base_new()};
  EventLog events{false};
  AdminStore admin{directory / ""};
  Moment now{1'000'000, 1'700'000'000'000};
  Monitors monitors{base.get(), [this](const HealthChange& change) { life.on_monitor(change, now); }};
  BackendLife life{runtime, monitors, admin, events};
  std::unique_ptr<Configuration> configuration;
};

/// A promise of TCP options is what the backends that get connections are known to accept.
TEST_F(BackendLifeTest, promises_what_those_accept_that_serve) {
  const LoopbackServer server([](int) {});
  const auto model = [&](const std::string& monitor) {
    auto made = model_of(monitor, R"(
[ports.front]
device = "net_null1"
addresses = ["203.0.113.1/24"]
[services.web]
listen = ["192.0.2.10:80/tcp"]
pool = "web"
syn_proxy = true
)");
    made.pools["web"].backends["b1"].addresses = {server.endpoint()};
    return made;
  };
  start(model(""));
  const auto promise = [&] { return plan::Promise::unpacked(configuration->plan().services[0].promise->load()); };
  EXPECT_EQ(promise(), plan::Promise{}) << "nothing is known";
  monitors.reconcile(model(R"(monitor = { type = "tcp", interval = "10ms", timeout = "10ms" })"));
  ASSERT_TRUE(loop_until(base.get(), [&] { return state("web/b1").accepts != 0; }));
  pass(10);
  EXPECT_EQ(promise(), plan::Promise{}) << "of b2, that is";
  ASSERT_TRUE(life.set_admin("web/b2", {model::AdminState::offline, 0}, now));
  pass(10);
  const auto accepts = plan::Accepts::unpacked(state("web/b1").accepts);
  EXPECT_EQ(promise().timestamps, accepts.timestamps == plan::Known::yes);
  EXPECT_EQ(promise().mss, std::min<std::uint16_t>(accepts.mss, 8940)) << "what can be promised, at most";
}

TEST_F(BackendLifeTest, a_drain_ends_at_its_deadline) {
  start(model_of(""));
  const auto until = now.unix_ms + 2000;
  ASSERT_TRUE(life.set_admin("web/b1", {model::AdminState::drain, until}, now));
  EXPECT_EQ(state("web/b1").admin, plan::Admin::drain);
  EXPECT_EQ(life.shown("web/b1").until_ms, until);
  pass(1990);
  EXPECT_EQ(state("web/b1").admin, plan::Admin::drain);
  pass(20);
  EXPECT_EQ(state("web/b1").admin, plan::Admin::drained);
  EXPECT_TRUE(has_event("web/b1: drained"));
  apply(model_of("", "b3 = { address = \"198.51.100.13:80\" }"));
  EXPECT_EQ(state("web/b1").admin, plan::Admin::drained) << "an apply changes nothing about it";
  ASSERT_TRUE(life.set_admin("web/b1", {model::AdminState::enabled}, now));
  EXPECT_EQ(state("web/b1").admin, plan::Admin::enabled);
  EXPECT_EQ(life.shown("web/b1").until_ms, 0);
}

TEST_F(BackendLifeTest, a_later_word_takes_the_deadline_away) {
  start(model_of(""));
  ASSERT_TRUE(life.set_admin("web/b1", {model::AdminState::drain, now.unix_ms + 1000}, now));
  ASSERT_TRUE(life.set_admin("web/b1", {model::AdminState::drain}, now));
  pass(5000);
  EXPECT_EQ(state("web/b1").admin, plan::Admin::drain);
}

TEST_F(BackendLifeTest, deadlines_pass_while_the_daemon_is_down) {
  ASSERT_TRUE(admin.set("web/b1", {model::AdminState::drain, now.unix_ms - 1}));
  ASSERT_TRUE(admin.set("web/b2", {model::AdminState::drain, now.unix_ms + 500}));
  start(model_of(""));
  EXPECT_EQ(state("web/b1").admin, plan::Admin::drained);
  EXPECT_EQ(state("web/b2").admin, plan::Admin::drain);
  pass(600);
  EXPECT_EQ(state("web/b2").admin, plan::Admin::drained);
}

TEST_F(BackendLifeTest, a_backend_that_comes_up_starts_slowly) {
  start(model_of("slow_start = \"16s\""));
  EXPECT_EQ(state("web/b2").weight, 10 * full) << "at the start of the daemon all are as they were";
  ASSERT_TRUE(life.set_admin("web/b2", {model::AdminState::drain}, now));
  pass(1000);
  ASSERT_TRUE(life.set_admin("web/b2", {model::AdminState::enabled}, now));
  EXPECT_EQ(state("web/b2").weight, 10 * full / 16);
  pass(8000);
  EXPECT_NEAR(state("web/b2").weight, 10 * full / 2, 10 * full / 50);
  EXPECT_EQ(state("web/b1").weight, full) << "only the one that came up";
  apply(model_of("slow_start = \"16s\"",
                 "b3 = { address = \"198.51.100.13:80\", weight = 0 }\n"
                 "b4 = { address = \"198.51.100.14:80\" }"));
  EXPECT_NEAR(state("web/b2").weight, 10 * full / 2, 10 * full / 50) << "goes on over an apply";
  EXPECT_EQ(state("web/b4").weight, full / 16) << "an added one starts slowly too";
  EXPECT_EQ(state("web/b3").weight, 0u);
  pass(8100);
  EXPECT_EQ(state("web/b2").weight, 10 * full);
  pass(8000);
  EXPECT_EQ(state("web/b4").weight, full);
}

TEST_F(BackendLifeTest, weights_rise_without_a_step_back) {
  start(model_of("slow_start = \"10s\""));
  ASSERT_TRUE(life.set_admin("web/b1", {model::AdminState::offline}, now));
  ASSERT_TRUE(life.set_admin("web/b1", {model::AdminState::enabled}, now));
  std::uint32_t last = 0;
  for (int i = 0; i < 110; ++i) {
    EXPECT_GE(state("web/b1").weight, std::max(last, 1u));
    last = state("web/b1").weight;
    pass(100);
  }
  EXPECT_EQ(last, full);
}

TEST_F(BackendLifeTest, failures_in_a_row_take_a_backend_down) {
  start(model_of("passive = { failures = 3, retry = \"5s\" }"));
  const auto up = [&] { return state("web/b1").health == plan::Health::up; };
  use(0, "web/b1").failed += 2;
  pass(10);
  EXPECT_TRUE(up());
  use(1, "web/b1").succeeded += 1;
  pass(10);
  use(1, "web/b1").failed += 2;
  pass(10);
  EXPECT_TRUE(up()) << "a success between";
  use(0, "web/b1").failed += 1;
  pass(10);
  EXPECT_FALSE(up()) << "three in a row, of all workers";
  EXPECT_TRUE(has_event("web/b1 is down: live traffic: 3 connections in a row"));
  EXPECT_NE(life.shown("web/b1").detail, "");
  EXPECT_EQ(state("web/b2").health, plan::Health::up);
  pass(4970);
  EXPECT_FALSE(up());
  pass(40);
  EXPECT_TRUE(up());
  EXPECT_TRUE(has_event("web/b1 is up"));
  use(0, "web/b1").failed += 1;
  pass(10);
  EXPECT_FALSE(up()) << "on trial one failure is enough";
  pass(5010);
  use(0, "web/b1").succeeded += 1;
  pass(10);
  use(0, "web/b1").failed += 2;
  pass(10);
  EXPECT_TRUE(up()) << "a success ends the trial";
}

TEST_F(BackendLifeTest, what_happened_before_it_was_asked_for_does_not_count) {
  start(model_of(""));
  use(0, "web/b1").failed += 100;
  pass(10);
  apply(model_of("passive = { failures = 3 }"));
  pass(10);
  EXPECT_EQ(state("web/b1").health, plan::Health::up);
  use(0, "web/b1").failed += 3;
  pass(10);
  EXPECT_EQ(state("web/b1").health, plan::Health::down);
  apply(model_of(""));
  EXPECT_EQ(state("web/b1").health, plan::Health::up) << "switched off";
}

TEST_F(BackendLifeTest, monitors_and_traffic_must_both_be_content) {
  std::atomic<bool> healthy{true};
  const LoopbackServer server(
      [&healthy](int fd) { answer_with(healthy ? "HTTP/1.1 200 OK\r\n\r\n" : "HTTP/1.1 500 No\r\n\r\n")(fd); });
  auto model = model_of(
      "passive = { failures = 1, retry = \"1s\" }\n"
      "monitor = { type = \"http\", interval = \"100ms\", timeout = \"90ms\", rise = 1, fall = 1 }");
  model.pools["web"].backends.erase("b2");
  model.pools["web"].monitors[0].interval_ms = 10;
  model.pools["web"].backends["b1"].addresses = {server.endpoint()};
  monitors.reconcile(model);
  start(model);
  const auto up = [&] { return state("web/b1").health == plan::Health::up; };
  EXPECT_FALSE(up()) << "not checked yet";
  ASSERT_TRUE(loop_until(base.get(), up));
  use(0, "web/b1").failed += 1;
  pass(10);
  EXPECT_FALSE(up());
  healthy = false;
  ASSERT_TRUE(loop_until(base.get(), [&] { return monitors.up("web/b1") == false; }));
  pass(1100);
  EXPECT_FALSE(up()) << "its monitors fail";
  healthy = true;
  ASSERT_TRUE(loop_until(base.get(), up));
}

TEST_F(BackendLifeTest, a_slot_s_next_holder_starts_afresh) {
  start(model_of("passive = { failures = 1, retry = \"1h\" }"));
  use(0, "web/b1").failed += 1;
  pass(10);
  ASSERT_EQ(state("web/b1").health, plan::Health::down);
  auto without = model_of("passive = { failures = 1, retry = \"1h\" }");
  without.pools["web"].backends.erase("b1");
  apply(without);
  pass(10);
  apply(model_of("passive = { failures = 1, retry = \"1h\" }"));
  pass(10);
  EXPECT_EQ(state("web/b1").health, plan::Health::up);
  EXPECT_FALSE(life.set_admin("web/none", {}, now));
}

}  // namespace
}  // namespace limpet::control
