// Quotes in ICMP errors: what is read of them, and that rewriting one is undone by rewriting it back.
#include <gtest/gtest.h>

#include "net/parse.hpp"
#include "net/quote.hpp"
#include "support/packet_builder.hpp"

namespace limpet::net {
namespace {

using test::Bytes;
using test::PacketBuilder;

Parsed parse_all(const Bytes& frame) {
  Parsed parsed;
  parse(frame.data(), frame.size(), frame.size(), parsed);
  return parsed;
}
Bytes without_ethernet(const Bytes& frame) {
  return {frame.begin() + ethernet::size, frame.end()};
}
Bytes error_about(const Bytes& quoted, bool v4) {
  PacketBuilder builder;
  v4 ? builder.ip("203.0.113.254", "192.0.2.10") : builder.ip("2001:db8:98::fe", "2001:db8:1::10");
  return builder.icmp(v4 ? icmp::unreachable : icmpv6::unreachable, 1, {0, 0, 0, 0}).payload(quoted).build();
}
PacketBuilder from_vip(bool v4) {
  PacketBuilder builder;
  v4 ? builder.ip("192.0.2.10", "203.0.113.7") : builder.ip("2001:db8:1::10", "2001:db8:99::7");
  return builder;
}

class Quotes : public testing::TestWithParam<std::tuple<bool, bool>> {
 protected:
  const bool v4 = std::get<0>(GetParam());
  const bool udp = std::get<1>(GetParam());
  [[nodiscard]] Bytes quoted() const {
    PacketBuilder builder = from_vip(v4);
    udp ? builder.udp(80, 40000) : builder.tcp(80, 40000);
    return without_ethernet(builder.payload("some text").build());
  }
};

TEST_P(Quotes, AreRead) {
  const Bytes frame = error_about(quoted(), v4);
  const Quote quote = read_quote(frame.data(), frame.size(), parse_all(frame));
  ASSERT_EQ(quote.error, QuoteError::none);
  EXPECT_EQ(quote.source, test::ip(v4 ? "192.0.2.10" : "2001:db8:1::10"));
  EXPECT_EQ(quote.destination, test::ip(v4 ? "203.0.113.7" : "2001:db8:99::7"));
  EXPECT_EQ(quote.source_port, 80);
  EXPECT_EQ(quote.destination_port, 40000);
}

TEST_P(Quotes, RewrittenAreWhatAnotherSenderWouldHaveMade) {
  Bytes frame = error_about(quoted(), v4);
  const Parsed parsed = parse_all(frame);
  const Quote quote = read_quote(frame.data(), frame.size(), parsed);
  const Endpoint backend{test::ip(v4 ? "198.51.100.11" : "2001:db8:2::11"), 8080};
  const Endpoint client{{}, 41000};
  rewrite_quote(frame.data(), parsed, quote, backend, client);
  PacketBuilder builder;
  builder.ip(backend.address, quote.destination).payload("some text");
  udp ? builder.udp(8080, 41000) : builder.tcp(8080, 41000);
  EXPECT_EQ(frame, error_about(without_ethernet(builder.build()), v4));
  rewrite_quote(frame.data(), parsed, quote, {quote.source, 80}, {{}, 40000});
  EXPECT_EQ(frame, error_about(quoted(), v4));
}

/// What is readable of the frame is looked at, nothing behind it: the block is exactly that large.
TEST_P(Quotes, CutAnywhere) {
  const Bytes whole = error_about(quoted(), v4);
  const Parsed parsed = parse_all(whole);
  const std::size_t enough = std::size_t{parsed.l4_offset} + icmp::size + (v4 ? 20 : 40) + 8;
  for (std::size_t size = parsed.l4_offset + icmp::size; size < whole.size(); ++size) {
    Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    part.shrink_to_fit();
    const Quote quote = read_quote(part.data(), part.size(), parsed);
    EXPECT_EQ(quote.error, size < enough ? QuoteError::malformed : QuoteError::none) << size;
    if (quote.error == QuoteError::none) {
      rewrite_quote(part.data(), parsed, quote, {{}, 81}, {{}, 40001});
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Quotes, testing::Combine(testing::Bool(), testing::Bool()));

TEST(QuoteErrors, ByTypeAndFamily) {
  const auto kind = [](bool v4, std::uint8_t type) {
    return icmp_error_of(parse_all(from_vip(v4).icmp(type).payload(Bytes(8)).build()));
  };
  for (unsigned type = 0; type < 256; ++type) {
    const bool relayed4 = type == 3 || type == 11 || type == 12, ignored4 = type == 4 || type == 5;
    EXPECT_EQ(kind(true, static_cast<std::uint8_t>(type)), relayed4   ? IcmpErrors::relayed
                                                           : ignored4 ? IcmpErrors::ignored
                                                                      : IcmpErrors::none)
        << type;
    const bool relayed6 = type >= 1 && type <= 4, ignored6 = (!relayed6 && type < 128) || type == 137;
    EXPECT_EQ(kind(false, static_cast<std::uint8_t>(type)), relayed6   ? IcmpErrors::relayed
                                                            : ignored6 ? IcmpErrors::ignored
                                                                       : IcmpErrors::none)
        << type;
  }
  EXPECT_EQ(icmp_error_of(parse_all(from_vip(true).udp(1, 2).build())), IcmpErrors::none);
}

TEST(QuoteErrors, OfLaterFragmentsAndOtherProtocols) {
  for (const bool v4 : {true, false}) {
    const auto read = [&](PacketBuilder& builder) {
      const Bytes frame = error_about(without_ethernet(builder.payload(Bytes(32)).build()), v4);
      return read_quote(frame.data(), frame.size(), parse_all(frame)).error;
    };
    EXPECT_EQ(read(from_vip(v4).fragment(64, false).udp(80, 40000)), QuoteError::fragment);
    EXPECT_EQ(read(from_vip(v4).fragment(0, true).udp(80, 40000)), QuoteError::none);
    EXPECT_EQ(read(from_vip(v4).icmp(8)), QuoteError::other);
    EXPECT_EQ(read(from_vip(v4).protocol(132)), QuoteError::other);
  }
}

}  // namespace
}  // namespace limpet::net
