// What the CLI said about backends survives, and a hostile file does no harm.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "control/admin_store.hpp"
#include "support.hpp"

namespace limpet::control {
namespace {

using model::AdminState;

TEST(AdminStore, keeps_states_over_restarts) {
  const Directory directory;
  {
    AdminStore store(directory / "");
    ASSERT_TRUE(store.load());
    EXPECT_EQ(store.find("web/b1"), std::nullopt);
    ASSERT_TRUE(store.set("web/b1", {AdminState::drain, 1'900'000'000'000}));
    ASSERT_TRUE(store.set("web/b2", {AdminState::offline}));
    ASSERT_TRUE(store.set("web/b2", {AdminState::enabled}));
    ASSERT_TRUE(store.set("web/b3", {AdminState::offline}));
    ASSERT_TRUE(store.forget({"web/b3", "no/such"}));
  }
  AdminStore again(directory / "");
  ASSERT_TRUE(again.load());
  EXPECT_EQ(again.find("web/b1"), (AdminWord{AdminState::drain, 1'900'000'000'000}));
  EXPECT_EQ(again.find("web/b2"), AdminWord{});
  EXPECT_EQ(again.find("web/b3"), std::nullopt);
}

TEST(AdminStore, tolerates_any_content) {
  const struct {
    std::string text;
    bool fine;
    bool b1_known;
  } rows[] = {
      {R"({"backends":{"web/b1":"drain"}})", true, true},
      {R"({"backends":{}})", true, false},
      {R"({"backends":{"web/b1":{"state":"drain","until_ms":5}}})", true, true},
      {R"({"backends":{"web/b1":{"state":"drain","until_ms":-5}}})", false, false},
      {R"({"backends":{"web/b1":{"state":"drain","until_ms":18446744073709551615}}})", false, false},
      {R"({"backends":{"web/b1":{"state":7,"until_ms":1e99}}})", false, false},
      {R"({"backends":{"web/b1":{}}})", false, false},
      {"", false, false},
      {"[", false, false},
      {"[]", false, false},
      {"null", false, false},
      {"{}", false, false},
      {R"({"backends":[]})", false, false},
      {R"({"backends":{"web/b1":"drain","web/b2":7,"x":"drain","web/../b":"drain","web/b4":"DRAIN"}})", false, true},
      {std::string(100'000, '['), false, false},
      {std::string("{\"backends\":{\"web/b1\":\"\xff\"}}"), false, false},
      {std::string(1000, '\0'), false, false},
  };
  for (const auto& row : rows) {
    const Directory directory;
    std::ofstream(directory / "backends.json") << row.text;
    AdminStore store(directory / "");
    EXPECT_EQ(store.load().has_value(), row.fine) << row.text.substr(0, 80);
    EXPECT_EQ(store.find("web/b1").has_value(), row.b1_known) << row.text.substr(0, 80);
    EXPECT_TRUE(store.set("web/b9", {AdminState::drain})) << "what was hostile is replaced";
    EXPECT_TRUE(store.load());
  }
}

TEST(AdminStore, says_when_it_cannot_write_and_forgets_nothing) {
  const Directory directory;
  AdminStore store(directory / "missing");
  const auto written = store.set("web/b1", {AdminState::drain});
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().text.find("missing"), std::string::npos);
  EXPECT_EQ(store.find("web/b1"), std::nullopt);
}

TEST(AdminStore, reads_only_regular_files) {
  const Directory directory;
  ASSERT_EQ(mkfifo((directory / "backends.json").c_str(), 0600), 0);
  AdminStore store(directory / "");
  EXPECT_FALSE(store.load());
}

}  // namespace
}  // namespace limpet::control
