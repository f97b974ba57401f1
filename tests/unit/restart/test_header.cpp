// What a file says of itself, and what is refused.
#include "restart/header.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace limpet::restart {
namespace {

using testing::HasSubstr;

constexpr BootId boot = {1, 2, 3};
const Geometry geometry = {{1000, 250}, {2500, 625, 125}, 3, 77};

/// The header as it was when the number of workers had 32 bits.
struct HeaderBefore {
  std::array<char, 8> magic = {'l', 'i', 'm', 'p', 'e', 't', 0, 0};
  std::uint32_t layout = layout_now;
  Kind kind = Kind::flows;
  BootId boot = {1, 2, 3};
  std::uint64_t set_id = 5;
  std::uint64_t record_narrow = 1000, record_wide = 250;
  std::uint64_t flow_narrow = 2500, flow_wide = 625;
  std::uint64_t key_id = 77;
  std::uint32_t workers = 3;
  std::uint32_t worker = 2;
  std::uint64_t size_bytes = 1000;
  std::uint64_t checksum = 0;
  std::uint64_t alive_s = 4711;
};
static_assert(sizeof(HeaderBefore) == sizeof(Header));

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

/// Files of versions that always took the same share for embryonic flows: 0 stands for it.
TEST(Header, AFileOfBeforeTheEmbryonicShareIsRead) {
  HeaderBefore before;
  before.checksum = checksum(std::as_bytes(std::span(&before, 1)).first(offsetof(HeaderBefore, checksum)));
  std::vector<std::byte> file(header_bytes + 1000);
  std::memcpy(file.data(), &before, sizeof before);
  const auto header = read_header(file, Kind::flows, boot);
  ASSERT_TRUE(header) << header.error().text;
  const Geometry as_now = {{1000, 250}, {2500, 625}, 3, 77};
  EXPECT_TRUE(header->geometry() == as_now);
  EXPECT_FALSE(header->geometry() == geometry) << "another share of embryonic flows is another table";
  EXPECT_EQ(header->worker, 2u);
  EXPECT_EQ(header->alive_s, 4711u);
}

TEST(Header, SaysWhatIsWrong) {
  EXPECT_THAT(refusal({}), HasSubstr("too short"));
  EXPECT_THAT(refusal(std::vector<std::byte>(8192)), HasSubstr("no file of Limpet's"));
  EXPECT_THAT(refusal(file_of(make_header(Kind::flows, geometry, boot, 5, 2, 1000, layout_now + 1))),
              HasSubstr("has layout 7"));
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
