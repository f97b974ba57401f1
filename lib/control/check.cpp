#include "control/check.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include <fmt/format.h>

#include "control/learn.hpp"

namespace limpet::control {
namespace {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  [[nodiscard]] const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
};

SocketAddress socket_address(const net::Endpoint& target) {
  SocketAddress result;
  if (target.address.is_v4()) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(target.l4_port);
    std::memcpy(&in.sin_addr, target.address.wire_bytes(), 4);
    std::memcpy(&result.storage, &in, sizeof in);
    result.size = sizeof in;
  } else {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(target.l4_port);
    std::memcpy(&in.sin6_addr, target.address.wire_bytes(), 16);
    std::memcpy(&result.storage, &in, sizeof in);
    result.size = sizeof in;
  }
  return result;
}

std::string error_text(int error) {
  return error == ECONNREFUSED ? "connection refused" : std::strerror(error);
}

std::string encoded_path(std::string_view path) {
  std::string result;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7f) {
      result += fmt::format("%{:02X}", byte);
    } else {
      result += c;
    }
  }
  return result.empty() ? "/" : result;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

Millis monotonic_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<Millis>(now.tv_sec) * 1000 + static_cast<Millis>(now.tv_nsec) / 1'000'000;
}

std::string http_request(const model::Monitor& monitor, const net::Endpoint& target) {
  return fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: limpet\r\nAccept: */*\r\nConnection: close\r\n\r\n",
                     encoded_path(monitor.path), monitor.host.empty() ? target.text() : encoded_path(monitor.host));
}

HttpStatus http_status(std::string_view answer) {
  using State = HttpStatus::State;
  constexpr std::string_view start = "HTTP/1.";
  constexpr std::size_t status_size = 13;  // "HTTP/1.1 200" and the byte after it
  for (;;) {
    const auto seen = answer.substr(0, start.size());
    if (seen != start.substr(0, seen.size())) {
      return {State::bad, 0};
    }
    if (answer.size() < status_size) {
      return {State::more, 0};
    }
    const bool shaped = is_digit(answer[7]) && answer[8] == ' ' && is_digit(answer[9]) && is_digit(answer[10]) &&
                        is_digit(answer[11]) && (answer[12] == ' ' || answer[12] == '\r' || answer[12] == '\n');
    if (!shaped || answer[9] == '0') {
      return {State::bad, 0};
    }
    const auto code = static_cast<unsigned>((answer[9] - '0') * 100 + (answer[10] - '0') * 10 + (answer[11] - '0'));
    if (code >= 200) {
      return {State::final, code};
    }
    const auto end = answer.find("\r\n\r\n");
    if (end == std::string_view::npos) {
      return {State::more, 0};
    }
    answer.remove_prefix(end + 4);
  }
}

Check::Check(event_base* base, const model::Monitor& monitor, const net::Endpoint& target, Done done)
    : base_(base),
      timeout_ms_(monitor.timeout_ms),
      deadline_ms_(monotonic_ms() + monitor.timeout_ms),
      http_(monitor.type == model::MonitorType::http),
      done_(std::move(done)) {
  if (http_) {
    request_ = http_request(monitor, target);
  }
  connect(target);
}

void Check::connect(const net::Endpoint& target) {
  const auto address = socket_address(target);
  const auto fail_early = [this](std::string text) {
    early_ = Outcome{false, std::move(text), {}};
    event_ = std::make_unique<Event>(base_, -1, 0, [this](short what) { on_event(what); });
    event_->activate(EV_TIMEOUT);
  };
  if (target.l4_port == 0) {
    return fail_early("no port to check: neither the monitor nor the backend names one");
  }
  socket_ = Fd(socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket_) {
    return fail_early(fmt::format("no socket: {}", std::strerror(errno)));
  }
  if (::connect(socket_.get(), address.get(), address.size) != 0 && errno != EINPROGRESS) {
    return fail_early(error_text(errno));
  }
  wait_for(EV_WRITE);
}

void Check::wait_for(short what) {
  const Millis now = monotonic_ms();
  event_ = std::make_unique<Event>(base_, socket_.get(), what, [this](short happened) { on_event(happened); });
  event_->add(now < deadline_ms_ ? deadline_ms_ - now : 0);
}

void Check::on_event(short what) {
  if (early_) {
    return finish(early_->passed, early_->text);
  }
  if ((what & EV_TIMEOUT) != 0) {
    return finish(false, fmt::format("no answer in {} ms", timeout_ms_));
  }
  if (!connected_) {
    return on_connected();
  }
  if ((what & EV_WRITE) != 0) {
    return send_request();
  }
  read_answer();
}

void Check::on_connected() {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
    error = errno;
  }
  if (error != 0) {
    return finish(false, error_text(error));
  }
  connected_ = true;
  accepts_ = learn(socket_.get());
  if (!http_) {
    return finish(true, "connected");
  }
  send_request();
}

void Check::send_request() {
  const auto sent = ::send(socket_.get(), request_.data(), request_.size(), MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) {
    return finish(false, error_text(errno));
  }
  if (sent > 0) {
    request_.erase(0, static_cast<std::size_t>(sent));
  }
  wait_for(request_.empty() ? EV_READ : EV_WRITE);
}

void Check::read_answer() {
  char buffer[4096];
  const auto got = recv(socket_.get(), buffer, sizeof buffer, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
    return wait_for(EV_READ);
  }
  if (got < 0) {
    return finish(false, error_text(errno));
  }
  if (got == 0) {
    return finish(false, answer_.empty() ? "closed without an answer" : "closed within its answer");
  }
  answer_.append(buffer, static_cast<std::size_t>(got));
  const auto status = http_status(answer_);
  if (status.state == HttpStatus::State::final) {
    return finish(status.code < 400, fmt::format("HTTP {}", status.code));
  }
  if (status.state == HttpStatus::State::bad) {
    return finish(false, "the answer is no HTTP/1");
  }
  if (answer_.size() > check_answer_max_bytes) {
    return finish(false, fmt::format("no status in the first {} bytes", check_answer_max_bytes));
  }
  wait_for(EV_READ);
}

void Check::finish(bool passed, std::string text) {
  event_.reset();
  socket_ = Fd();
  const Done done = std::move(done_);  // may destroy this check
  done(Outcome{passed, std::move(text), accepts_});
}

}  // namespace limpet::control
