// The express way of full NAT: which packets it takes, and that each goes as it would have gone the long way.
#include "full_nat.hpp"
#include "twins.hpp"

namespace limpet::path {
namespace {

struct Row {
  const char* what;
  unsigned decided = 0;
  const char* vip = "192.0.2.10:80";
  void (*declare)(model::Model&) = [](model::Model&) {};
  void (*prepare)(Lab&, Local&) = [](Lab&, Local&) {};  // once the flow is live and known to the plan
  Bytes (*frame)(const Local&) = [](const Local& talk) { return talk.packet(flags::ack); };
  PortIndex port = front_port;
};

constexpr auto dns = "192.0.2.10:53", web6 = "[2001:db8:1::10]:80", dns6 = "[2001:db8:1::10]:53";
Bytes answer(const Local& talk) {
  return talk.answer();
}

const Row rows[] = {
    {.what = "data", .decided = 1},
    {.what = "an answer", .decided = 1, .frame = answer, .port = back_port},
    {.what = "a datagram", .decided = 1, .vip = dns},
    {.what = "a datagram's answer", .decided = 1, .vip = dns, .frame = answer, .port = back_port},
    {.what = "IPv6", .decided = 1, .vip = web6},
    {.what = "IPv6, an answer", .decided = 1, .vip = web6, .frame = answer, .port = back_port},
    {.what = "IPv6, a datagram, shorter than a TCP header", .vip = dns6},
    {.what = "FIN", .frame = [](const Local& t) { return t.packet(flags::fin_ack); }},
    {.what = "RST", .frame = [](const Local& t) { return t.packet(flags::rst); }},
    {.what = "a backend's FIN", .frame = [](const Local& t) { return t.answer(flags::fin_ack); }, .port = back_port},
    {.what = "SYN", .frame = [](const Local& t) { return t.packet(flags::syn); }},
    {.what = "the first packet of a second", .decided = 1, .prepare = [](Lab& lab, Local&) { lab.wait_ms(1000); }},
    {.what = "after both sides' FIN",
     .decided = 1,
     .prepare = [](Lab&, Local& t) { t.close(); },
     .frame = answer,
     .port = back_port},
    {.what = "while the local port rests",
     .prepare =
         [](Lab& lab, Local& t) {
           t.close();
           lab.wait_ms(30'000);
         },
     .frame = answer,
     .port = back_port},
    {.what = "half-open",
     .prepare =
         [](Lab& lab, Local& t) {
           t = Local(lab, "10.0.0.2", 1000);
           t.up(flags::syn);
         },
     .frame = [](const Local& t) { return t.answer(flags::syn_ack); },
     .port = back_port},
    {.what = "a plan without the local address",
     .prepare =
         [](Lab& lab, Local&) {
           lab.model.services["web"].local_addresses = {prefix("198.51.100.210/32"), prefix("2001:db8:2::210/128")};
           lab.model.services["dns"].local_addresses = lab.model.services["web"].local_addresses;
           lab.apply();
           lab.wait_ms(1000);
         }},
    {.what = "backends of the other family",
     .declare =
         [](model::Model& m) {
           for (auto& [name, backend] : m.pools["web"].backends) {
             std::erase_if(backend.addresses, [](const auto& at) { return at.address.is_v4(); });
           }
         }},
    {.what = "an answer from the other family",
     .declare =
         [](model::Model& m) {
           for (auto& [name, backend] : m.pools["web"].backends) {
             std::erase_if(backend.addresses, [](const auto& at) { return at.address.is_v4(); });
           }
         },
     .frame = answer,
     .port = back_port},
    {.what = "the backend is told of the client",
     .declare = [](model::Model& m) { m.services["web"].client_address = model::ClientAddress::toa; }},
    {.what = "to a port that nobody has",
     .frame =
         [](const Local& t) {
           Bytes frame = t.answer();
           frame[14 + 20 + net::tcp::destination_port] ^= 0x40;
           return frame;
         },
     .port = back_port},
    {.what = "from nobody's backend",
     .frame =
         [](const Local& t) {
           return PacketBuilder()
               .ethernet(backend_mac(1), back_mac)
               .ip(ip("198.51.100.77"), t.seen().source().address)
               .tcp(8080, t.seen().source().l4_port)
               .build();
         },
     .port = back_port},
};

class ExpressLocal : public ::testing::TestWithParam<Row> {};

TEST_P(ExpressLocal, GoesAsTheLongWay) {
  const Row& row = GetParam();
  SCOPED_TRACE(row.what);
  Lab::Setup setup = with(full_nat_model());
  row.declare(setup.model);
  Twins twins(setup);
  std::vector<Local> talks;
  twins.each([&](Lab& lab) {
    const net::Endpoint vip = test::endpoint(row.vip);
    Local& talk = talks.emplace_back(lab, vip.address.is_v4() ? "10.0.0.1" : "2001:db8:c::1", 1000, row.vip);
    talk.open();
    talk.up();
    lab.wait_ms(1500);
    talk.up();
    talk.down();
    row.prepare(lab, talk);
  });
  const Bytes frame = on_the_wire(row.frame(talks[0]));
  ASSERT_EQ(frame, on_the_wire(row.frame(talks[1])));
  ASSERT_EQ(frame, on_the_wire(row.frame(talks[2])));
  EXPECT_EQ(decided(twins.probe, row.port, {frame}), row.decided);
  twins.send(row.port, frame);
  twins.send(front_port, talks[0].packet(flags::ack));  // and what comes after it
  twins.send(back_port, talks[0].answer());
  twins.express.wait_ms(1000);
  twins.plain.wait_ms(1000);
  twins.send({{front_port, 0, talks[0].packet(flags::ack)}, {back_port, 0, talks[0].answer()}});
}

INSTANTIATE_TEST_SUITE_P(Packets, ExpressLocal, ::testing::ValuesIn(rows),
                         [](const auto& row) { return test_name(row.param.what); });

/// Packets that come to the wrong worker cross to the one whose client's or whose local port's they are.
TEST(ExpressLocal, ToTheirOwners) {
  Twins twins(with(full_nat_model(), 3));
  std::vector<std::vector<Local>> talks;
  twins.each([&](Lab& lab) {
    auto& mine = talks.emplace_back();
    for (std::uint16_t i = 0; i < 12; ++i) {
      mine.emplace_back(lab, net::Endpoint{client_address(1 + i), 1000}, test::endpoint("192.0.2.10:80")).open();
    }
    lab.wait_ms(1500);
    for (Local& talk : mine) {
      talk.up();
      talk.down();
    }
  });
  for (const Local& talk : talks[0]) {
    for (unsigned worker = 0; worker < 3; ++worker) {
      EXPECT_EQ(decided(twins.probe, front_port, {on_the_wire(talk.packet(flags::ack))}), 1u);
      EXPECT_EQ(decided(twins.probe, back_port, {on_the_wire(talk.answer())}), 1u);
      EXPECT_EQ(twins.send(front_port, on_the_wire(talk.packet(flags::ack)), worker).size(), 1u);
      EXPECT_EQ(twins.send(back_port, on_the_wire(talk.answer()), worker).size(), 1u);
    }
  }
  EXPECT_GT(twins.express.count(Counter::handed_off), 20u);
}

}  // namespace
}  // namespace limpet::path
