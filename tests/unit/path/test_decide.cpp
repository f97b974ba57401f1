// decide() and commit() one by one: what happens between them when another worker or control is faster.
#include "lab.hpp"
#include "path/commit.hpp"

namespace limpet::path {
namespace {

struct Case {
  explicit Case(model::Scope scope = model::Scope::service)
      : lab([&] {
          auto model = base_model();
          model.profiles["client"].scope = scope;
          model.pools["twin"] = pool(1, 4);
          model.services["twin"] = service("twin", {listen("192.0.2.12", 80, net::Protocol::tcp)});
          return model;
        }()) {}

  [[nodiscard]] const plan::Listener& listener(std::string_view vip) const {
    const auto& fronts = lab.node->plan().fronts;
    return lab.node->plan().listeners[fronts.find_listener(ip(vip), 80, 6)];
  }
  [[nodiscard]] Question question(std::string_view vip = "192.0.2.10", std::uint32_t now_s = 1000) const {
    return {lab.node->plan(), listener(vip), {ip("10.0.0.1"), ip(vip), 1000, 80, net::Protocol::tcp}, now_s};
  }
  [[nodiscard]] Decision decide(const Question& asked) {
    return path::decide(asked, {lab.node->records(), lab.node->state(0).loads()});
  }
  const plan::Backend* commit(const Question& asked, const Decision& decision) {
    return path::commit(lab.node->state(0), asked, decision, {}, 1'000'000);
  }
  const plan::Backend* other_than(const plan::Backend* backend) {
    const auto& backends =
        lab.node->plan().pools[lab.node->plan().backend_of_slot[backend->slot.value()].pool].backends;
    return &backends[0] == backend ? &backends[1] : &backends[0];
  }
  record::Table& records() { return lab.node->records(); }

  Lab lab;
};

TEST(Decide, IsPure) {
  Case c;
  const auto asked = c.question();
  const auto first = c.decide(asked);
  EXPECT_EQ(c.decide(asked).backend, first.backend);
  EXPECT_EQ(c.records().stats().provisional, 0u);
  EXPECT_EQ(first.step, Step::algorithm);
  EXPECT_FALSE(first.from.valid());
}

TEST(Decide, ARecordUsedInTheFutureIsFresh) {
  Case c;
  const auto asked = c.question("192.0.2.10", 1000);
  const auto decision = c.decide(asked);
  const auto* bound = c.other_than(decision.backend);
  c.records().claim(decision.key, decision.key_hash, bound->slot, 1001, record::Share::live);
  const auto again = c.decide(asked);  // another worker's clock is a second ahead
  EXPECT_EQ(again.step, Step::record);
  EXPECT_EQ(again.backend, bound);
}

TEST(Decide, AnIdleRecordBindsNoMoreAndIsFreshOnceItHasMoved) {
  Case c;
  const auto asked = c.question("192.0.2.10", 10'000);
  const auto first = c.decide(asked);
  const auto* bound = c.other_than(first.backend);
  c.records().claim(first.key, first.key_hash, bound->slot, 10'000 - 1801, record::Share::live);
  const auto decision = c.decide(asked);
  EXPECT_EQ(decision.step, Step::algorithm);
  EXPECT_EQ(decision.from, bound->slot);
  EXPECT_EQ(decision.reason, Reason::idle_timeout);
  EXPECT_EQ(c.commit(asked, decision), first.backend);
  EXPECT_EQ(c.lab.moved(Reason::idle_timeout), 1u);
  EXPECT_EQ(c.decide(asked).step, Step::record);
}

TEST(Decide, TheLoserOfARaceTakesTheWinnersBackend) {
  Case c;
  const auto asked = c.question();
  const auto decision = c.decide(asked);
  const auto* winner = c.other_than(decision.backend);
  c.records().claim(decision.key, decision.key_hash, winner->slot, 1000, record::Share::provisional);
  EXPECT_EQ(c.commit(asked, decision), winner);
  EXPECT_EQ(c.lab.moved_in_all(), 0u);
}

TEST(Decide, TheLoserOfARaceForAGlobalRecordTakesTheNamesake) {
  Case c(model::Scope::global);
  const auto asked = c.question("192.0.2.12");
  const auto decision = c.decide(asked);
  const auto web = c.decide(c.question("192.0.2.10"));
  ASSERT_EQ(web.key, decision.key);
  c.records().claim(web.key, web.key_hash, web.backend->slot, 1000, record::Share::provisional);
  const auto* backend = c.commit(asked, decision);
  EXPECT_EQ(backend->name, "twin/" + web.backend->name.substr(4));
}

TEST(Decide, AMoveThatComesSecondIsNotCountedTwice) {
  Case c;
  const auto asked = c.question();
  const auto first = c.decide(asked);
  c.commit(asked, first);
  c.lab.node->backends()[first.backend->slot].health = plan::Health::down;
  const auto decision = c.decide(asked);
  ASSERT_NE(decision.backend, first.backend);
  EXPECT_EQ(c.commit(asked, decision), decision.backend);
  EXPECT_EQ(c.commit(asked, decision), decision.backend);  // another worker that had decided the same
  EXPECT_EQ(c.lab.moved(Reason::backend_down), 1u);
}

TEST(Decide, AMoveOfARecordThatHasJustEndedIsKeptAndCounted) {
  Case c;
  const auto asked = c.question();
  const auto first = c.decide(asked);
  c.commit(asked, first);
  c.lab.node->backends()[first.backend->slot].health = plan::Health::down;
  const auto decision = c.decide(asked);
  c.records().erase(decision.key, decision.key_hash);
  EXPECT_EQ(c.commit(asked, decision), decision.backend);
  EXPECT_EQ(c.lab.moved(Reason::backend_down), 1u);
  const auto record = c.records().find(decision.key, decision.key_hash);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->backend, decision.backend->slot);
}

}  // namespace
}  // namespace limpet::path
