// What a file says of itself, and what is refused.
#include "restart/header.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace limpet::restart {
namespace {

using testing::HasSubstr;

constexpr BootId boot = {1, 2, 3};
const Geometry geometry = {{1000, 250}, {2500, 625}, 3, 77};

std::vector<std::byte> file_of(const Header& header) {
  std::vector<std::byte> file(header_bytes + 1000);
  write_header(file, header);
  return file;
}

std::string refusal(std::span<const std::byte> file, Kind kind = Kind::flows) {
  const auto header = read_header(file, kind, boot);
  return header ? "" : header.error().text;
}

TEST(Header, ComesBackAsItWas) {
  const auto file = file_of(make_header(Kind::flows, geometry, boot, 5, 2, 1000));
  const auto header = read_header(file, Kind::flows, boot);
  ASSERT_TRUE(header) << header.error().text;
  EXPECT_TRUE(header->geometry() == geometry);
  EXPECT_EQ(header->set_id, 5u);
  EXPECT_EQ(header->worker, 2u);
  EXPECT_EQ(header->layout, layout_now);
}

TEST(Header, TheLayoutBeforeIsRead) {
  EXPECT_EQ(refusal(file_of(make_header(Kind::flows, geometry, boot, 5, 2, 1000, 1))), "");
}

TEST(Header, SaysWhatIsWrong) {
  EXPECT_THAT(refusal({}), HasSubstr("too short"));
  EXPECT_THAT(refusal(std::vector<std::byte>(8192)), HasSubstr("no file of Limpet's"));
  EXPECT_THAT(refusal(file_of(make_header(Kind::flows, geometry, boot, 5, 2, 1000, 4))), HasSubstr("layout 4"));
  EXPECT_THAT(refusal(file_of(make_header(Kind::flows, geometry, {9}, 5, 2, 1000))), HasSubstr("booted"));
  EXPECT_THAT(refusal(file_of(make_header(Kind::flows, geometry, boot, 5, 2, 1001))), HasSubstr("cut short"));
  EXPECT_THAT(refusal(file_of(make_header(Kind::records, geometry, boot, 5, 2, 1000))), HasSubstr("damaged"));
}

TEST(Header, EveryBitCounts) {
  const auto whole = file_of(make_header(Kind::flows, geometry, boot, 5, 2, 1000));
  for (std::size_t bit = 0; bit < offsetof(Header, alive_s) * 8; ++bit) {
    auto file = whole;
    file[bit / 8] ^= std::byte{1} << bit % 8;
    EXPECT_NE(refusal(file), "") << "bit " << bit;
  }
}

TEST(Header, TheTimeIsWrittenLater) {
  auto file = file_of(make_header(Kind::names, geometry, boot, 5, 0, 1000));
  set_alive(file, 4711);
  EXPECT_EQ(read_header(file, Kind::names, boot)->alive_s, 4711u);
}

TEST(Header, TheKernelTellsItsBoot) {
  const BootId id = boot_id();
  EXPECT_FALSE(std::all_of(id.begin(), id.end(), [](std::uint8_t byte) { return byte == 0; }));
  EXPECT_EQ(id, boot_id());
}

}  // namespace
}  // namespace limpet::restart
