// One end of a TCP connection, small and plain, that checks its other end: what it gets must be in the window it gave
// and no larger than the segments it takes, acknowledgments, SACK blocks and timestamps' echoes must be of what it
// sent. Time is given.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "net/parsed.hpp"
#include "net/tcp_edit.hpp"
#include "net/tcp_options.hpp"
#include "support/packet_builder.hpp"

namespace limpet::test {

class TcpPeer {
 public:
  struct Options {
    net::Endpoint own{};
    net::Endpoint remote{};
    net::Mac own_mac{};
    net::Mac next_mac{};
    std::uint32_t first = 1;  // sequence number
    std::uint16_t mss = 1460;
    int scale = 7;  // -1: no window scale
    bool sack = true;
    bool stamps = false;      // RFC 7323
    std::uint32_t clock = 0;  // of timestamps, when time began
    std::uint32_t window_bytes = 65536;
    std::size_t segment_bytes = 1460;  // written at once, at most
    bool writes_bytes = false;         // one at a time; under Nagle's algorithm (RFC 9293, section 3.7.4)
  };

  explicit TcpPeer(const Options& options) : o_(options), una_(options.first), next_(options.first) {}

  void connect(std::uint64_t now_ms) {
    now_ms_ = now_ms;
    opens_ = true;
    send_syn(now_ms);
  }
  void write(std::string_view text) { (o_.writes_bytes ? unwritten_ : data_) += text; }
  /// FIN behind all that was written.
  void close() { closes_ = true; }
  /// Once more what was acknowledged last.
  void acknowledge() { emit(net::tcp_flag::ack, next_, {}); }
  /// Nothing is said any more, nor heard.
  void vanish() { reset_ = true; }
  /// RST now.
  void abort() {
    emit(net::tcp_flag::rst | net::tcp_flag::ack, next_, {});
    reset_ = true;
  }

  [[nodiscard]] const std::string& received() const { return received_; }
  [[nodiscard]] bool established() const { return established_; }
  [[nodiscard]] bool was_reset() const { return reset_; }
  /// Both sides have said all, and know that the other knows.
  [[nodiscard]] bool finished() const {
    return established_ && got_fin_ && closes_ && unwritten_.empty() && una_ == end() + 1;
  }
  [[nodiscard]] bool heard_all() const { return got_fin_; }
  [[nodiscard]] std::uint32_t first() const { return o_.first; }
  /// Both sides use timestamps.
  [[nodiscard]] bool uses_stamps() const { return stamps_; }
  /// Segments that came with an older timestamp than one before.
  [[nodiscard]] unsigned old_stamps() const { return old_stamps_; }
  [[nodiscard]] std::size_t peer_mss() const { return peer_mss_; }
  [[nodiscard]] const net::Endpoint& own() const { return o_.own; }
  [[nodiscard]] const net::Endpoint& remote() const { return o_.remote; }

  /// Frames that it has sent since the last call.
  std::vector<Bytes> take() { return std::exchange(out_, {}); }

  void receive(const net::Parsed& parsed, const Bytes& frame, std::uint64_t now_ms) {
    using namespace net;
    now_ms_ = now_ms;
    const std::uint32_t sequence = tcp_sequence(frame.data(), parsed);
    const std::uint32_t acknowledgment = tcp_acknowledgment(frame.data(), parsed);
    const std::uint8_t flags = parsed.tcp_flags;
    if (reset_) {
      return;
    }
    if ((flags & tcp_flag::rst) != 0) {
      reset_ = reset_ || !established_ || sequence == expected_;
      return;
    }
    if ((flags & tcp_flag::syn) != 0) {
      return on_syn(parsed, frame, now_ms);
    }
    if (!heard_syn_ || !passes_stamps(parsed, frame)) {
      return;
    }
    if (ahead(acknowledgment, una_) >= 0) {  // RFC 9293, section 3.10.7.4: an old one says nothing of the window
      window_ = std::uint32_t{load_be<std::uint16_t>(frame.data() + parsed.l4_offset + tcp::window)}
                << (scales_ ? peer_scale_ : 0);
    }
    on_acknowledgment(acknowledgment, now_ms);
    check_sack(parsed, frame);
    const std::size_t offset = parsed.l4_offset + tcp_header_size(frame.data(), parsed);
    const std::size_t size = tcp_payload_size(frame.data(), parsed);
    on_data(sequence, {reinterpret_cast<const char*>(frame.data()) + offset, size}, (flags & tcp_flag::fin) != 0);
    if (size != 0 || (flags & tcp_flag::fin) != 0) {
      emit(tcp_flag::ack, next_, {});
    }
    push(now_ms);
  }

  /// What is due goes out.
  void tick(std::uint64_t now_ms) {
    now_ms_ = now_ms;
    if (reset_) {
      return;
    }
    if (una_ != highest_ && now_ms >= resend_ms_) {
      wait_ms_ = std::min<std::uint64_t>(wait_ms_ * 2, 1600);
      next_ = una_;
      if (next_ == o_.first) {
        return send_syn(now_ms);
      }
    }
    if (established_) {
      data_ += unwritten_.substr(0, 1);
      unwritten_.erase(0, 1);
      push(now_ms);
    }
  }

 private:
  static constexpr std::size_t stamp_bytes = 12;

  [[nodiscard]] static std::int32_t ahead(std::uint32_t number, std::uint32_t of) {
    return static_cast<std::int32_t>(number - of);
  }
  [[nodiscard]] std::size_t full_size() const { return peer_mss_ - (stamps_ ? stamp_bytes : 0); }
  [[nodiscard]] std::uint32_t end() const { return o_.first + 1 + static_cast<std::uint32_t>(data_.size()); }

  void send_syn(std::uint64_t now_ms) {
    Bytes options{2, 4, static_cast<std::uint8_t>(o_.mss >> 8), static_cast<std::uint8_t>(o_.mss)};
    if (o_.sack && (opens_ || peer_sack_)) {
      append(options, {1, 1, 4, 2});
    }
    if (o_.scale >= 0 && (opens_ || peer_scale_ >= 0)) {
      append(options, {1, 3, 3, static_cast<std::uint8_t>(o_.scale)});
    }
    if (o_.stamps && (opens_ || stamps_)) {
      append_stamps(options);
    }
    emit(opens_ ? net::tcp_flag::syn : net::tcp_flag::syn | net::tcp_flag::ack, o_.first, {}, options);
    next_ = o_.first + 1;
    note_sent(now_ms);
  }

  void on_syn(const net::Parsed& parsed, const Bytes& frame, std::uint64_t now_ms) {
    using namespace net;
    const bool answers = (parsed.tcp_flags & tcp_flag::ack) != 0;
    if (answers != opens_) {
      return;
    }
    const std::uint32_t sequence = tcp_sequence(frame.data(), parsed);
    if (heard_syn_) {
      // Another connection's is answered like an old one: RFC 5961, section 4.
      EXPECT_TRUE(sequence + 1 == heard_first_ || established_) << "one connection, two first numbers";
      established_ ? emit(tcp_flag::ack, next_, {}) : send_syn(now_ms);
      return;
    }
    if (answers && tcp_acknowledgment(frame.data(), parsed) != o_.first + 1) {
      return;
    }
    heard_syn_ = true;
    heard_first_ = expected_ = sequence + 1;
    each_tcp_option(
        std::span(frame.data() + parsed.l4_offset + tcp::size, tcp_header_size(frame.data(), parsed) - tcp::size),
        [&](std::uint8_t kind, std::span<const std::uint8_t> option) {
          if (kind == tcp_option::mss) {
            peer_mss_ = load_be<std::uint16_t>(&option[2]);
          } else if (kind == tcp_option::window_scale) {
            peer_scale_ = option[2];
          } else if (kind == tcp_option::sack_permitted) {
            peer_sack_ = true;
          } else if (kind == tcp_option::timestamps && (!opens_ || o_.stamps)) {
            stamps_ = o_.stamps;
            recent_ = load_be<std::uint32_t>(&option[2]);
            EXPECT_TRUE(!opens_ || sent_stamps_.contains(load_be<std::uint32_t>(&option[6])));
          } else {
            ADD_FAILURE() << "an option that nobody offered: " << int{kind};
          }
        });
    scales_ = o_.scale >= 0 && peer_scale_ >= 0;
    window_ = load_be<std::uint16_t>(frame.data() + parsed.l4_offset + tcp::window);  // never scaled
    if (opens_) {
      established_ = true;
      una_ = o_.first + 1;
      emit(tcp_flag::ack, next_, {});
      push(now_ms);
    } else {
      send_syn(now_ms);
    }
  }

  void append_stamps(Bytes& options) {
    const std::uint32_t value = o_.clock + static_cast<std::uint32_t>(now_ms_);
    sent_stamps_.insert(value);
    append(options, {1, 1, net::tcp_option::timestamps, net::tcp_option::timestamps_size});
    for (const std::uint32_t word : {value, recent_}) {
      append16(options, word >> 16);
      append16(options, word);
    }
  }

  /// False: RFC 7323, section 5.3, R1: dropped, and answered with an acknowledgment.
  bool passes_stamps(const net::Parsed& parsed, const Bytes& frame) {
    const auto said = net::tcp_timestamps(frame.data(), parsed);
    EXPECT_EQ(said.has_value(), stamps_);
    if (!said || !stamps_) {
      return true;
    }
    EXPECT_TRUE(sent_stamps_.contains(said->echo)) << "an echo of what was never sent";
    if (ahead(said->value, recent_) < 0) {
      ++old_stamps_;
      emit(net::tcp_flag::ack, next_, {});
      return false;
    }
    if (ahead(net::tcp_sequence(frame.data(), parsed), acknowledged_) <= 0) {
      recent_ = said->value;
    }
    return true;
  }

  void on_acknowledgment(std::uint32_t acknowledgment, std::uint64_t now_ms) {
    EXPECT_LE(ahead(acknowledgment, highest_), 0) << "acknowledges what was never sent";
    if (ahead(acknowledgment, una_) > 0) {
      una_ = acknowledgment;
      established_ = true;
      next_ = ahead(next_, una_) < 0 ? una_ : next_;
      wait_ms_ = 200;
      resend_ms_ = now_ms + wait_ms_;
    }
  }

  void check_sack(const net::Parsed& parsed, const Bytes& frame) {
    net::each_tcp_option(std::span(frame.data() + parsed.l4_offset + net::tcp::size,
                                   net::tcp_header_size(frame.data(), parsed) - net::tcp::size),
                         [&](std::uint8_t kind, std::span<const std::uint8_t> option) {
                           if (kind != net::tcp_option::sack) {
                             return;
                           }
                           EXPECT_TRUE(o_.sack);
                           for (std::size_t at = 2; at + 8 <= option.size(); at += 8) {
                             const auto left = load_be<std::uint32_t>(&option[at]);
                             const auto right = load_be<std::uint32_t>(&option[at + 4]);
                             if (ahead(right, una_) <= 0) {
                               continue;  // of long ago: nobody looks at it
                             }
                             EXPECT_LE(ahead(right, highest_), 0) << "a SACK of what was never sent";
                             EXPECT_GT(ahead(right, left), 0);
                             EXPECT_GE(ahead(left, o_.first), 0);
                           }
                         });
  }

  void on_data(std::uint32_t sequence, std::string_view bytes, bool fin) {
    EXPECT_LE(bytes.size() + (stamps_ ? stamp_bytes : 0), o_.mss) << "more than a segment may have";
    const std::uint32_t behind = sequence + static_cast<std::uint32_t>(bytes.size()) + (fin ? 1 : 0);
    EXPECT_LE(ahead(behind, edge_), 1) << "beyond the window";
    if (fin) {
      fin_at_ = sequence + static_cast<std::uint32_t>(bytes.size());
      fin_seen_ = true;
    }
    if (!bytes.empty() && ahead(behind, expected_) > 0) {
      early_[sequence - heard_first_] = std::string(bytes);
    }
    for (auto it = early_.begin(); it != early_.end() && it->first <= expected_ - heard_first_;) {
      const std::size_t known = expected_ - heard_first_ - it->first;
      if (known < it->second.size()) {
        received_ += it->second.substr(known);
        expected_ += static_cast<std::uint32_t>(it->second.size() - known);
      }
      it = early_.erase(it);
    }
    if (fin_seen_ && !got_fin_ && expected_ == fin_at_) {
      got_fin_ = true;
      ++expected_;
    }
  }

  void push(std::uint64_t now_ms) {
    constexpr std::uint32_t in_flight_max = 20'000;
    if (!established_) {
      return;
    }
    while (ahead(end(), next_) > 0) {
      const std::uint32_t room =
          std::min(window_, in_flight_max) - std::min(next_ - una_, std::min(window_, in_flight_max));
      std::size_t size =
          std::min<std::size_t>({static_cast<std::size_t>(end() - next_), o_.segment_bytes, full_size(), room});
      if (o_.writes_bytes && ahead(highest_, next_) > 0) {
        size = std::min<std::size_t>(size, highest_ - next_);  // what got lost comes again as it was
      } else if (o_.writes_bytes && size < full_size() && next_ != una_) {
        break;
      }
      if (size == 0) {
        break;
      }
      emit(net::tcp_flag::ack | net::tcp_flag::psh, next_, data_.substr(next_ - o_.first - 1, size));
      next_ += static_cast<std::uint32_t>(size);
      note_sent(now_ms);
    }
    if (closes_ && next_ == end() && unwritten_.empty()) {
      emit(net::tcp_flag::fin | net::tcp_flag::ack, next_, {});
      ++next_;
      note_sent(now_ms);
    }
    if (window_ == 0 && una_ == next_ && ahead(end(), next_) > 0 && now_ms >= resend_ms_) {  // a probe
      emit(net::tcp_flag::ack, next_, data_.substr(next_ - o_.first - 1, 1));
      ++next_;
      note_sent(now_ms);
    }
  }

  void note_sent(std::uint64_t now_ms) {
    highest_ = ahead(next_, highest_) > 0 || !sent_ ? next_ : highest_;
    sent_ = true;
    resend_ms_ = now_ms + wait_ms_;
  }

  void emit(std::uint8_t flags, std::uint32_t sequence, std::string_view bytes, Bytes options = {}) {
    const bool syn = (flags & net::tcp_flag::syn) != 0;
    const unsigned shift = !syn && scales_ ? static_cast<unsigned>(o_.scale) : 0;
    const auto window = static_cast<std::uint16_t>(std::min(o_.window_bytes >> shift, 0xffffu));
    if (!syn && stamps_) {
      append_stamps(options);
    }
    if (!syn && o_.sack && peer_sack_ && !early_.empty()) {
      append(options, {1, 1, 5, 10});
      const std::uint32_t left = heard_first_ + static_cast<std::uint32_t>(early_.begin()->first);
      for (const std::uint32_t edge : {left, left + static_cast<std::uint32_t>(early_.begin()->second.size())}) {
        append16(options, edge >> 16);
        append16(options, edge);
      }
    }
    if (heard_syn_) {
      const std::uint32_t given = expected_ + (std::uint32_t{window} << shift);
      edge_ = edge_known_ && ahead(given, edge_) < 0 ? edge_ : given;
      edge_known_ = true;
      acknowledged_ = expected_;
    }
    out_.push_back(PacketBuilder()
                       .ethernet(o_.own_mac, o_.next_mac)
                       .ip(o_.own.address, o_.remote.address)
                       .tcp(o_.own.l4_port, o_.remote.l4_port, flags, options)
                       .numbers(sequence, heard_syn_ ? expected_ : 0, window)
                       .payload(bytes)
                       .build());
  }

  Options o_;
  bool opens_ = false, heard_syn_ = false, established_ = false, reset_ = false, closes_ = false;
  std::string unwritten_;
  std::string data_;                        // all that is ever sent
  std::uint32_t una_, next_, highest_ = 0;  // first not acknowledged; next to send; behind the last sent
  bool sent_ = false;
  std::uint64_t wait_ms_ = 200, resend_ms_ = 0;
  std::uint32_t window_ = 0;
  int peer_scale_ = -1;
  bool peer_sack_ = false, scales_ = false;
  std::size_t peer_mss_ = 536;
  std::uint32_t heard_first_ = 0, expected_ = 0, edge_ = 0;
  bool edge_known_ = false;
  std::map<std::uint32_t, std::string> early_;  // by distance from the first byte
  std::string received_;
  bool stamps_ = false;
  std::set<std::uint32_t> sent_stamps_;
  std::uint32_t recent_ = 0, acknowledged_ = 0;  // TS.Recent, Last.ACK.sent
  unsigned old_stamps_ = 0;
  std::uint64_t now_ms_ = 0;
  bool fin_seen_ = false, got_fin_ = false;
  std::uint32_t fin_at_ = 0;
  std::vector<Bytes> out_;
};

}  // namespace limpet::test
