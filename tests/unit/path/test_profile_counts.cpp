// What is counted of profiles: by which of them new flows were decided, and which were asked in vain.
#include "delay_world.hpp"

namespace limpet::path {
namespace {

using Counts = std::map<std::string, std::uint64_t>;

/// Those that are not zero.
Counts counts_of(const Lab& lab, const std::string& profile) {
  Counts counts;
#define LIMPET_PROFILE_COUNT(name, title, help) counts[#name] = lab.count(profile, ProfileCounter::name);
#include "counters/profile_counters.def"
#undef LIMPET_PROFILE_COUNT
  std::erase_if(counts, [](const auto& one) { return one.second == 0; });
  return counts;
}

std::string request(std::string_view header) {
  return fmt::format("GET / HTTP/1.1\r\nHost: web.example\r\n{}\r\n\r\n", header);
}

/// Profiles route, user and client, each the next one's backup.
struct Asked {
  Asked() : lab(model()), world(lab) {}
  static model::Model model() {
    model::Model model = reading_model();
    model.services["web"].persist = {"route", "user", "client"};
    return model;
  }
  /// A connection that has said this gets a backend.
  void ask(std::string_view client, const std::string& text) {
    const std::size_t before = world.servers.size();
    world.client(client).write(text);
    EXPECT_TRUE(world.run_until([&] { return world.servers.size() > before; }));
    world.run(50);
  }
  Lab lab;
  DelayWorld world;
};

TEST(ProfileCounts, tell_who_decided_and_who_was_asked_in_vain) {
  Asked asked;
  asked.ask("10.0.0.1:1000", request("Cookie: SERVER=x.b2"));
  EXPECT_EQ(counts_of(asked.lab, "route"), (Counts{{"token_hit", 1}}));
  EXPECT_EQ(counts_of(asked.lab, "user"), Counts{}) << "it was not asked";
  asked.ask("10.0.0.1:1001", request("Cookie: SERVER=x.b9"));  // no such backend, no header
  EXPECT_EQ(counts_of(asked.lab, "route"), (Counts{{"token_hit", 1}, {"backup", 1}}));
  EXPECT_EQ(counts_of(asked.lab, "user"), (Counts{{"backup", 1}}));
  EXPECT_EQ(counts_of(asked.lab, "client"), (Counts{{"chosen", 1}}));
  asked.ask("10.0.0.1:1002", request("Accept: x"));
  EXPECT_EQ(counts_of(asked.lab, "client"), (Counts{{"chosen", 1}, {"record_hit", 1}}));
  asked.ask("10.0.0.1:1003", request("X-User: me"));
  asked.ask("10.0.0.1:1004", request("X-User: me"));
  EXPECT_EQ(counts_of(asked.lab, "user"), (Counts{{"backup", 2}, {"chosen", 1}, {"record_hit", 1}}));
  asked.lab.set_health("web/b2", plan::Health::down);
  asked.ask("10.0.0.1:1005", request("Cookie: SERVER=x.b2"));
  EXPECT_EQ(counts_of(asked.lab, "route"), (Counts{{"token_hit", 1}, {"backup", 4}, {"chosen", 1}}));
}

TEST(ProfileCounts, tell_why_nothing_was_found) {
  Asked asked;
  asked.ask("10.0.0.1:1000", "");
  EXPECT_EQ(counts_of(asked.lab, "route"), (Counts{{"backup", 1}, {"timed_out", 1}}));
  EXPECT_EQ(counts_of(asked.lab, "user"), (Counts{{"backup", 1}, {"timed_out", 1}}));
  EXPECT_EQ(counts_of(asked.lab, "client"), (Counts{{"chosen", 1}}));
  asked.ask("10.0.0.2:1000", "no HTTP at all\r\n\r\n");
  EXPECT_EQ(counts_of(asked.lab, "route"), (Counts{{"backup", 2}, {"timed_out", 1}}));
  const std::string large = request("X-Large: " + std::string(20000, 'x'));
  asked.ask("10.0.0.3:1000", large);
  EXPECT_EQ(counts_of(asked.lab, "route"), (Counts{{"backup", 3}, {"timed_out", 1}, {"oversized", 1}}));
  EXPECT_TRUE(asked.world.run_until([&] { return asked.world.servers.back().peer->received() == large; }));
}

TEST(ProfileCounts, sum_what_workers_and_services_decided) {
  Lab lab(Lab::Setup{.workers = 2});
  std::set<unsigned> owners;
  for (std::uint32_t i = 1; i <= 8; ++i) {
    const net::Endpoint client{client_address(i), 1000};
    owners.insert(lab.node->state(0).node.owner.owner(client.address));
    Talk web(lab, client, endpoint("192.0.2.10:80"));
    web.open();
    web.close();
    Talk(lab, client, endpoint("192.0.2.10:53")).open();
    Talk(lab, {client.address, 2000}, endpoint("192.0.2.10:80")).open();
  }
  EXPECT_EQ(owners.size(), 2u);
  EXPECT_EQ(counts_of(lab, "client"), (Counts{{"chosen", 16}, {"record_hit", 8}}));
}

TEST(ProfileCounts, go_on_by_name) {
  model::Model model = base_model();
  model.profiles["other"] = model.profiles["client"];
  model.services["dns"].persist = {"other"};
  Lab lab(model);
  Talk(lab, "10.0.0.1", 1000).open();
  Talk(lab, "10.0.0.1", 1000, "192.0.2.10:53").open();
  lab.model.profiles["client"].idle_timeout_ms *= 2;
  lab.model.services["dns"].persist = {"client"};
  lab.model.profiles.erase("other");
  lab.apply();
  EXPECT_EQ(lab.count("client", ProfileCounter::chosen), 1u);
  Talk(lab, "10.0.0.2", 1000).open();
  EXPECT_EQ(lab.count("client", ProfileCounter::chosen), 2u);
  lab.model.profiles["other"] = lab.model.profiles["client"];
  lab.apply();
  EXPECT_EQ(counts_of(lab, "other"), Counts{}) << "another one of that name";
}

}  // namespace
}  // namespace limpet::path
