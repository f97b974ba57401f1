// One health check of one address by a kernel socket: TCP connect, or HTTP GET answered with 2xx or 3xx.
// Control thread. What a hostile server may send is bounded in bytes and time.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "control/loop.hpp"
#include "model/model.hpp"
#include "plan/promise.hpp"

namespace limpet::control {

/// Bytes of an answer that are read before the check gives up on a status line.
inline constexpr std::size_t check_answer_max_bytes = 16u << 10;

struct Outcome {
  bool passed = false;
  std::string text;                        // "connected", "HTTP 503", "no answer in 500 ms", "connection refused"
  std::optional<plan::Accepts> accepts{};  // of TCP options; nothing: there was no connection
};

class Check {
 public:
  using Done = std::function<void(const Outcome&)>;

  /// Starts at once; `done` is called once, from the loop, never from here. Destroying the check cancels it.
  Check(event_base* base, const model::Monitor& monitor, const net::Endpoint& target, Done done);

 private:
  void connect(const net::Endpoint& target);
  void on_event(short what);
  void on_connected();
  void send_request();
  void read_answer();
  void wait_for(short what);
  void finish(bool passed, std::string text);

  event_base* base_;
  Millis timeout_ms_;
  Millis deadline_ms_;
  bool http_;
  Done done_;
  Fd socket_;
  std::string request_;
  std::string answer_;
  bool connected_ = false;
  std::optional<plan::Accepts> accepts_;
  std::optional<Outcome> early_;  // known before the loop ran
  std::unique_ptr<Event> event_;
};

/// The request of an HTTP monitor. Bytes that can't stand in a request line are percent-encoded.
std::string http_request(const model::Monitor& monitor, const net::Endpoint& target);

/// What the first bytes of an HTTP answer say (RFC 9112, section 4); interim 1xx answers are skipped.
struct HttpStatus {
  enum class State : std::uint8_t { more, bad, final } state = State::more;
  unsigned code = 0;
};
HttpStatus http_status(std::string_view answer);

/// Milliseconds of the monotonic clock.
Millis monotonic_ms();

}  // namespace limpet::control
