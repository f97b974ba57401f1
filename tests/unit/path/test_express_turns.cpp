// The express way of packets that change their flow: which it takes, and that each goes as it would have gone the
// long way.
#include "express_rows.hpp"

namespace limpet::path {
namespace {

constexpr auto dns = "192.0.2.10:53", web6 = "[2001:db8:1::10]:80", dns6 = "[2001:db8:1::10]:53";

/// The talk goes on as another one of the same client, which has got as far as `flags` say.
template <std::uint8_t... tcp_flags>
void half_open(Lab& lab, Talk& talk) {
  const bool v4 = talk.seen().source().address.is_v4(), udp = talk.seen().parsed.protocol == net::ip_protocol::udp;
  talk = v4 ? Talk(lab, "10.0.0.1", 2000, udp ? dns : "192.0.2.10:80")
            : Talk(lab, "2001:db8:c::1", 2000, udp ? dns6 : web6);
  talk.up(flags::syn);
  (talk.down(tcp_flags), ...);
}
constexpr auto answered = half_open<flags::syn_ack>;
constexpr auto asked = half_open<>;

Bytes syn_ack(const Talk& talk) {
  return talk.answer(flags::syn_ack);
}
Bytes ack(const Talk& talk) {
  return talk.packet();
}
Bytes answer(const Talk& talk) {
  return talk.answer();
}
void direct(model::Model& m) {
  m.services["web"].forwarding = model::Forwarding::dr;
}

const Row answers[] = {
    {.what = "SYN-ACK", .decided = 1, .prepare = asked, .frame = syn_ack, .port = back_port},
    {.what = "SYN-ACK, IPv6", .decided = 1, .vip = web6, .prepare = asked, .frame = syn_ack, .port = back_port},
    {.what = "SYN-ACK again", .decided = 1, .prepare = answered, .frame = syn_ack, .port = back_port},
    {.what = "SYN-ACK of a live flow", .decided = 1, .frame = syn_ack, .port = back_port},
    {.what = "SYN-ACK of a live flow whose MSS is lowered",
     .declare = [](model::Model& m) { m.services["web"].max_mss = 1300; },
     .frame = syn_ack,
     .port = back_port},
    {.what = "a datagram's answer", .decided = 1, .vip = dns, .prepare = asked, .frame = answer, .port = back_port},
    {.what = "a datagram's answer, IPv6, shorter than a TCP header",
     .vip = dns6,
     .prepare = asked,
     .frame = answer,
     .port = back_port},
    {.what = "a refusal",
     .prepare = asked,
     .frame = [](const Talk& t) { return t.answer(flags::rst); },
     .port = back_port},
    {.what = "SYN-ACK of a client",
     .prepare = answered,
     .frame = [](const Talk& t) { return t.packet(flags::syn_ack); }},
    {.what = "SYN-ACK to nobody",
     .prepare = asked,
     .frame =
         [](const Talk& t) {
           Bytes frame = t.answer(flags::syn_ack);
           frame[l4 + net::tcp::destination_port] ^= 1;
           return frame;
         },
     .port = back_port},
    {.what = "SYN-ACK whose MSS is lowered",
     .declare = [](model::Model& m) { m.services["web"].max_mss = 1300; },
     .prepare = asked,
     .frame = syn_ack,
     .port = back_port},
    {.what = "SYN-ACK after two seconds",
     .prepare =
         [](Lab& lab, Talk& t) {
           asked(lab, t);
           lab.wait_ms(2000);
         },
     .frame = syn_ack,
     .port = back_port},
    {.what = "SYN-ACK under a plan with other backends",
     .prepare =
         [](Lab& lab, Talk& t) {
           asked(lab, t);
           lab.model.pools.at("web").backends["b9"] = backend(9);
           lab.apply();
         },
     .frame = syn_ack,
     .port = back_port},
    {.what = "SYN-ACK to a rewritten port",
     .declare = declare_another_service,
     .prepare =
         [](Lab& lab, Talk& t) {
           keep_its_backend(lab, t);
           t = Talk(lab, "10.0.0.1", 1000, "192.0.2.11:80");
           t.up(flags::syn);
         },
     .frame = syn_ack,
     .port = back_port},
};

const Row shown[] = {
    {.what = "the first ACK", .decided = 1, .prepare = answered, .frame = ack},
    {.what = "the first ACK, IPv6", .decided = 1, .vip = web6, .prepare = answered, .frame = ack},
    {.what = "the first ACK, direct routing",
     .decided = 1,
     .declare = direct,
     .prepare = [](Lab& lab, Talk& t) { asked(lab, t); },
     .frame = ack},
    {.what = "the first ACK a second later",
     .decided = 1,
     .prepare =
         [](Lab& lab, Talk& t) {
           answered(lab, t);
           lab.wait_ms(1000);
         },
     .frame = ack},
    {.what = "the first ACK two seconds later",
     .prepare =
         [](Lab& lab, Talk& t) {
           answered(lab, t);
           lab.wait_ms(2000);
         },
     .frame = ack},
    {.what = "an ACK before the answer", .prepare = asked, .frame = ack},
    {.what = "RST instead", .prepare = answered, .frame = [](const Talk& t) { return t.packet(flags::rst); }},
    {.what = "FIN at once", .prepare = answered, .frame = [](const Talk& t) { return t.packet(flags::fin_ack); }},
    {.what = "the first ACK of a session that has only this flow",
     .prepare =
         [](Lab& lab, Talk& t) {
           t = Talk(lab, "10.0.0.7", 2000);
           t.up(flags::syn);
           t.down(flags::syn_ack);
         },
     .frame = ack},
    {.what = "the first ACK after the backend's FIN",
     .prepare = half_open<flags::syn_ack, flags::fin_ack>,
     .frame = ack},
    {.what = "the second datagram", .vip = dns, .prepare = half_open<flags::ack>, .frame = ack},
    {.what = "connections are counted by source",
     .declare = [](model::Model& m) { m.services["web"].limits.per_source.connections = 100; },
     .prepare = answered,
     .frame = ack},
};

const Row ends[] = {
    {.what = "FIN after the other",
     .decided = 1,
     .prepare = [](Lab&, Talk& t) { t.down(flags::fin_ack); },
     .frame = [](const Talk& t) { return t.packet(flags::fin_ack); }},
    {.what = "a backend's FIN after the other",
     .decided = 1,
     .vip = web6,
     .prepare = [](Lab&, Talk& t) { t.up(flags::fin_ack); },
     .frame = [](const Talk& t) { return t.answer(flags::fin_ack); },
     .port = back_port},
    {.what = "FIN again",
     .decided = 1,
     .prepare = [](Lab&, Talk& t) { t.close(); },
     .frame = [](const Talk& t) { return t.packet(flags::fin_ack); }},
    {.what = "a direct flow's FIN",
     .decided = 1,
     .declare = direct,
     .frame = [](const Talk& t) { return t.packet(flags::fin_ack); }},
    {.what = "RST of a flow that counts for its source",
     .declare = [](model::Model& m) { m.services["web"].limits.per_source.connections = 100; },
     .frame = [](const Talk& t) { return t.packet(flags::rst); }},
    {.what = "a backend's RST on a flow that counts for its source",
     .declare = [](model::Model& m) { m.services["web"].limits.per_source.connections = 100; },
     .frame = [](const Talk& t) { return t.answer(flags::rst); },
     .port = back_port},
    {.what = "a closed flow, long after",
     .prepare =
         [](Lab& lab, Talk& t) {
           t.close();
           lab.wait_ms(2000);
         },
     .frame = ack},
    {.what = "SYN of a flow closed long ago",
     .decided = 1,
     .prepare =
         [](Lab& lab, Talk& t) {
           t.close();
           lab.wait_ms(3000);
         },
     .frame = [](const Talk& t) { return t.packet(flags::syn); }},
    {.what = "SYN of a closed flow whose session went elsewhere",
     .prepare =
         [](Lab& lab, Talk& t) {
           const std::string first = backend_name(t, "web");
           t.close();
           lab.set_health(first, plan::Health::down);
           Talk(lab, "10.0.0.1", 2000).open();
         },
     .frame = [](const Talk& t) { return t.packet(flags::syn); }},
};

class ExpressTurn : public ::testing::TestWithParam<Row> {};

TEST_P(ExpressTurn, GoesAsTheLongWay) {
  check(GetParam());
}
INSTANTIATE_TEST_SUITE_P(Answers, ExpressTurn, ::testing::ValuesIn(answers), name_of);
INSTANTIATE_TEST_SUITE_P(Shown, ExpressTurn, ::testing::ValuesIn(shown), name_of);
INSTANTIATE_TEST_SUITE_P(Ends, ExpressTurn, ::testing::ValuesIn(ends), name_of);

/// Connections that come and go, on the express way from their first packet to their last.
TEST(ExpressTurn, WholeConnections) {
  Twins twins;
  twins.each([](Lab& lab) {
    Talk(lab, "10.0.0.1", 1000).open();
    lab.wait_ms(1500);
    for (unsigned round = 0; round < 3; ++round) {
      for (std::uint16_t port = 2000; port < 2064; ++port) {
        Talk talk(lab, "10.0.0.1", port);
        EXPECT_FALSE(talk.open().empty());
        EXPECT_TRUE(talk.down());
        round == 1 ? static_cast<void>(talk.up(flags::rst)) : talk.close();
      }
      lab.wait_ms(300);
    }
  });
  twins.expect_same();
  EXPECT_EQ(twins.express.node->state(0).flows.stats().embryonic, 0u);
}

/// The SYN once more beside the ACK that makes the flow live: it opens no second one.
TEST(ExpressTurn, SynAgainAndAckInOneBurst) {
  for (const bool is_direct : {false, true}) {
    Lab::Setup setup;
    if (is_direct) {
      direct(setup.model);
    }
    Twins twins(setup);
    twins.each([&](Lab& lab) {
      Talk first(lab, "10.0.0.1", 1000);
      is_direct ? static_cast<void>(first.up(flags::syn)) : static_cast<void>(first.open());
      first.up();
      lab.wait_ms(1500);
      Talk talk(lab, "10.0.0.1", 2000);
      talk.up(flags::syn);
      is_direct || talk.down(flags::syn_ack);
    });
    const Bytes syn = on_the_wire(to_web().tcp(2000, 80, flags::syn).build());
    const Bytes ack = on_the_wire(to_web().tcp(2000, 80).build());
    EXPECT_EQ(decided(twins.probe, front_port, {syn, ack}), 1u);
    EXPECT_EQ(twins.probe.count(Counter::flow_new), 2u);
    EXPECT_EQ(twins.send({{front_port, 0, syn}, {front_port, 0, ack}}).size(), 2u);
  }
}

/// The ACK that makes a flow live, and the request right behind it.
TEST(ExpressTurn, AckAndRequestInOneBurst) {
  Twins twins;
  twins.each([](Lab& lab) {
    Talk(lab, "10.0.0.1", 1000).open();
    lab.wait_ms(1500);
    Talk talk(lab, "10.0.0.1", 2000);
    talk.up(flags::syn);
    talk.down(flags::syn_ack);
  });
  const Bytes ack = on_the_wire(to_web().payload("").tcp(2000, 80).build());
  const Bytes request = on_the_wire(to_web().tcp(2000, 80).build());
  EXPECT_EQ(decided(twins.probe, front_port, {ack, request}), 2u);
  const auto out = twins.send({{front_port, 0, ack}, {front_port, 0, request}});
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[0].destination(), out[1].destination());
}

}  // namespace
}  // namespace limpet::path
