// Full NAT: a local address and port stand for the client towards the backend, of either family on either side.
#include <map>
#include <set>

#include "full_nat.hpp"
#include "path/locals.hpp"

namespace limpet::path {
namespace {

std::uint64_t ports_taken(Lab& lab) {
  std::uint64_t sum = 0;
  for (unsigned worker = 0; worker < lab.node->workers(); ++worker) {
    for (std::uint32_t slot = 0; slot < 64; ++slot) {
      sum += lab.node->state(worker).local_ports[slot].load(std::memory_order_relaxed);
    }
  }
  return sum;
}

/// Entries of full NAT's way back in the tables: what ports_taken() must say.
std::uint64_t back_entries(Lab& lab) {
  std::uint64_t sum = 0;
  for (unsigned worker = 0; worker < lab.node->workers(); ++worker) {
    lab.node->state(worker).flows.each([&](const auto& key, const auto& entry) {
      sum += key.direction == flow::Direction::back && (entry.flags() & flow::flag::local) != 0 ? 1 : 0;
      return flow::Sweep::keep;
    });
  }
  return sum;
}

/// In steps, so that sweeps come round.
void wait_s(Lab& lab, unsigned seconds) {
  for (unsigned i = 0; i < seconds; i += 5) {
    lab.wait_ms(5000);
  }
}

TEST(FullNat, TheBackendSeesALocalAddress) {
  struct Row {
    const char* client;
    const char* vip;
    const char* local;
  };
  for (const Row& row :
       {Row{"10.0.0.5", "192.0.2.10:80", "198.51.100.200"}, Row{"10.0.0.5", "192.0.2.10:53", "198.51.100.200"},
        Row{"2001:db8:c::5", "[2001:db8:1::10]:80", "2001:db8:2::200"},
        Row{"2001:db8:c::5", "[2001:db8:1::10]:53", "2001:db8:2::200"}}) {
    SCOPED_TRACE(row.vip);
    Lab lab(full_nat_model());
    Local talk(lab, row.client, 1000, row.vip);
    const auto local = talk.open();
    EXPECT_EQ(local.address, ip(row.local));
    EXPECT_GE(local.l4_port, local_port_first);
    EXPECT_EQ(talk.seen().parsed.ttl, 63);
    for (int i = 0; i < 3; ++i) {
      lab.wait_ms(1500);
      EXPECT_EQ(talk.up(), local);
      EXPECT_TRUE(talk.down());
    }
    EXPECT_EQ(lab.count(Counter::flow_new), 1u);
    EXPECT_EQ(ports_taken(lab), 1u);
  }
}

TEST(FullNat, BetweenFamilies) {
  for (const net::Family to : {net::Family::v4, net::Family::v6}) {
    const bool v4 = to == net::Family::v4;
    for (const char* port : {"80", "53"}) {
      Lab lab(backends_of(to));
      Local talk(lab, v4 ? "2001:db8:c::5" : "10.0.0.5", 1000,
                 fmt::format("{}:{}", v4 ? "[2001:db8:1::10]" : "192.0.2.10", port));
      const auto local = talk.open();
      EXPECT_EQ(local.address, ip(v4 ? "198.51.100.200" : "2001:db8:2::200"));
      EXPECT_EQ(talk.backend().address.family(), to);
      EXPECT_EQ(talk.seen().parsed.ttl, 63);
      EXPECT_EQ(Bytes(talk.seen().bytes.end() - 5, talk.seen().bytes.end()), (Bytes{'h', 'e', 'l', 'l', 'o'}));
      for (int i = 0; i < 3; ++i) {
        lab.wait_ms(1500);
        EXPECT_EQ(talk.up(), local);
        EXPECT_TRUE(talk.down());
      }
    }
  }
}

/// The client's own family where the backend has it.
TEST(FullNat, TheClientsFamilyIsPreferred) {
  Lab lab(full_nat_model());
  for (std::uint16_t port = 1; port <= 40; ++port) {
    EXPECT_TRUE(Local(lab, "10.0.0.5", port).open().address.is_v4());
    EXPECT_FALSE(Local(lab, "2001:db8:c::5", port, "[2001:db8:1::10]:80").open().address.is_v4());
  }
}

TEST(FullNat, EchoAndNeighboursOfLocalAddressesAreAnswered) {
  Lab lab(full_nat_model());
  const auto ping =
      PacketBuilder().ethernet(backend_mac(1), back_mac).ip(ip("198.51.100.11"), ip("198.51.100.200")).icmp(8).build();
  const auto out = lab.send_one(back_port, ping);
  ASSERT_TRUE(out);
  EXPECT_EQ(out->parsed.source, ip("198.51.100.200"));
}

TEST(FullNat, NobodyMaySpeakFromALocalAddress) {
  Lab lab(full_nat_model());
  EXPECT_FALSE(Local(lab, "198.51.100.200", 1000).up(flags::syn).l4_port);
  EXPECT_EQ(lab.count(Counter::drop_bad_source), 1u);
  const auto error = PacketBuilder()
                         .ethernet(gateway_mac, front_mac)
                         .ip(ip("198.51.100.200"), ip("10.0.0.5"))
                         .icmp(3, 1)
                         .payload(Bytes(28))
                         .build();
  EXPECT_FALSE(lab.send_one(front_port, error));
  EXPECT_EQ(lab.count(Counter::drop_bad_source), 2u);
}

TEST(FullNat, AnswersOfNoFlowEndHere) {
  Lab lab(full_nat_model());
  const auto stray = PacketBuilder()
                         .ethernet(backend_mac(1), back_mac)
                         .ip(ip("198.51.100.11"), ip("198.51.100.200"))
                         .tcp(8080, 5000, flags::syn_ack)
                         .build();
  EXPECT_FALSE(lab.send_one(back_port, stray));
  EXPECT_EQ(lab.count(Counter::drop_no_return_flow), 1u);
}

TEST(FullNat, OnePortServesSeveralBackends) {
  model::Model model = full_nat_model();
  model.profiles["client"].type = model::ProfileType::five_tuple;
  Lab lab(with(model, 1, 200'000));
  std::map<net::Endpoint, std::set<net::Endpoint>> backends_of;
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    Local talk(lab, {client_address(i), 1000}, endpoint("192.0.2.10:80"));
    const auto local = talk.open();
    ASSERT_NE(local.l4_port, 0);
    EXPECT_TRUE(backends_of[local].insert(talk.backend()).second) << "two flows with one port to one backend";
  }
  std::size_t shared = 0;
  for (const auto& [local, backends] : backends_of) {
    shared += backends.size() > 1 ? 1 : 0;
  }
  EXPECT_GT(shared, 1000u);
  EXPECT_EQ(ports_taken(lab), 20'000u);
}

TEST(FullNat, APortRestsTowardsItsBackend) {
  Lab lab(full_nat_model());
  Local talk(lab, "10.0.0.5", 1000);
  const auto local = talk.open();
  talk.close();
  wait_s(lab, 30);  // closing, and a sweep
  EXPECT_EQ(lab.live_flows(), 1u) << "the port that rests";
  EXPECT_EQ(ports_taken(lab), 1u);
  EXPECT_TRUE(talk.down(flags::fin_ack)) << "late segments still find the client";
  Local again(lab, "10.0.0.5", 1000);
  EXPECT_NE(again.open(), local);
  EXPECT_EQ(ports_taken(lab), 2u);
  wait_s(lab, 75);
  EXPECT_EQ(ports_taken(lab), 1u);
  EXPECT_EQ(back_entries(lab), 1u);
  EXPECT_NE(again.up().l4_port, 0);
}

TEST(FullNat, WithoutRestAPortIsFreeAtOnce) {
  model::Model model = full_nat_model();
  model.services["web"].timeouts.local_port_ms = 0;
  Lab lab(model);
  Local talk(lab, "10.0.0.5", 1000);
  talk.open();
  talk.close();
  wait_s(lab, 30);
  EXPECT_EQ(lab.live_flows(), 0u);
  EXPECT_EQ(ports_taken(lab), 0u);
}

/// A client's next connection from the same port does not get what the backend says of the one before.
TEST(FullNat, ConnectionsFromOneClientPortAreToldApart) {
  Lab lab(full_nat_model());
  Local first(lab, "10.0.0.5", 1000);
  first.open();
  first.close();
  Local second(lab, "10.0.0.5", 1000);
  second.open();  // a SYN in the closing state: a new flow
  EXPECT_TRUE(first.down(flags::fin_ack));
  lab.wait_ms(15'000);
  EXPECT_NE(second.up().l4_port, 0) << "the FIN of the first did not end the second";
  EXPECT_EQ(lab.count(Counter::flow_new), 2u);
}

TEST(FullNat, ExhaustionIsToldBeforeItHappens) {
  model::Model model = full_nat_model();
  model.pools["dns"].backends.erase("b2");
  model.pools["dns"].backends.erase("b3");
  model.pools["dns"].backends.erase("b4");
  constexpr unsigned ports = 65536 - 1024;
  Lab lab(with(model, 1, 400'000));
  std::set<net::Endpoint> locals;
  std::uint64_t scarce_at = 0, refused_at = 0;
  for (std::uint32_t i = 0; i < ports && refused_at == 0; ++i) {
    Local talk(lab, {client_address(i), 1000}, endpoint("192.0.2.10:53"));
    const auto local = talk.up();
    if (local.l4_port == 0) {
      refused_at = i;
      break;
    }
    EXPECT_TRUE(locals.insert(local).second);
    talk.down();
    talk.up();
    scarce_at = scarce_at == 0 && lab.count(Counter::local_port_scarce) != 0 ? i : scarce_at;
  }
  EXPECT_NEAR(static_cast<double>(scarce_at), ports * 0.8, 2.0);
  EXPECT_GT(refused_at, ports * 0.85);
  EXPECT_EQ(lab.count(Counter::drop_no_local_port), 1u);
  EXPECT_EQ(ports_taken(lab), locals.size());
}

TEST(FullNat, NoPortIsLost) {
  model::Model model = full_nat_model({prefix("198.51.100.200/30"), prefix("2001:db8:2::200/128")});
  model.services["dns"].timeouts.udp_ms = 2000;
  model.services["dns"].timeouts.embryonic_ms = 2000;
  model.services["dns"].timeouts.local_port_ms = 2000;
  Lab lab(with(model, 2, 20'000));
  std::uint32_t client = 0;
  for (int round = 0; round < 40; ++round) {
    for (int i = 0; i < 2500; ++i, ++client) {
      Local talk(lab, {client_address(client % 70'000), static_cast<std::uint16_t>(1 + client / 70'000)},
                 endpoint("192.0.2.10:53"));
      if (talk.up().l4_port != 0 && i % 3 != 0) {
        talk.down();
        talk.up();
      }
    }
    ASSERT_EQ(ports_taken(lab), back_entries(lab));
    lab.wait_ms(1000);
  }
  wait_s(lab, 60);
  EXPECT_EQ(ports_taken(lab), 0u);
  EXPECT_EQ(lab.live_flows(), 0u);
}

/// Answers may come to any worker; the flow's owner gets them.
TEST(FullNat, AnswersReachTheirOwner) {
  for (const unsigned workers : {1u, 2u, 3u, 4u, 7u, 16u}) {
    for (const bool v4 : {true, false}) {
      Lab lab(with(full_nat_model(), workers));
      for (std::uint32_t i = 0; i < 60; ++i) {
        const auto client = v4 ? client_address(i) : ip(fmt::format("2001:db8:c::{:x}", i + 1));
        Local talk(lab, {client, 1000}, endpoint(v4 ? "192.0.2.10:80" : "[2001:db8:1::10]:80"));
        const auto local = talk.up(flags::syn, i % workers);
        EXPECT_TRUE(talk.down(flags::syn_ack, (i + 1) % workers));
        EXPECT_EQ(talk.up(flags::ack, (i + 2) % workers), local);
        EXPECT_TRUE(talk.down(flags::ack, (i + 3) % workers));
        const auto& owner = lab.node->state(0).node.owner;
        EXPECT_EQ(owner.owner_of_answer(talk.backend(), local), owner.owner(client));
      }
      EXPECT_EQ(lab.count(Counter::drop_no_return_flow), 0u);
    }
  }
}

/// The NIC that hashes addresses and ports brings the answer to the worker by itself, as it would with other numbers of
/// workers, while the client's own share of ports lasts.
TEST(FullNat, TheClientsEntryIsTheAnswers) {
  Lab lab(with(full_nat_model(), 4));
  const auto& owner = lab.node->state(0).node.owner;
  for (std::uint32_t i = 0; i < 200; ++i) {
    Local talk(lab, {client_address(i), 1000}, endpoint("192.0.2.10:80"));
    const auto local = talk.up(flags::syn);
    EXPECT_EQ(owner.bucket_of_answer(talk.backend(), local), owner.bucket(client_address(i)));
  }
}

TEST(FullNat, AServiceThatChangesItsForwarding) {
  Lab lab(full_nat_model());
  Local talk(lab, "10.0.0.5", 1000);
  talk.open();
  lab.model.services["web"].forwarding = model::Forwarding::nat;
  lab.model.services["web"].local_addresses.clear();
  lab.apply();
  Talk plain(lab, "10.0.0.5", 1000);
  EXPECT_NE(plain.up(), "");
  EXPECT_TRUE(plain.down());
  wait_s(lab, 30);
  EXPECT_EQ(ports_taken(lab), 0u);
  lab.model = full_nat_model();
  lab.apply();
  lab.wait_ms(2000);
  EXPECT_NE(Local(lab, "10.0.0.5", 1000).up().l4_port, 0);
  EXPECT_EQ(ports_taken(lab), back_entries(lab));
}

TEST(FullNat, ALocalAddressThatIsTakenAway) {
  Lab lab(full_nat_model());
  Local talk(lab, "10.0.0.5", 1000);
  const auto before = talk.open();
  for (const char* name : {"web", "dns"}) {
    lab.model.services[name].local_addresses[0] = prefix("198.51.100.201/32");
  }
  lab.apply();
  lab.wait_ms(1100);
  const auto after = talk.up();
  EXPECT_EQ(before.address, ip("198.51.100.200"));
  EXPECT_EQ(after.address, ip("198.51.100.201"));
}

TEST(FullNat, TooBigIsToldInTheClientsTerms) {
  for (const bool v4 : {true, false}) {
    Lab lab(backends_of(v4 ? net::Family::v6 : net::Family::v4));
    Local talk(lab, v4 ? "10.0.0.5" : "2001:db8:c::5", 1000, v4 ? "192.0.2.10:80" : "[2001:db8:1::10]:80");
    talk.open();
    PacketBuilder big;
    big.ethernet(gateway_mac, front_mac)
        .ip(ip(v4 ? "10.0.0.5" : "2001:db8:c::5"), ip(v4 ? "192.0.2.10" : "2001:db8:1::10"))
        .tcp(1000, 80, flags::ack)
        .payload(std::string(1500 - (v4 ? 40 : 60), 'x'));
    auto frame = big.build();
    if (v4) {
      frame[14 + net::ipv4::fragment] |= 0x40;
      frame[14 + net::ipv4::checksum] = frame[14 + net::ipv4::checksum + 1] = 0;
      store_be<std::uint16_t>(&frame[14 + net::ipv4::checksum],
                              test::plain_checksum(Bytes(frame.begin() + 14, frame.begin() + 34)));
    }
    const auto out = lab.send_one(front_port, frame);
    ASSERT_TRUE(out);
    if (!v4) {
      EXPECT_EQ(out->port, back_port) << "IPv4 is 20 bytes smaller";
      continue;
    }
    EXPECT_EQ(out->port, front_port);
    EXPECT_EQ(out->parsed.protocol, net::ip_protocol::icmp);
    EXPECT_EQ(load_be<std::uint16_t>(&out->bytes[out->parsed.l4_offset + 6]), 1480);
  }
}

}  // namespace
}  // namespace limpet::path
