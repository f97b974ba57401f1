// What fragments take is bounded, and nothing of it is lost: tables, packets that wait, the ends of workers.
#include <random>

#include "lab.hpp"

namespace limpet::path {
namespace {

constexpr Limits small{
    .fragments_max = 16, .fragments_held_max = 8, .fragments_held_bytes = 100'000, .fragment_timeout_ms = 1000};

Packet packet_of(std::uintptr_t number, std::uint32_t size = 100) {
  Packet packet;
  packet.buffer = reinterpret_cast<void*>(number);  // its name here
  packet.size = size;
  return packet;
}
DatagramKey key_of(std::uint32_t id) {
  return {ip("10.0.0.1"), ip("192.0.2.10"), id, 17};
}

class Table : public testing::Test {
 protected:
  Datagram& of(std::uint32_t id) { return fragments.find_or_make(key_of(id), id, now_ms, counters); }
  bool hold(std::uint32_t id, std::uintptr_t number, std::uint32_t size = 100) {
    return fragments.hold(of(id), packet_of(number, size), InterfaceIndex{3}, counters);
  }
  std::vector<std::uintptr_t> ready() {
    std::array<Packet, burst_max> packets;
    std::array<Item, burst_max> items;
    return numbers(packets, fragments.take_ready(packets.data(), items.data(), burst_max));
  }
  std::vector<std::uintptr_t> ended() {
    std::array<Packet, burst_max> packets;
    return numbers(packets, fragments.take_ended(packets.data(), burst_max));
  }
  [[nodiscard]] std::uint64_t count(Counter counter) const { return counters.get(counter); }

  Fragments fragments{small};
  counters::Block counters;
  Millis now_ms = 5000;

 private:
  static std::vector<std::uintptr_t> numbers(const std::array<Packet, burst_max>& packets, unsigned count) {
    std::vector<std::uintptr_t> result;
    for (unsigned i = 0; i < count; ++i) {
      result.push_back(reinterpret_cast<std::uintptr_t>(packets[i].buffer));
    }
    return result;
  }
};

using Numbers = std::vector<std::uintptr_t>;

TEST_F(Table, WhatWaitsIsReleasedInOrder) {
  for (const std::uintptr_t number : {3u, 1u, 2u}) {
    EXPECT_TRUE(hold(7, number));
  }
  EXPECT_FALSE(fragments.has_released());
  Item item;
  item.client.l4_port = 99;
  fragments.decide(of(7), item);
  EXPECT_EQ(ready(), (Numbers{3, 1, 2}));
  EXPECT_EQ(of(7).stage, Datagram::Stage::decided);
  EXPECT_EQ(of(7).item.client.l4_port, 99);
  EXPECT_EQ(fragments.held(), 0u);
  EXPECT_FALSE(fragments.has_released());
}

TEST_F(Table, OldestGiveWay) {
  for (std::uint32_t id = 0; id < 10; ++id) {
    EXPECT_TRUE(hold(id, id + 1));
  }
  EXPECT_EQ(fragments.held(), small.fragments_held_max);
  EXPECT_EQ(ended(), (Numbers{1, 2}));
  EXPECT_EQ(count(Counter::drop_fragment_full), 2u);
}

TEST_F(Table, OneDatagramDoesNotPushOutItself) {
  for (std::uintptr_t number = 1; number <= small.fragments_held_max; ++number) {
    EXPECT_TRUE(hold(7, number));
  }
  EXPECT_FALSE(hold(7, 100));
  EXPECT_EQ(count(Counter::drop_fragment_full), 0u);  // the caller counts that one
  EXPECT_TRUE(hold(8, 101));
  EXPECT_EQ(ended().size(), small.fragments_held_max);
}

TEST_F(Table, BytesAreBounded) {
  EXPECT_TRUE(hold(1, 1, 60'000));
  EXPECT_TRUE(hold(2, 2, 40'000));
  EXPECT_TRUE(hold(3, 3, 1));
  EXPECT_EQ(ended(), Numbers{1});
  EXPECT_FALSE(hold(4, 4, 100'001));
}

TEST_F(Table, TimeEndsWhatWaitsAndWhatIsDecided) {
  EXPECT_TRUE(hold(1, 1));
  fragments.decide(of(2), Item{});
  now_ms += small.fragment_timeout_ms - 1;
  fragments.expire(now_ms, counters);
  EXPECT_EQ(of(2).stage, Datagram::Stage::decided);
  EXPECT_EQ(fragments.held(), 1u);
  now_ms += 1;
  fragments.expire(now_ms, counters);
  EXPECT_EQ(ended(), Numbers{1});
  EXPECT_EQ(count(Counter::drop_fragment_timeout), 1u);
  EXPECT_EQ(of(2).stage, Datagram::Stage::waiting);
}

TEST_F(Table, FullBucketsForgetTheOldest) {
  for (std::uint32_t i = 0; i < 5; ++i) {  // one bucket of four
    static_cast<void>(fragments.find_or_make(key_of(i), 0, now_ms + i, counters));
  }
  now_ms += 10;
  EXPECT_EQ(fragments.find_or_make(key_of(1), 0, now_ms, counters).since_ms, 5001u);
  EXPECT_EQ(fragments.find_or_make(key_of(0), 0, now_ms, counters).since_ms, now_ms);
}

/// Every packet that was given in comes out once, whatever happens in between.
TEST_F(Table, NothingIsLost) {
  std::mt19937 random(11);
  std::vector<unsigned> out(20'001);
  const auto note = [&](const Numbers& numbers) {
    for (const auto number : numbers) {
      ++out[number];
    }
  };
  unsigned in = 0, refused = 0;
  for (std::uintptr_t number = 1; number < out.size(); ++number) {
    now_ms += random() % 40;
    fragments.expire(now_ms, counters);
    Datagram& datagram = of(static_cast<std::uint32_t>(random() % 40));
    switch (random() % 8) {
      case 0:
        fragments.decide(datagram, Item{});
        break;
      case 1:
        fragments.refuse(datagram, counters, Counter::drop_fragment_refused);
        break;
      case 2:
        fragments.forget(datagram);
        break;
      default:
        if (datagram.stage == Datagram::Stage::waiting &&
            fragments.hold(datagram, packet_of(number, 1 + static_cast<std::uint32_t>(random() % 30'000)), {},
                           counters)) {
          ++in;
        } else {
          ++refused;
        }
    }
    ASSERT_LE(fragments.held(), small.fragments_held_max);
    while (random() % 3 == 0 && fragments.has_released()) {  // at the latest after a burst
      note(ready());
      note(ended());
    }
    if (number % burst_max == 0) {
      while (fragments.has_released()) {
        note(ready());
        note(ended());
      }
    }
  }
  fragments.end_all();
  while (fragments.has_released()) {
    note(ready());
    note(ended());
  }
  EXPECT_EQ(fragments.held(), 0u);
  unsigned total = 0;
  for (const unsigned times : out) {
    ASSERT_LE(times, 1u);
    total += times;
  }
  EXPECT_EQ(total, in);
  EXPECT_GT(in, 5000u);
}

/// Fragments wait in a node that ends: its Io gets them back (memory checkers would see it).
TEST(Fragments, WaitingOnesEndWithTheirNode) {
  Lab lab;
  const auto later = PacketBuilder()
                         .ethernet(gateway_mac, front_mac)
                         .ip("10.0.0.1", "192.0.2.10")
                         .payload(Bytes(80))
                         .protocol(17)
                         .fragment(80, true)
                         .build();
  EXPECT_FALSE(lab.send_one(front_port, later));
  EXPECT_EQ(lab.node->state(0).fragments.held(), 1u);
}

/// A plan that no longer has the backend, between a first fragment and the next.
TEST(Fragments, BackendRemovedInBetween) {
  Lab lab;
  const auto fragment = [](std::uint16_t offset, bool more) {
    PacketBuilder builder;
    builder.ethernet(gateway_mac, front_mac).ip("10.0.0.1", "192.0.2.10").payload(Bytes(offset == 0 ? 72 : 80));
    offset == 0 ? builder.udp(1000, 53) : builder.protocol(17);
    return builder.fragment(offset, more).build();
  };
  ASSERT_TRUE(lab.send_one(front_port, fragment(0, true)));
  lab.apply();  // the same again: nothing changes
  ASSERT_TRUE(lab.send_one(front_port, fragment(80, true)));
  lab.model.pools["dns"].backends = {{"b9", backend(9, 53)}};
  lab.apply();
  EXPECT_FALSE(lab.send_one(front_port, fragment(160, false)));
  EXPECT_EQ(lab.count(Counter::drop_fragment_refused), 1u);
}

/// A plan that forwards another way, between a first fragment and the next: each goes as its own plan says.
TEST(Fragments, ForwardingChangedInBetween) {
  auto model = base_model();
  model.services["dns"].forwarding = model::Forwarding::gue;
  Lab lab(model);
  const auto size_of = [&](std::uint16_t offset, bool more) {
    PacketBuilder builder;
    builder.ethernet(gateway_mac, front_mac).ip("10.0.0.1", "192.0.2.10").payload(Bytes(offset == 0 ? 72 : 80));
    offset == 0 ? builder.udp(1000, 53) : builder.protocol(17);
    const auto out = lab.send_one(front_port, builder.fragment(offset, more).build());
    return out ? out->bytes.size() : 0;
  };
  constexpr std::size_t plain = 14 + 20 + 80;
  EXPECT_EQ(size_of(0, true), plain + 20 + 8 + 4);
  lab.model.services["dns"].forwarding = model::Forwarding::dr;
  lab.apply();
  EXPECT_EQ(size_of(80, true), plain);
  lab.model.services["dns"].forwarding = model::Forwarding::gue;
  lab.apply();
  EXPECT_EQ(size_of(160, true), plain + 20 + 8 + 4);
}

TEST(Budget, GivesBackWithTime) {
  Budget budget(1000);
  for (unsigned i = 0; i < 100; ++i) {
    EXPECT_TRUE(budget.take(1'000'000)) << i;
  }
  EXPECT_FALSE(budget.take(1'000'000));
  EXPECT_TRUE(budget.take(1'000'001));
  EXPECT_FALSE(budget.take(1'000'001));
  unsigned taken = 0;
  for (unsigned i = 0; i < 200; ++i) {
    taken += budget.take(9'000'000) ? 1 : 0;  // no more than at first, however long nobody asked
  }
  EXPECT_EQ(taken, 100u);
}

TEST(Budget, SlowAndNone) {
  Budget slow(1), none(0);
  for (unsigned i = 0; i < 10; ++i) {
    EXPECT_TRUE(slow.take(5000));
  }
  EXPECT_FALSE(slow.take(5999));
  EXPECT_TRUE(slow.take(6000));
  EXPECT_FALSE(none.take(5000));
  EXPECT_FALSE(none.take(50'000'000));
}

}  // namespace
}  // namespace limpet::path
