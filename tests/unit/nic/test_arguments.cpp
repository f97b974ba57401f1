// The command line for EAL: pure text.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "nic/arguments.hpp"

namespace limpet::nic {
namespace {

using testing::HasSubstr;

const std::vector<unsigned> two_cpus = {0, 1};

model::Model model_with(std::vector<std::string> devices) {
  model::Model model;
  for (std::size_t i = 0; i < devices.size(); ++i) {
    model.ports["p" + std::to_string(i)].device = devices[i];
  }
  return model;
}

bool has_pair(const std::vector<std::string>& arguments, const std::string& option, const std::string& value) {
  const std::string pair[] = {option, value};
  return std::search(arguments.begin(), arguments.end(), std::begin(pair), std::end(pair)) != arguments.end();
}

TEST(Lcores, NameEachWorkerOnceAndControlFirst) {
  const struct {
    std::vector<unsigned> control, workers;
    std::string text;
  } rows[] = {
      {{0}, {0}, "0@(0),1@0"},
      {{0, 1}, {0, 0, 1, 1}, "0@(0,1),1@0,2@0,3@1,4@1"},
      {{2, 5}, {5, 2}, "0@(2,5),1@5,2@2"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(lcores(row.control, row.workers), row.text);
  }
}

TEST(FilePrefix, DiffersBySocketAndNeverChanges) {
  EXPECT_EQ(file_prefix("/run/limpet/limpetd.sock"), file_prefix("/run/limpet/limpetd.sock"));
  EXPECT_NE(file_prefix("/run/limpet/a.sock"), file_prefix("/run/limpet/b.sock"));
  EXPECT_EQ(file_prefix("/a").size(), std::string("limpet-0123456789abcdef").size());
}

TEST(IsPci, KnowsAnAddressFromAName) {
  const struct {
    const char* device;
    bool pci;
  } rows[] = {
      {"0000:3b:00.0", true},
      {"3b:00.0", true},
      {"0000:3b:00.0,representor=0", true},
      {"ABCD:EF:1f.7", true},
      {"net_null0", false},
      {"0000:3b:00.8", false},
      {"000:3b:00.0", false},
      {"3b:00", false},
      {"0000-3b:00.0", false},
      {"", false},
      {"zz:00.0", false},
      {"0000:3b:00.00", false},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(is_pci(row.device), row.pci) << row.device;
  }
}

TEST(DeviceArgument, IsFoundByItsWholeKey) {
  EXPECT_EQ(device_argument("net_af_packet0,iface=front0", "iface"), "front0");
  EXPECT_EQ(device_argument("net_af_packet0,xiface=a,iface=b,c=d", "iface"), "b");
  EXPECT_EQ(device_argument("net_af_packet0,iface", "iface"), "");
  EXPECT_EQ(device_argument("iface=front0", "iface"), "");
  EXPECT_EQ(device_name("net_af_packet0,iface=front0"), "net_af_packet0");
}

TEST(EalArguments, KeepOffPciUnlessADeviceNeedsIt) {
  auto arguments = eal_arguments(model_with({"net_null0"}), two_cpus);
  ASSERT_TRUE(arguments);
  EXPECT_TRUE(has_option(*arguments, "--no-pci"));
  EXPECT_FALSE(has_option(*arguments, "-a"));

  arguments = eal_arguments(model_with({"net_null0", "0000:3b:00.0"}), two_cpus);
  ASSERT_TRUE(arguments);
  EXPECT_FALSE(has_option(*arguments, "--no-pci"));
  EXPECT_TRUE(has_pair(*arguments, "-a", "0000:3b:00.0"));
}

TEST(EalArguments, LeaveNoFilesAndKeepTheOperatorsWords) {
  auto model = model_with({"net_null0"});
  auto arguments = eal_arguments(model, two_cpus);
  ASSERT_TRUE(arguments);
  EXPECT_TRUE(has_option(*arguments, "--in-memory"));
  EXPECT_TRUE(has_pair(*arguments, "--file-prefix", file_prefix(model.limpetd.socket)));

  model.limpetd.eal = {"--no-huge", "-m", "64", "--file-prefix=mine", "--no-pci"};
  arguments = eal_arguments(model, two_cpus);
  ASSERT_TRUE(arguments);
  EXPECT_FALSE(has_option(*arguments, "--in-memory")) << "DPDK refuses it together with --no-huge";
  EXPECT_TRUE(has_option(*arguments, "--no-shconf"));
  EXPECT_TRUE(has_pair(*arguments, "-m", "64"));
  EXPECT_EQ(std::count(arguments->begin(), arguments->end(), "--no-pci"), 1);
  EXPECT_EQ(std::count(arguments->begin(), arguments->end(), "--file-prefix"), 0);
}

TEST(EalArguments, RefuseWithTheReason) {
  auto model = model_with({"net_null0"});
  const auto text = [&] {
    const auto arguments = eal_arguments(model, two_cpus);
    return arguments ? std::string("accepted") : arguments.error().text;
  };
  model.limpetd.workers = {0, 7};
  EXPECT_THAT(text(), HasSubstr("no CPU 7"));
  model.limpetd.workers = {};
  EXPECT_THAT(text(), HasSubstr("0 workers"));
  model.limpetd.workers.assign(workers_max + 1, 0);
  EXPECT_THAT(text(), HasSubstr("1 to 127"));
  model.limpetd.workers = {0};
  model.limpetd.eal = {"--lcores", "0@0"};
  EXPECT_THAT(text(), HasSubstr("[limpetd] workers"));
  model.limpetd.eal = {"--vdev=net_null7"};
  EXPECT_THAT(text(), HasSubstr("[ports.NAME] device"));
}

TEST(EalArguments, RefuseADeviceThatIsNamedTwice) {
  const auto text = [](const model::Model& model) {
    const auto arguments = eal_arguments(model, two_cpus);
    return arguments ? std::string("accepted") : arguments.error().text;
  };
  EXPECT_THAT(text(model_with({"net_null0", "net_null0,size=64"})), HasSubstr("already used by [ports.p0]"));
  EXPECT_THAT(text(model_with({"net_af_packet0,iface=a", "net_af_packet1,iface=a"})),
              HasSubstr("interface \"a\" is already used by [ports.p0]"));
  auto model = model_with({"net_null0"});
  model.ports["p0"].kernel = "net_null0";
  EXPECT_THAT(text(model), HasSubstr("[ports.p0.kernel]"));
}

TEST(Arguments, BesideAnotherTheFilesHaveAnotherName) {
  model::Daemon daemon;
  daemon.socket = "/run/limpetd.sock";
  EXPECT_EQ(beside_another(daemon, "-7").eal, std::vector{"--file-prefix=" + file_prefix(daemon.socket) + "-7"});
  daemon.eal = {"--no-huge", "--file-prefix", "own"};
  EXPECT_EQ(beside_another(daemon, "-7").eal, (std::vector<std::string>{"--no-huge", "--file-prefix", "own-7"}));
  daemon.eal = {"--file-prefix=own"};
  EXPECT_EQ(beside_another(daemon, "-7").eal, std::vector<std::string>{"--file-prefix=own-7"});
}

}  // namespace
}  // namespace limpet::nic
