// Workers share nothing that they write. By layout: what one writes lies in whole cache lines. By looking: all memory
// of the process is compared before and after each turn of each worker; no line may change in turns of two of them.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <latch>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <thread>
#include <vector>

#include "hash/secret.hpp"
#include "path/turn.hpp"
#include "plan/compile.hpp"
#include "support/sanitized.hpp"
#include "support/two_ports.hpp"
#include "worker/loop.hpp"

namespace limpet::worker {
namespace {

using limpet::test::Bytes;
using limpet::test::ip;
using limpet::test::PacketBuilder;

constexpr std::size_t line_bytes = 64;
constexpr std::size_t page_bytes = 4096;

template <class T>
constexpr bool whole_lines = alignof(T) % line_bytes == 0 && sizeof(T) % line_bytes == 0;

static_assert(whole_lines<Worker>, "and all that lies in it: state, flow table, io, counts of work");
static_assert(whole_lines<Work>);
static_assert(whole_lines<counters::Block>);
static_assert(whole_lines<plan::BackendState>, "control writes one while workers read the next");
static_assert(whole_lines<MbufRing>, "producer's and consumer's ends are apart from each other and from others");
static_assert(whole_lines<SpscRing<path::Task*>>);
static_assert(sizeof(MbufRing) == 3 * line_bytes, "what both read, what the producer writes, what the consumer writes");

constexpr bool readable = !test::sanitized;  // a sanitizer forbids to look at memory that is nobody's

constexpr unsigned workers = 4;
constexpr unsigned clients = 24;  // of each worker
constexpr std::uint8_t syn = net::tcp_flag::syn, ack = net::tcp_flag::ack;
const hash::Secret secret = hash::fixed_secret();

/// Zeroed memory of its own, in whole pages.
std::span<std::byte> map_bytes(std::size_t size_bytes) {
  size_bytes = (size_bytes + page_bytes - 1) / page_bytes * page_bytes;
  void* const memory = mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  EXPECT_NE(memory, MAP_FAILED);
  return {static_cast<std::byte*>(memory), size_bytes};
}

struct Region {
  std::byte* begin = nullptr;
  std::size_t size_bytes = 0;
  std::byte* copy = nullptr;
};

/// The heaps and anonymous mappings that there are when it is made, but for `left_out`. Reading and writing it down
/// touches none of them.
class Memory {
 public:
  explicit Memory(std::span<const std::byte> left_out) {
    std::ifstream maps("/proc/self/maps");
    std::vector<Region> found;
    for (std::string line; std::getline(maps, line);) {
      std::istringstream words(line);
      std::uintptr_t begin = 0, end = 0;
      char dash = 0;
      std::string rights, offset, device, inode, name;
      words >> std::hex >> begin >> dash >> end >> rights >> offset >> device >> inode >> name;
      const auto* const first = reinterpret_cast<std::byte*>(begin);
      const bool wanted = rights.starts_with("rw") && (name.empty() || name == "[heap]");
      if (wanted && (first + (end - begin) <= left_out.data() || first >= left_out.data() + left_out.size())) {
        found.push_back({reinterpret_cast<std::byte*>(begin), end - begin, nullptr});
      } else if (wanted) {
        add_around(found, {reinterpret_cast<std::byte*>(begin), end - begin, nullptr}, left_out);
      }
    }
    for (auto& region : found) {
      region.copy = map_bytes(region.size_bytes).data();
    }
    regions_ = std::move(found);
    const auto room = map_bytes(sizeof(std::uintptr_t) << 16);
    lines_ = {reinterpret_cast<std::uintptr_t*>(room.data()), room.size() / sizeof(std::uintptr_t)};
  }
  void remember() noexcept {
    for (const auto& region : regions_) {
      std::memcpy(region.copy, region.begin, region.size_bytes);
    }
  }
  /// Lines that are not as they were.
  std::span<const std::uintptr_t> changed() noexcept {
    std::size_t count = 0;
    for (const auto& region : regions_) {
      for (std::size_t at = 0; at < region.size_bytes; at += page_bytes) {
        if (std::memcmp(region.begin + at, region.copy + at, page_bytes) == 0) {
          continue;
        }
        for (std::size_t line = at; line < at + page_bytes && count < lines_.size(); line += line_bytes) {
          if (std::memcmp(region.begin + line, region.copy + line, line_bytes) != 0) {
            lines_[count++] = reinterpret_cast<std::uintptr_t>(region.begin + line);
          }
        }
      }
    }
    return lines_.first(count);
  }

 private:
  static void add_around(std::vector<Region>& found, const Region& region, std::span<const std::byte> left_out) {
    const auto before = left_out.data() - region.begin;
    if (before > 0) {
      found.push_back({region.begin, static_cast<std::size_t>(before), nullptr});
    }
    std::byte* const rest = const_cast<std::byte*>(left_out.data()) + left_out.size();
    if (rest < region.begin + region.size_bytes) {
      found.push_back({rest, static_cast<std::size_t>(region.begin + region.size_bytes - rest), nullptr});
    }
  }
  std::vector<Region> regions_;
  std::span<std::uintptr_t> lines_;  // room for what changed, itself not compared
};

/// Frames in memory of their worker's own, in and out.
class alignas(64) FrameIo {
 public:
  [[nodiscard]] std::span<const path::Source> sources() const noexcept { return sources_; }
  unsigned receive(path::Source source, path::Packet* packets, unsigned max) noexcept {
    unsigned count = 0;
    while (count < max && taken_ < offered_ && frames_[taken_].port.value() == source.index) {
      auto& frame = frames_[taken_++];
      packets[count++] = {.data = frame.room.data() + headroom,
                          .buffer = &frame,
                          .size = static_cast<std::uint32_t>(frame.size),
                          .contiguous = static_cast<std::uint16_t>(frame.size),
                          .headroom = headroom,
                          .capacity = static_cast<std::uint16_t>(frame.room.size() - headroom),
                          .port = frame.port};
    }
    return count;
  }
  unsigned transmit(path::Destination to, const path::Packet* packets, unsigned n) noexcept {
    for (unsigned i = 0; i < n && to.outlet == path::Outlet::port; ++i) {
      sent_size_[sent_] = packets[i].size;
      std::memcpy(sent_bytes_[sent_++].data(), packets[i].data, packets[i].size);
    }
    return n;
  }
  void offer(PortIndex port, const Bytes& bytes) {
    auto& frame = frames_[offered_++];
    frame.port = port;
    frame.size = bytes.size();
    std::memcpy(frame.room.data() + headroom, bytes.data(), bytes.size());
  }
  [[nodiscard]] bool idle() const noexcept { return taken_ == offered_; }
  /// What was sent since the last call.
  std::vector<Bytes> take_sent() {
    std::vector<Bytes> sent;
    for (unsigned i = 0; i < sent_; ++i) {
      sent.emplace_back(sent_bytes_[i].begin(), sent_bytes_[i].begin() + sent_size_[i]);
    }
    offered_ = taken_ = sent_ = 0;
    return sent;
  }

 private:
  static constexpr std::uint16_t headroom = 64;
  static constexpr unsigned frames_max = 2 * clients;
  struct alignas(64) Frame {
    std::array<std::uint8_t, 192> room;
    std::size_t size;
    PortIndex port;
  };
  static constexpr std::array<path::Source, 2> sources_ = {path::Source{path::Origin::port, 0},
                                                           path::Source{path::Origin::port, 1}};
  std::array<Frame, frames_max> frames_;
  std::array<std::array<std::uint8_t, 128>, frames_max> sent_bytes_;
  std::array<std::uint32_t, frames_max> sent_size_;
  unsigned offered_ = 0, taken_ = 0, sent_ = 0;
};

model::Model make_model() {
  model::Model model;
  test::declare_ports(model);
  model.profiles["client"] = {};
  for (unsigned i = 1; i <= 4; ++i) {
    const auto address = ip(fmt::format("198.51.100.{}", 10 + i));
    model.ports["back"].neighbors[address] = {{2, 0, 0, 0, 1, static_cast<std::uint8_t>(i)}};
    model.pools["web"].backends[fmt::format("b{}", i)].addresses = {{address, 8080}};
  }
  model.services["web"].pool = "web";
  model.services["web"].listen = {{test::prefix("192.0.2.10"), 80, net::Protocol::tcp}};
  model.services["web"].persist = {"client"};
  return model;
}

/// A node as Machine makes it, each worker by a thread of its own, with frames in memory instead of devices.
class Sharing : public testing::Test {
 protected:
  struct Place {
    std::unique_ptr<Worker> worker;
    std::unique_ptr<FrameIo> io;
    std::vector<net::IpAddress> clients;
    std::vector<Bytes> sent;
    std::vector<std::uintptr_t> written;  // lines
  };

  void SetUp() override {
    if (!readable) {
      GTEST_SKIP() << "not under a sanitizer";
    }
    const auto model = make_model();
    plan::Slots slots(plan::backend_slots_default);
    plan = plan::compile({model, secret, {}, 1}, slots).value();
    plan::each_interface(model, [&](InterfaceIndex index, const model::Interface& interface) {
      for (const auto& [address, mac] : interface.neighbors) {
        adjacencies.set(index, address, l3::AdjacencyState::reachable, mac);
      }
    });
    make_workers();
    share_out_clients();
  }
  void make_workers() {
    std::latch made(workers);
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < workers; ++i) {
      threads.emplace_back([&, i] {
        const path::Node node{owner, records, states, adjacencies};
        auto table = flow::Table::create(map_bytes(flow::Table::bytes_needed(flow_sizes)), flow_sizes,
                                         hash::derive_key(secret, "flows"));
        places[i].worker = std::make_unique<Worker>(i, node, std::move(*table), splice::Table(64, table->seed()),
                                                    plan::backend_slots_default, fabric, nullptr, cell, model::Daemon{},
                                                    path::Limits{});
        places[i].io = std::make_unique<FrameIo>();
        made.arrive_and_wait();  // all threads live at once, as lcores do, so that each has a heap of its own
      });
    }
    for (auto& thread : threads) {
      thread.join();
    }
  }
  void share_out_clients() {
    const auto wanting = [](const Place& place) { return place.clients.size() < clients; };
    for (unsigned i = 1; std::any_of(places.begin(), places.end(), wanting); ++i) {
      const auto client = ip(fmt::format("203.0.{}.{}", 113 + i / 250, i % 250 + 1));
      auto& place = places[owner.owner(client)];
      if (wanting(place)) {
        place.clients.push_back(client);
      }
    }
  }

  /// A segment of every client to the service.
  void from_clients(std::uint8_t tcp_flags) {
    for (auto& place : places) {
      for (const auto& client : place.clients) {
        PacketBuilder frame;
        frame.ethernet(test::gateway_mac, test::front_mac).ip(client, ip("192.0.2.10")).tcp(2000, 80, tcp_flags);
        place.io->offer(test::front_port, frame.build());
      }
    }
  }
  /// An answer to each frame that was sent to a backend.
  void from_backends(std::uint8_t tcp_flags) {
    for (auto& place : places) {
      for (const auto& sent : place.sent) {
        net::IpAddress backend = ip("0.0.0.0"), client = backend;
        ASSERT_GE(sent.size(), 34u);
        client = ip(fmt::format("{}.{}.{}.{}", sent[26], sent[27], sent[28], sent[29]));
        backend = ip(fmt::format("{}.{}.{}.{}", sent[30], sent[31], sent[32], sent[33]));
        PacketBuilder frame;
        frame.ethernet({{2, 0, 0, 0, 1, sent[33]}}, test::back_mac).ip(backend, client).tcp(8080, 2000, tcp_flags);
        place.io->offer(test::back_port, frame.build());
      }
    }
  }
  /// Each worker in turn does what there is, and one empty turn; which lines changed is written down.
  void work(Memory& memory) {
    now_ms += 1500;
    for (auto& place : places) {
      memory.remember();
      while (!place.io->idle()) {
        path::turn(place.worker->state, *plan, *place.io, now_ms);
      }
      path::turn(place.worker->state, *plan, *place.io, now_ms);
      const auto changed = memory.changed();
      place.written.insert(place.written.end(), changed.begin(), changed.end());
    }
    for (auto& place : places) {
      place.sent = place.io->take_sent();
      EXPECT_EQ(place.sent.size() % clients, 0u);
    }
  }
  std::uint64_t counted(path::Counter counter) const {
    std::uint64_t sum = 0;
    for (const auto& place : places) {
      sum += place.worker->state.counters.get(counter);
    }
    return sum;
  }
  /// Lines that more than one worker wrote.
  [[nodiscard]] std::vector<std::uintptr_t> shared() const {
    std::map<std::uintptr_t, std::set<unsigned>> writers;
    for (unsigned i = 0; i < workers; ++i) {
      for (const auto line : places[i].written) {
        writers[line].insert(i);
      }
    }
    std::vector<std::uintptr_t> found;
    for (const auto& [line, who] : writers) {
      if (who.size() > 1) {
        found.push_back(line);
      }
    }
    return found;
  }
  [[nodiscard]] std::string where(std::uintptr_t line) const {
    for (unsigned i = 0; i < workers; ++i) {
      const auto begin = reinterpret_cast<std::uintptr_t>(places[i].worker.get());
      if (line >= begin && line < begin + sizeof(Worker)) {
        return fmt::format("byte {} of worker {}", line - begin, i);
      }
    }
    return fmt::format("{:#x}", line);
  }

  static inline const flow::Sizes flow_sizes = flow::sizes_for(4096);
  static inline const record::Sizes record_sizes = record::sizes_for(4096);
  hash::Owner owner{workers};
  plan::BackendStates states{plan::backend_slots_default};
  l3::AdjacencyTable adjacencies{4096, 1};
  std::span<std::byte> record_memory = map_bytes(record::Table::bytes_needed(record_sizes));
  record::Table records = record::Table::create(record_memory, record_sizes, hash::derive_key(secret, "r")).value();
  Fabric fabric{workers, {}, {}};
  PlanCell cell{workers};
  std::shared_ptr<const plan::Plan> plan;
  std::array<Place, workers> places;
  Millis now_ms = 1'000'000;
};

TEST_F(Sharing, NoLineIsWrittenByTwoWorkers) {
  Memory memory(record_memory);  // the records are the node's: of whichever client, they lie side by side
  from_clients(syn);
  work(memory);
  from_backends(syn | ack);
  work(memory);
  from_clients(ack);
  work(memory);
  // The records' own counts: made and lasting ones, of each backend, of each scope.
  EXPECT_LE(shared().size(), 4u) << "at a client's first contact";
  for (auto& place : places) {
    place.written.clear();
  }
  for (int i = 0; i < 3; ++i) {
    from_clients(ack);
    work(memory);
    from_backends(ack);
    work(memory);
  }
  EXPECT_EQ(counted(path::Counter::flow_new), workers * clients);
  EXPECT_EQ(counted(path::Counter::forwarded_in), 5 * workers * clients);
  EXPECT_EQ(counted(path::Counter::forwarded_back), 4 * workers * clients);
  for (const auto& place : places) {
    const std::set<std::uintptr_t> lines(place.written.begin(), place.written.end());
    EXPECT_GT(lines.size(), clients) << "flows, backends' counts, counters: the comparison does not see";
  }
  for (const auto line : shared()) {
    ADD_FAILURE() << "written by several workers for known flows: " << where(line);
  }
}

/// Or the test above would find nothing whatever there is.
TEST_F(Sharing, ALineWrittenByTwoIsSeen) {
  struct Counts {
    std::uint64_t of_worker[workers];
  };
  const auto counts = std::make_unique<Counts>();
  Memory memory({});
  for (unsigned i = 0; i < workers; ++i) {
    memory.remember();
    *static_cast<volatile std::uint64_t*>(&counts->of_worker[i]) = 1;
    const auto changed = memory.changed();
    places[i].written.assign(changed.begin(), changed.end());
  }
  EXPECT_GE(shared().size(), 1u);
}

}  // namespace
}  // namespace limpet::worker
