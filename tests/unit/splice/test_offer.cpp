// Options of SYNs: read from what others send, and written.
#include <gtest/gtest.h>

#include "net/parse.hpp"
#include "splice/offer.hpp"
#include "support/packet_builder.hpp"

namespace limpet::splice {
namespace {

using test::Bytes;

Offer read(const Bytes& options) {
  const Bytes frame = test::PacketBuilder().ip("10.0.0.1", "192.0.2.10").tcp(1, 2, net::tcp_flag::syn, options).build();
  net::Parsed parsed;
  net::parse(frame.data(), frame.size(), frame.size(), parsed);
  return read_offer(frame.data(), parsed);
}

struct Row {
  const char* what;
  Bytes options;
  Offer offer;
};
class Options : public testing::TestWithParam<Row> {};

TEST_P(Options, mean) {
  EXPECT_EQ(read(GetParam().options), GetParam().offer);
}
INSTANTIATE_TEST_SUITE_P(
    Offers, Options,
    testing::Values(
        Row{"none", {}, {536, Offer::no_scale, false}},
        Row{"linux", {2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7}, {1460, 7, true, {{1, 0}}}},
        Row{"stamps", {8, 10, 1, 2, 3, 4, 0, 0, 0, 5, 0, 0}, {536, Offer::no_scale, false, {{0x1020304, 5}}}},
        Row{"scale_of_none", {3, 3, 0, 1}, {536, 0, false}}, Row{"scale_too_large", {3, 3, 15, 1}, {536, 14, false}},
        Row{"wrong_lengths", {2, 3, 5, 4, 3, 1, 3, 2, 7, 0, 0, 0}, {536, Offer::no_scale, false}},
        Row{"cut", {4, 2, 2, 8}, {536, Offer::no_scale, true}},
        Row{"behind_the_end", {0, 4, 2, 1}, {536, Offer::no_scale, false}}),
    [](const auto& row) { return row.param.what; });

TEST(OfferOptions, come_back_as_they_were) {
  for (const Offer& offer :
       {Offer{}, Offer{1400, 7, true}, Offer{1400, Offer::no_scale, true}, Offer{9000, 0, false},
        Offer{1460, 7, true, {{5, 6}}}, Offer{1460, Offer::no_scale, false, {{~0u, 0}}}, Offer{1460, 7, false, {{}}}}) {
    const OfferOptions options(offer);
    EXPECT_EQ(options.bytes().size() % 4, 0u);
    EXPECT_EQ(read({options.bytes().begin(), options.bytes().end()}), offer);
  }
}

/// With a client's address (RFC 4727) of IPv6 the options of a SYN are 40 bytes, which is all that a header has.
TEST(OfferOptions, leave_room_for_an_address) {
  EXPECT_EQ(OfferOptions(Offer{1460, 7, true, {{1, 2}}}).bytes().size(), 20u);
}

TEST(StampOption, is_what_others_write) {
  const auto option = stamp_option({0x01020304, 0x05060708});
  EXPECT_EQ(Bytes(option.begin(), option.end()), (Bytes{1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8}));
}

}  // namespace
}  // namespace limpet::splice
