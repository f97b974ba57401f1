#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <vector>

#include "hash/owner.hpp"
#include "hash/toeplitz.hpp"

namespace limpet::hash {
namespace {

using net::IpAddress;

// "Verifying the RSS Hash Calculation", Microsoft NDIS documentation.
struct RssRow {
  const char* source;
  std::uint16_t source_port;
  const char* destination;
  std::uint16_t destination_port;
  std::uint32_t addresses_hash;
  std::uint32_t tcp_hash;
};

constexpr RssRow rss_rows[] = {
    {"66.9.149.187", 2794, "161.142.100.80", 1766, 0x323e8fc2, 0x51ccc178},
    {"199.92.111.2", 14230, "65.69.140.83", 4739, 0xd718262a, 0xc626b0ea},
    {"24.19.198.95", 12898, "12.22.207.184", 38024, 0xd2d0a5de, 0x5c2b394a},
    {"38.27.205.30", 48228, "209.142.163.6", 2217, 0x82989176, 0xafc7327f},
    {"153.39.163.191", 44251, "202.188.127.2", 1303, 0x5d1809c5, 0x10e828a2},
    {"3ffe:2501:200:1fff::7", 2794, "3ffe:2501:200:3::1", 1766, 0x2cc18cd5, 0x40207d3d},
    {"3ffe:501:8::260:97ff:fe40:efab", 14230, "ff02::1", 4739, 0x0f0c461c, 0xdde51bbf},
    {"3ffe:1900:4545:3:200:f8ff:fe21:67cf", 44251, "fe80::200:f8ff:fe21:67cf", 38024, 0x4b61e985, 0x02d1feef},
};

std::vector<std::uint8_t> wire(const IpAddress& address) {
  return {address.wire_bytes(), address.wire_bytes() + address.wire_size()};
}

TEST(Toeplitz, published_vectors) {
  const Toeplitz<36> toeplitz(microsoft_rss_key);
  for (const auto& row : rss_rows) {
    auto input = wire(*IpAddress::parse(row.source));
    const auto destination = wire(*IpAddress::parse(row.destination));
    input.insert(input.end(), destination.begin(), destination.end());
    EXPECT_EQ(toeplitz(input), row.addresses_hash) << row.source;
    EXPECT_EQ(toeplitz_bitwise(microsoft_rss_key, input), row.addresses_hash) << row.source;
    for (const std::uint16_t port : {row.source_port, row.destination_port}) {
      input.push_back(static_cast<std::uint8_t>(port >> 8));
      input.push_back(static_cast<std::uint8_t>(port));
    }
    EXPECT_EQ(toeplitz(input), row.tcp_hash) << row.source;
  }
}

IpAddress random_address(std::mt19937_64& random, bool v4) {
  if (v4) {
    return IpAddress::v4(static_cast<std::uint32_t>(random()));
  }
  std::uint64_t words[2] = {random() | 0x20, random()};
  return IpAddress::v6(words);
}

TEST(Owner, hash_is_what_a_nic_computes_in_either_place) {
  const Owner owner(4);
  ASSERT_EQ(owner.key().size(), 52u);
  std::mt19937_64 random(1);
  for (int i = 0; i < 2000; ++i) {
    const auto address = random_address(random, i % 2 == 0);
    const auto bytes = wire(address);
    std::vector<std::uint8_t> as_destination(bytes.size());
    as_destination.insert(as_destination.end(), bytes.begin(), bytes.end());
    EXPECT_EQ(owner.rss_hash(address), toeplitz_bitwise(owner.key(), bytes));
    EXPECT_EQ(owner.rss_hash(address), toeplitz_bitwise(owner.key(), as_destination));
    EXPECT_EQ(owner.rss_hash(address), toeplitz_bitwise(owner.key().first(40), as_destination));
    EXPECT_EQ(owner.owner(address), owner.indirection()[owner.rss_hash(address) % owner.indirection().size()]);
  }
}

TEST(Owner, every_worker_has_its_share) {
  for (const unsigned workers : {1u, 2u, 3u, 4u, 7u, 16u, 128u}) {
    const Owner owner(workers);
    EXPECT_EQ(owner.workers(), workers);
    std::vector<unsigned> counts(workers);
    for (std::uint32_t i = 0; i < 65536; ++i) {
      ++counts.at(owner.owner(IpAddress::v4(0x0a000000u + i)));
    }
    const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
    EXPECT_GE(*least, 65536 / 128 * (128 / workers)) << workers;
    EXPECT_LE(*most, 65536 / 128 * ((127 + workers) / workers)) << workers;
  }
}

// Clients numbered in a row are what a lab or an office has; one in each network, what a provider's routers are.
TEST(Owner, neighbours_spread) {
  for (const unsigned step_bits : {0u, 8u, 16u}) {
    for (const unsigned workers : {2u, 4u, 8u}) {
      const Owner owner(workers);
      std::vector<unsigned> counts(workers);
      for (std::uint32_t i = 0; i < 16; ++i) {
        ++counts.at(owner.owner(IpAddress::v4(0xc0200000u + (i << step_bits))));
      }
      EXPECT_EQ(*std::min_element(counts.begin(), counts.end()), 16 / workers) << workers << " by 2^" << step_bits;
    }
  }
}

// Whatever the distance between them.
TEST(Owner, clients_at_equal_distances_spread) {
  for (unsigned step_bits = 0; step_bits <= 24; ++step_bits) {
    for (const unsigned workers : {2u, 3u, 4u, 8u}) {
      const Owner owner(workers);
      std::vector<unsigned> counts(workers);
      for (std::uint32_t i = 0; i < 128; ++i) {
        ++counts.at(owner.owner(IpAddress::v4(0x0a000003u + (i << step_bits))));
      }
      const unsigned most = *std::max_element(counts.begin(), counts.end());
      EXPECT_LE(most, 2 * 128 / workers) << workers << " by 2^" << step_bits;
      EXPECT_GE(*std::min_element(counts.begin(), counts.end()), 1u) << workers << " by 2^" << step_bits;
    }
  }
}

TEST(Owner, ipv6_networks_spread) {
  const Owner owner(4);
  std::vector<unsigned> counts(4);
  for (std::uint16_t i = 0; i < 1024; ++i) {
    std::uint8_t bytes[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 1};
    store_be<std::uint16_t>(bytes + 6, i);
    bytes[15] = 1;
    ++counts.at(owner.owner(IpAddress::v6(bytes)));
  }
  for (const unsigned count : counts) {
    EXPECT_EQ(count, 256u);
  }
}

std::size_t bucket_of_pair(const RssKey& key, const IpAddress& source, const IpAddress& destination) {
  auto pair = wire(source);
  const auto second = wire(destination);
  pair.insert(pair.end(), second.begin(), second.end());
  return toeplitz_bitwise(std::span(key).first(40), pair) % Owner::indirection_size;
}

TEST(LoneKey, leaves_one_address_of_a_pair) {
  const Owner owner(4);
  std::mt19937_64 random(9);
  for (const bool v4 : {true, false}) {
    const RssKey towards_clients = lone_key({.source = true, .v4 = v4});
    const RssKey towards_backends = lone_key({.source = false, .v4 = v4});
    for (int i = 0; i < 2000; ++i) {
      const auto client = random_address(random, v4);
      const auto other = random_address(random, v4);
      EXPECT_EQ(bucket_of_pair(towards_clients, client, other), owner.bucket(client));
      EXPECT_EQ(bucket_of_pair(towards_backends, other, client), owner.bucket(client));
    }
  }
}

// The clients of one network, of one address and port of ours; the same number for each of four workers.
TEST(LoneKey, spreads_ipv6_where_it_is_for_ipv4) {
  const Owner owner(4);
  for (const bool source : {true, false}) {
    const RssKey key = lone_key({.source = source, .v4 = true});
    const auto ours = *IpAddress::parse("2001:db8:1::10");
    for (const unsigned place : {5u, 9u, 15u}) {
      std::vector<unsigned> counts(4);
      for (unsigned i = 0; i < 256; ++i) {
        std::uint8_t bytes[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 7, 0, 1};
        bytes[place] = static_cast<std::uint8_t>(i);
        const auto client = IpAddress::v6(bytes);
        ++counts[owner.indirection()[source ? bucket_of_pair(key, client, ours) : bucket_of_pair(key, ours, client)]];
      }
      const bool counts_here = place > 7 || !source;  // towards clients, the second word of an address is left out
      EXPECT_EQ(*std::max_element(counts.begin(), counts.end()), counts_here ? 64u : 256u) << source << place;
    }
  }
}

// What a NIC with the key computes over addresses and ports of a backend's answer.
TEST(Owner, answers_as_a_nic_hashes_them) {
  std::mt19937_64 random(7);
  const Owner owner(4);
  for (int i = 0; i < 2000; ++i) {
    const bool v4 = i % 2 == 0;
    const net::Endpoint backend{random_address(random, v4), static_cast<std::uint16_t>(random())};
    const net::Endpoint local{random_address(random, v4), static_cast<std::uint16_t>(random())};
    auto tuple = wire(backend.address);
    const auto destination = wire(local.address);
    tuple.insert(tuple.end(), destination.begin(), destination.end());
    for (const std::uint16_t port : {backend.l4_port, local.l4_port}) {
      tuple.push_back(static_cast<std::uint8_t>(port >> 8));
      tuple.push_back(static_cast<std::uint8_t>(port));
    }
    const std::uint32_t hash = toeplitz_bitwise(owner.key().first(40), tuple);
    EXPECT_EQ(owner.bucket_of_answer(backend, local), hash % Owner::indirection_size);
    EXPECT_EQ(owner.owner_of_answer(backend, local), owner.indirection()[hash % Owner::indirection_size]);
  }
}

TEST(Owner, local_ports_lead_to_any_entry) {
  std::mt19937_64 random(8);
  const Owner owner(3);
  for (int i = 0; i < 50; ++i) {
    const bool v4 = i % 2 == 0;
    const net::Endpoint backend{random_address(random, v4), static_cast<std::uint16_t>(random())};
    const auto local = random_address(random, v4);
    const auto block = static_cast<unsigned>(random() % Owner::port_blocks);
    std::vector<bool> seen(Owner::indirection_size);
    for (std::size_t bucket = 0; bucket < Owner::indirection_size; ++bucket) {
      const auto port = owner.local_port(backend, local, block, bucket);
      EXPECT_EQ(port / Owner::indirection_size, block);
      EXPECT_EQ(owner.bucket_of_answer(backend, {local, port}), bucket);
      seen[port % Owner::indirection_size] = true;
    }
    EXPECT_EQ(std::count(seen.begin(), seen.end(), true), std::ptrdiff_t{Owner::indirection_size});
  }
}

TEST(Owner, entries_of_a_worker) {
  for (unsigned workers = 1; workers <= 16; ++workers) {
    const Owner owner(workers);
    std::size_t sum = 0;
    for (unsigned worker = 0; worker < workers; ++worker) {
      sum += owner.buckets_of_worker(worker);
      for (std::uint64_t draw = 0; draw < 300; ++draw) {
        const std::size_t bucket = owner.bucket_of_worker(worker, draw);
        ASSERT_LT(bucket, Owner::indirection_size);
        ASSERT_EQ(owner.indirection()[bucket], worker);
      }
    }
    EXPECT_EQ(sum, Owner::indirection_size);
  }
}

// Workers, NIC set-up and recovery after an upgrade must agree: what changes this needs another restart::layout_now.
TEST(Owner, golden) {
  const Owner owner(4);
  EXPECT_EQ(owner.rss_hash(*IpAddress::parse("192.0.2.1")), 0xbf314a25u);
  EXPECT_EQ(owner.rss_hash(*IpAddress::parse("2001:db8::1")), 0x2aa4d376u);
}

}  // namespace
}  // namespace limpet::hash
