// Devices and workers on NUMA nodes: who is told, what, and where buffers are made.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nic/nodes.hpp"

namespace limpet::nic {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Row {
  const char* what;
  int device;
  std::vector<int> workers;
  std::vector<unsigned> far;
};

const Row rows[] = {
    {"one node", 0, {0, 0, 0}, {}},
    {"a virtual device", -1, {0, 1}, {}},
    {"all on the device's node", 1, {1, 1}, {}},
    {"none on the device's node", 1, {0, 0}, {0, 1}},
    {"one of three elsewhere", 0, {0, 1, 0}, {1}},
    {"workers on many nodes", 2, {0, 1, 2, 3}, {0, 1, 3}},
    {"a CPU of no known node", 1, {-1, 0}, {1}},
    {"no workers", 1, {}, {}},
};

TEST(Nodes, WorkersThatAreFar) {
  for (const auto& row : rows) {
    EXPECT_EQ(far_workers(row.device, row.workers), row.far) << row.what;
    EXPECT_EQ(far_text("ports.front", "0000:3b:00.0", row.device, row.workers).has_value(), !row.far.empty())
        << row.what;
  }
}

TEST(Nodes, TheOperatorIsToldWhatToDo) {
  const int workers[] = {0, 1, 0, 2};
  const auto text = far_text("ports.front", "0000:3b:00.0", 1, workers);
  ASSERT_TRUE(text);
  EXPECT_THAT(*text, HasSubstr("[ports.front] device 0000:3b:00.0 is on NUMA node 1"));
  EXPECT_THAT(*text, HasSubstr("workers 0, 2, 3 on node 0, 2"));
  EXPECT_THAT(*text, HasSubstr("name CPUs of node 1 in [limpetd] workers"));
  EXPECT_THAT(*far_text("ports.front", "x", 0, std::vector{0, 1}), HasSubstr("worker 1 on node 1"));
}

TEST(Nodes, BuffersWhereWorkersAre) {
  EXPECT_THAT(buffer_nodes(std::vector{0, 0}), ElementsAre(0));
  EXPECT_THAT(buffer_nodes(std::vector{3, 1, 3}), ElementsAre(1, 3));
  EXPECT_THAT(buffer_nodes(std::vector{-1, 1}), ElementsAre(0, 1));
  EXPECT_THAT(buffer_nodes({}), IsEmpty());
}

}  // namespace
}  // namespace limpet::nic
