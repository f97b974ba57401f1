// Seeded little worlds: clients and connections whose packets come to random workers while backends go down, up,
// drain, leave and come. The model knows of each session where it was and which reasons to leave it had since.
#include <map>
#include <random>
#include <set>

#include "lab.hpp"

namespace limpet::path {
namespace {

using plan::Admin;
using plan::Health;

constexpr unsigned steps = 250;
constexpr std::uint64_t seeds = 300;
constexpr std::uint32_t clients = 12;

struct Service {
  const char* pool;
  const char* vip4;
  const char* vip6;
};
constexpr Service services[] = {{"web", "192.0.2.10:80", "[2001:db8:1::10]:80"},
                                {"dns", "192.0.2.10:53", "[2001:db8:1::10]:53"}};

class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed), lab_(setup(seed % 2 == 0 ? 1 : 4, random_() % 2 == 0)) {}

  void step() {
    switch (random_() % 10) {
      case 0:
        change_backend();
        break;
      case 1:
        random_() % 4 == 0 ? change_model() : lab_.wait_ms(random_() % 3000);
        break;
      default:
        talk();
    }
  }
  void check_moves() {
    // Idle are flows that had no record.
    static const std::set<Reason> expected = {Reason::backend_down, Reason::backend_offline, Reason::backend_removed,
                                              Reason::drain_expired, Reason::idle_timeout};
    std::uint64_t sum = 0;
    for (const Move& move : lab_.node->take_moves()) {
      EXPECT_TRUE(expected.contains(move.reason)) << reason_names[static_cast<std::size_t>(move.reason)];
      ++sum;
    }
    EXPECT_EQ(sum, lab_.moved_in_all());
    // The second: what removed backends still answer.
    EXPECT_EQ(lab_.dropped(), lab_.count(Counter::drop_no_backend) + lab_.count(Counter::drop_no_service));
  }

 private:
  struct Session {
    std::string at;  // where its last new connection went
    Millis moved_ms = 0;
    record::Record record;             // when it was last seen
    std::set<std::string> had_reason;  // backends that gave it a reason to leave since it was seen there
  };
  struct Connection {
    std::uint32_t client;
    const Service* service;
    Talk talk;
    std::string at;
    bool open = false;  // established, and its backend has been in the pool ever since
  };

  static Lab::Setup setup(unsigned workers, bool expire) {
    Lab::Setup made;
    made.workers = workers;
    made.flows_max = 512;
    made.records_max = 512;
    made.model.profiles["client"].on_drain = expire ? model::OnDrain::expire : model::OnDrain::keep;
    return made;
  }
  [[nodiscard]] unsigned worker() { return static_cast<unsigned>(random_() % lab_.node->workers()); }
  static net::IpAddress address_of(std::uint32_t client) {
    return client % 2 == 0 ? client_address(client) : ip(fmt::format("2001:db8:{:x}::1", client + 0x100));
  }
  [[nodiscard]] std::vector<std::string> backends(const std::string& pool) const {
    std::vector<std::string> names;
    for (const auto& [name, backend] : lab_.model.pools.at(pool).backends) {
      names.push_back(name);
    }
    return names;
  }

  /// Sessions there may leave from now on, until they are seen again.
  void give_reason(const std::string& pool, const std::string& name) {
    for (auto& [key, session] : sessions_) {
      if (key.second->pool == pool) {
        session.had_reason.insert(name);
      }
    }
  }

  void change_backend() {
    const std::string pool = services[random_() % 2].pool;
    const auto names = backends(pool);
    const std::string& name = names[random_() % names.size()];
    plan::BackendState& state = lab_.node->backend(pool + "/" + name);
    switch (random_() % 6) {
      case 0:
        state.health = Health::down;
        break;
      case 1:
        state.admin = Admin::offline;
        break;
      case 2:
        state.admin = Admin::drain;
        break;
      default:
        state.health = Health::up;
        state.admin = Admin::enabled;
        return;
    }
    const bool leaves = state.health == Health::down || state.admin == Admin::offline ||
                        lab_.model.profiles["client"].on_drain == model::OnDrain::expire;
    if (leaves) {
      give_reason(pool, name);
    }
  }

  void change_model() {
    const std::string pool = services[random_() % 2].pool;
    auto& declared = lab_.model.pools[pool].backends;
    const unsigned number = 1 + static_cast<unsigned>(random_() % 6);
    const std::string name = fmt::format("b{}", number);
    if (declared.contains(name)) {
      if (declared.size() == 1) {
        return;
      }
      declared.erase(name);
      give_reason(pool, name);
      for (Connection& connection : connections_) {
        connection.open = connection.open && !(pool == connection.service->pool && name_at(connection.at) == name);
      }
    } else {
      declared[name] = backend(number, pool == "dns" ? 53 : 8080);
    }
    lab_.apply();
  }

  void talk() {
    if (connections_.empty() || random_() % 3 == 0) {
      return connect();
    }
    const std::size_t index = random_() % connections_.size();
    Connection& connection = connections_[index];
    if (random_() % 4 == 0) {
      connection.talk.down(flags::ack, worker());
      return;
    }
    const bool udp = std::string_view(connection.service->pool) == "dns";
    const bool end = random_() % 10 == 0;
    const auto at = connection.talk.up(end ? flags::fin_ack : flags::ack, worker());
    if (!udp && connection.open) {
      EXPECT_EQ(at, connection.at) << "an established flow left its backend";
    } else if (!at.empty() && (at != connection.at || (udp && !may_lag(connection)))) {
      saw(connection, at);
    }
    if (end || at.empty() || (!udp && at != connection.at)) {
      connections_.erase(connections_.begin() + static_cast<std::ptrdiff_t>(index));
    } else {
      connection.at = at;
    }
  }

  void connect() {
    const auto client = static_cast<std::uint32_t>(random_() % clients);
    const Service* service = &services[random_() % 2];
    const net::IpAddress address = address_of(client);
    Connection connection{
        client, service, Talk(lab_, {address, next_port_++}, endpoint(address.is_v4() ? service->vip4 : service->vip6)),
        ""};
    connection.at = connection.talk.up(flags::syn, worker());
    if (connection.at.empty()) {
      return;
    }
    saw(connection, connection.at);
    if (random_() % 4 != 0) {
      connection.talk.down(flags::syn_ack, worker());
      const auto at = connection.talk.up(flags::ack, worker());
      EXPECT_EQ(at, connection.at);
      connection.open = true;
    }
    connections_.push_back(std::move(connection));
  }

  /// UDP flows look at their record once a second.
  [[nodiscard]] bool may_lag(const Connection& connection) {
    return lab_.node->now_ms() - sessions_[{connection.client, connection.service}].moved_ms < 1000;
  }

  [[nodiscard]] record::Record record_of(const Connection& connection) {
    const plan::Plan& plan = lab_.node->plan();
    const auto vip = endpoint(connection.service->vip4);
    const std::uint8_t protocol = vip.l4_port == 53 ? net::ip_protocol::udp : net::ip_protocol::tcp;
    const auto& listener = plan.listeners[plan.fronts.find_listener(vip.address, vip.l4_port, protocol)];
    const plan::Persist& persist = plan.service_of(listener).persist.front();
    const auto key = record::source_key(address_of(connection.client), 32, 64, persist.scope);
    return lab_.node->records().find(key, lab_.node->records().hash(key)).value_or(record::Record{});
  }

  /// A packet that follows the session, not an established flow.
  void saw(const Connection& connection, const std::string& at) {
    const auto& state = lab_.node->backend(std::string(connection.service->pool) + "/" + name_at(at));
    EXPECT_EQ(state.health.load(), Health::up);
    EXPECT_NE(state.admin.load(), Admin::offline);
    Session& session = sessions_[{connection.client, connection.service}];
    const bool ends = session.record.provisional || !session.record.backend.valid();
    if (ends && lab_.node->now_ms() / 1000 - session.record.created_s > record::provisional_life_s) {
      session.at.clear();  // a client that has not shown its address is forgotten
    }
    session.record = record_of(connection);
    if (!session.at.empty() && session.at != at) {
      EXPECT_TRUE(session.had_reason.contains(name_at(session.at))) << "moved without a reason from " << session.at;
      session.moved_ms = lab_.node->now_ms();
    }
    session.at = at;
    session.had_reason.clear();
  }

  std::mt19937_64 random_;
  Lab lab_;
  std::map<std::pair<std::uint32_t, const Service*>, Session> sessions_;
  std::vector<Connection> connections_;
  std::uint16_t next_port_ = 1024;
};

void simulate(std::uint64_t seed) {
  SCOPED_TRACE(fmt::format("seed {}", seed));
  World world(seed);
  for (unsigned step = 0; step < steps && !::testing::Test::HasFailure(); ++step) {
    SCOPED_TRACE(fmt::format("step {}", step));
    world.step();
  }
  world.check_moves();
}

/// LIMPET_SEED=N runs that one world.
TEST(Simulation, SessionsMoveForAReasonOnly) {
  if (const char* seed = std::getenv("LIMPET_SEED")) {
    return simulate(std::strtoull(seed, nullptr, 10));
  }
  for (std::uint64_t seed = 0; seed < seeds && !HasFailure(); ++seed) {
    simulate(seed);
  }
}

}  // namespace
}  // namespace limpet::path
