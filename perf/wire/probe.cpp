// Source and sink of latency.*: sends the frames of a capture to one of two sides, stamped with the TSC, at a rate, and
// tells how long they took to come back. One thread does both; so the time of a burst's sending is in the figures, the
// same for both sides.
//
//   wire_probe EAL_ARGUMENTS -- REQUESTS ANSWERS
//
// Ports 0 and 1 are front and back of side 0, ports 2 and 3 of side 1. Says `{}` once ready; then for each line
// "SIDE WHAT PACKETS_A_SECOND SECONDS" on standard input one JSON line. WHAT is 0: requests, from front to back, or 1:
// answers, from back to front. PACKETS_A_SECOND 0: as fast as it goes. Ends with its input.
#include <fmt/format.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string_view>
#include <vector>

namespace {

constexpr unsigned burst_size = 32;
constexpr unsigned buffers = 16384;
constexpr std::uint64_t backlog_max = 1024;  // packets due at once; a source that was held up forgets the rest

[[noreturn]] void give_up(std::string_view text) {
  fmt::print(stderr, "wire_probe: {}\n", text);
  std::exit(1);
}

/// What a frame ends with.
struct [[gnu::packed]] Stamp {
  std::uint64_t sent_tsc;
  std::uint32_t round;  // which command sent it
};
static_assert(sizeof(Stamp) == 12);

/// Counts of cycles in buckets of 1.6 %.
class Histogram {
 public:
  void add(std::uint64_t cycles) noexcept {
    ++counts_[bucket(cycles)];
    ++count_;
  }
  /// Cycles that a share of all are not above.
  [[nodiscard]] double at(double share) const noexcept {
    const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(count_));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen > wanted) {
        return middle(i);
      }
    }
    return 0;
  }

 private:
  static constexpr unsigned bits = 6;
  static std::size_t bucket(std::uint64_t cycles) noexcept {
    const auto width = static_cast<unsigned>(std::bit_width(cycles));
    if (width <= bits) {
      return cycles;
    }
    const unsigned shift = width - bits;
    return (std::size_t{shift} << bits) + (cycles >> shift);
  }
  static double middle(std::size_t bucket) noexcept {
    const std::size_t shift = bucket >> bits;
    const std::size_t mantissa = bucket & ((1u << bits) - 1);
    return (static_cast<double>(mantissa) + 0.5) * static_cast<double>(std::uint64_t{1} << shift);
  }
  std::array<std::uint64_t, std::size_t{65} << bits> counts_{};
  std::uint64_t count_ = 0;
};

using Frame = std::vector<char>;

std::vector<Frame> read_capture(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  std::vector<Frame> frames;
  for (std::size_t at = 24; at + 16 <= bytes.size();) {
    std::uint32_t size = 0;
    std::memcpy(&size, bytes.data() + at + 8, sizeof size);
    at += 16;
    if (size < sizeof(Stamp) || size > 1514 || at + size > bytes.size()) {
      give_up("this is no capture");
    }
    frames.emplace_back(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                        bytes.begin() + static_cast<std::ptrdiff_t>(at + size));
    at += size;
  }
  if (frames.empty()) {
    give_up("the capture is empty");
  }
  return frames;
}

void open_port(std::uint16_t port, rte_mempool* pool) {
  const rte_eth_conf configuration{};
  const unsigned node = rte_socket_id();
  if (rte_eth_dev_configure(port, 1, 1, &configuration) != 0 ||
      rte_eth_rx_queue_setup(port, 0, 1024, node, nullptr, pool) != 0 ||
      rte_eth_tx_queue_setup(port, 0, 1024, node, nullptr) != 0 || rte_eth_dev_start(port) != 0) {
    give_up("a port does not start");
  }
}

struct Command {
  unsigned side = 0;
  unsigned what = 0;
  double packets_a_second = 0;
  double seconds = 0;
};

/// One command being carried out.
class Round {
 public:
  Round(const Command& command, std::uint32_t number, const std::vector<Frame>& frames, rte_mempool* pool)
      : command_(command),
        out_(static_cast<std::uint16_t>(2 * command.side + command.what)),
        in_(static_cast<std::uint16_t>(2 * command.side + 1 - command.what)),
        number_(number),
        frames_(frames),
        pool_(pool),
        hz_(static_cast<double>(rte_get_tsc_hz())) {}

  void run() {
    begin_ = rte_rdtsc();
    const auto end = begin_ + static_cast<std::uint64_t>(command_.seconds * hz_);
    std::uint64_t now = begin_;
    for (; now < end; now = rte_rdtsc()) {
      if (const unsigned due = due_at(now); due != 0) {
        send(due);
      }
      receive();
    }
    took_ = now - begin_;
    const std::uint64_t in_time = received_;
    while (rte_rdtsc() < now + static_cast<std::uint64_t>(0.02 * hz_)) {
      receive();  // what is still on its way
    }
    rate_ = static_cast<double>(in_time) * hz_ / static_cast<double>(took_);
  }

  void report() const {
    const double ns = 1e9 / hz_;
    fmt::print(R"({{"sent": {}, "received": {}, "pps": {:.0f}, "p50": {:.0f}, "p99": {:.0f}, "p999": {:.0f}}})"
               "\n",
               sent_, received_, rate_, histogram_.at(0.5) * ns, histogram_.at(0.99) * ns, histogram_.at(0.999) * ns);
    std::fflush(stdout);
  }

 private:
  unsigned due_at(std::uint64_t now) noexcept {
    if (command_.packets_a_second == 0) {
      return burst_size;
    }
    const auto due = static_cast<std::uint64_t>(static_cast<double>(now - begin_) / hz_ * command_.packets_a_second);
    if (due - offered_ > backlog_max) {
      offered_ = due - burst_size;
    }
    const auto count = static_cast<unsigned>(std::min<std::uint64_t>(due - offered_, burst_size));
    offered_ += count;
    return count;
  }

  void send(unsigned count) noexcept {
    std::array<rte_mbuf*, burst_size> mbufs;
    if (rte_pktmbuf_alloc_bulk(pool_, mbufs.data(), count) != 0) {
      return;
    }
    const Stamp stamp{rte_rdtsc(), number_};
    for (unsigned i = 0; i < count; ++i) {
      const Frame& frame = frames_[next_frame_];
      next_frame_ = next_frame_ + 1 == frames_.size() ? 0 : next_frame_ + 1;
      auto* data = rte_pktmbuf_append(mbufs[i], static_cast<std::uint16_t>(frame.size()));
      std::memcpy(data, frame.data(), frame.size());
      std::memcpy(data + frame.size() - sizeof stamp, &stamp, sizeof stamp);
    }
    const auto taken = rte_eth_tx_burst(out_, 0, mbufs.data(), static_cast<std::uint16_t>(count));
    sent_ += taken;
    rte_pktmbuf_free_bulk(mbufs.data() + taken, count - taken);
  }

  void receive() noexcept {
    std::array<rte_mbuf*, burst_size> mbufs;
    const unsigned count = rte_eth_rx_burst(in_, 0, mbufs.data(), burst_size);
    const std::uint64_t now = count == 0 ? 0 : rte_rdtsc();
    for (unsigned i = 0; i < count; ++i) {
      Stamp stamp{};
      const char* end = rte_pktmbuf_mtod_offset(mbufs[i], const char*, rte_pktmbuf_data_len(mbufs[i]));
      std::memcpy(&stamp, end - sizeof stamp, sizeof stamp);
      if (stamp.round == number_) {  // else late, or no frame of ours
        ++received_;
        histogram_.add(now - stamp.sent_tsc);
      }
    }
    rte_pktmbuf_free_bulk(mbufs.data(), count);
  }

  const Command command_;
  const std::uint16_t out_;
  const std::uint16_t in_;
  const std::uint32_t number_;
  const std::vector<Frame>& frames_;
  rte_mempool* const pool_;
  const double hz_;
  std::size_t next_frame_ = 0;
  std::uint64_t begin_ = 0, took_ = 0, offered_ = 0, sent_ = 0, received_ = 0;
  double rate_ = 0;
  Histogram histogram_;
};

bool linked(unsigned side) {
  for (const unsigned port : {2 * side, 2 * side + 1}) {
    rte_eth_link link{};
    if (rte_eth_link_get_nowait(static_cast<std::uint16_t>(port), &link) != 0 || link.link_status == 0) {
      return false;
    }
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const int used = rte_eal_init(argc, argv);
  if (used < 0 || argc - used < 3 || rte_eth_dev_count_avail() != 4) {
    give_up("needs EAL's arguments with four devices, then the paths of two captures");
  }
  const std::array frames{read_capture(argv[used + 1]), read_capture(argv[used + 2])};
  rte_mempool* const pool =
      rte_pktmbuf_pool_create("probe", buffers, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, static_cast<int>(rte_socket_id()));
  if (pool == nullptr) {
    give_up("no memory for packets");
  }
  for (std::uint16_t port = 0; port < 4; ++port) {
    open_port(port, pool);
  }
  fmt::print("{{}}\n");
  std::fflush(stdout);
  Command command;
  for (std::uint32_t number = 1;
       std::scanf("%u %u %lf %lf", &command.side, &command.what, &command.packets_a_second, &command.seconds) == 4 &&
       command.side < 2 && command.what < 2;
       ++number) {
    for (unsigned tries = 0; tries < 10'000 && !linked(command.side); ++tries) {
      rte_delay_us_sleep(1000);
    }
    Round round(command, number, frames[command.what], pool);
    round.run();
    round.report();
  }
  for (std::uint16_t port = 0; port < 4; ++port) {
    rte_eth_dev_stop(port);
    rte_eth_dev_close(port);
  }
  rte_eal_cleanup();
  return 0;
}
