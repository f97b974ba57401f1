// Control running on a machine in memory, and a client of its socket.
#pragma once

#include <gtest/gtest.h>

#include <fstream>

#include "api/commands.hpp"
#include "control/accounts.hpp"
#include "control/control.hpp"
#include "fake_runtime.hpp"
#include "model/load.hpp"
#include "path/flow_keys.hpp"
#include "plan/session_key.hpp"
#include "support.hpp"

namespace limpet::control {

using api::Code;
using api::Json;

class ControlTest : public testing::Test {
 protected:
  ~ControlTest() override { stop(); }

  /// `backends`: lines of [pools.web.backends]; `more`: further sections.
  [[nodiscard]] std::string text(const std::string& backends, const std::string& pool_keys = {},
                                 const std::string& more = {}) const {
    return fmt::format(R"(
[limpetd]
socket = "{0}"
state_dir = "{1}"
tables = "{1}"
secret_file = "{1}/secret"
[limits]
flows_max = 1000
records_max = 1000
[ports.front]
device = "net_null0"
addresses = ["192.0.2.1/24", "2001:db8:1::1/64"]
[ports.back]
device = "net_null1"
addresses = ["198.51.100.1/24"]
neighbors = {{ "198.51.100.11" = "02:00:00:00:00:11" }}
[profiles.client]
type = "source_ip"
[pools.web]
{3}
[pools.web.backends]
{2}
[services.web]
listen = ["192.0.2.10:80/tcp"]
pool = "web"
persist = ["client"]
{4}
)",
                       directory / "limpetd.sock", directory / "", backends, pool_keys, more);
  }
  static constexpr const char* two = R"(
b1 = { address = "198.51.100.11:80" }
b2 = { address = "198.51.100.12:80", weight = 2 })";
  static constexpr const char* three = R"(
b1 = { address = "198.51.100.11:80" }
b2 = { address = "198.51.100.12:80", weight = 2 }
b3 = { address = "198.51.100.13:80", state = "drain" })";

  void start(const std::string& configuration) {
    std::ofstream(config_path) << configuration;
    const auto loaded = model::load_text(configuration, "test.toml");
    ASSERT_TRUE(loaded.model) << (loaded.problems.empty() ? "" : loaded.problems[0].text());
    control = std::make_unique<Control>(runtime, *loaded.model, config_path, hash::fixed_secret());
    const auto started = control->start();
    ASSERT_TRUE(started) << started.error().text;
    thread = std::thread([this] { status = control->run(); });
    client = std::make_unique<UnixClient>(directory / "limpetd.sock");
    ASSERT_TRUE(client->connected());
  }
  void stop() {
    if (thread.joinable()) {
      control->stop();
      thread.join();
    }
    client.reset();
    control.reset();
  }

  Json call(std::string_view method, const Json& params = Json::object()) {
    auto result = client->call(method, params);
    EXPECT_TRUE(result) << method << ": " << (result ? "" : result.error().message);
    return result.value_or(Json(nullptr));
  }
  Json items(std::string_view method, const Json& params = Json::object()) { return call(method, params).at("items"); }
  api::RpcError refused(std::string_view method, const Json& params = Json::object()) {
    auto result = client->call(method, params);
    EXPECT_FALSE(result) << method << ": " << (result ? result->dump() : "");
    return result ? api::RpcError{Code{}, "", nullptr} : result.error();
  }
  Json backend(const std::string& name) {
    for (const auto& row : items("show.backends")) {
      if (row.at("name") == name) {
        return row;
      }
    }
    return nullptr;
  }
  bool has_event(const std::string& words) {
    for (const auto& row : items("show.events")) {
      if (row.at("text").get<std::string>().find(words) != std::string::npos) {
        return true;
      }
    }
    return false;
  }
  BackendSlot slot_of(const std::string& name) {
    for (const auto& pool : runtime.current_plan()->pools) {
      for (const auto& backend : pool.backends) {
        if (backend.name == name) {
          return backend.slot;
        }
      }
    }
    ADD_FAILURE() << name;
    return {};
  }
  /// The profile of service web.
  const plan::Persist& web_profile() {
    for (const auto& service : runtime.current_plan()->services) {
      if (service.name == "web") {
        return service.persist.at(0);
      }
    }
    std::abort();
  }
  /// A record of service web for a client.
  void bind_client(const std::string& address, const std::string& backend) {
    const auto& persist = web_profile();
    const auto key =
        record::source_key(*net::IpAddress::parse(address), persist.prefix4, persist.prefix6, persist.scope);
    auto& records = runtime.records();
    const auto claim = records.claim(key, records.hash(key), slot_of(backend),
                                     static_cast<std::uint32_t>(runtime.now_ms() / 1000), record::Share::live);
    EXPECT_EQ(claim.outcome, record::Outcome::claimed);
  }
  void add_flow(unsigned worker, const std::string& from, const std::string& backend) {
    const auto client_end = *net::Endpoint::parse(from);
    const std::lock_guard lock(runtime.worker_mutex);
    auto& state = *runtime.states().at(worker);
    const auto& listener = runtime.current_plan()->listeners.at(0);
    const auto key = path::narrow_forward(
        listener, {client_end.address, listener.listen.prefix.address, client_end.l4_port, listener.listen.l4_port});
    const flow::Value value{slot_of(backend).value(), flow::State::established, 0, Tick16(runtime.now_ms())};
    EXPECT_NE(state.flows.insert(key, state.flows.hash(key), value), nullptr);
  }
  /// A connection whose client has said so much, in as many packets.
  path::Awaited& add_held(unsigned worker, const std::string& from, std::initializer_list<std::uint32_t> sizes) {
    const auto client_end = *net::Endpoint::parse(from);
    const std::lock_guard lock(runtime.worker_mutex);
    auto& state = *runtime.states().at(worker);
    const auto slot = runtime.current_plan()->listeners.at(0).slot;
    const splice::ConnectionKey key{client_end.address, client_end.l4_port, static_cast<std::uint16_t>(slot.value())};
    path::Awaited& one = *state.awaited.add(key);
    one.opened_ms = runtime.now_ms();
    one.late_ms = one.opened_ms + 3000;
    state.spliced.insert(key)->waiting = state.awaited.index_of(one);
    std::uint32_t sequence = 1;
    for (const std::uint32_t size : sizes) {
      EXPECT_EQ(state.awaited.hold(one, {}, {sequence, size, 0}), path::AwaitedConnections::Hold::held);
      sequence += size;
    }
    return one;
  }

  Directory directory;
  std::string config_path = directory / "limpet.toml";
  FakeRuntime runtime;
  std::unique_ptr<Control> control;
  std::thread thread;
  std::unique_ptr<UnixClient> client;
  int status = -1;
};

}  // namespace limpet::control
