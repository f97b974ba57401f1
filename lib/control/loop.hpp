// libevent with owners: what is made is freed, and callbacks are C++ functions. Control thread only.
#pragma once

#include <event2/event.h>

#include <functional>
#include <memory>
#include <utility>

#include "base/assert.hpp"
#include "base/time.hpp"

namespace limpet::control {

struct FreeBase {
  void operator()(event_base* base) const noexcept { event_base_free(base); }
};
using Base = std::unique_ptr<event_base, FreeBase>;

/// An event whose callback gets what happened (EV_READ, EV_WRITE, EV_TIMEOUT, EV_SIGNAL). Not movable: libevent keeps
/// its address. The callback may destroy the event.
class Event {
 public:
  using Callback = std::function<void(short what)>;

  /// `fd` -1: a timer. `what`: EV_READ, EV_WRITE, EV_PERSIST, EV_SIGNAL.
  Event(event_base* base, int fd, short what, Callback callback)
      : callback_(std::move(callback)), event_(event_new(base, fd, what, &Event::called, this)) {
    LIMPET_ASSERT(event_ != nullptr);
  }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { event_free(event_); }

  void add() { event_add(event_, nullptr); }
  /// With a time-out (also the timer's delay).
  void add(Millis delay_ms) {
    const timeval delay{static_cast<time_t>(delay_ms / 1000), static_cast<suseconds_t>((delay_ms % 1000) * 1000)};
    event_add(event_, &delay);
  }
  void remove() { event_del(event_); }
  /// Calls back from the loop as if `what` had happened.
  void activate(short what) { event_active(event_, what, 0); }

 private:
  static void called(evutil_socket_t, short what, void* self) {
    const Callback copy = static_cast<Event*>(self)->callback_;  // the event may go while it runs
    copy(what);
  }
  Callback callback_;
  event* event_;
};

/// A socket that closes itself.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) {
      evutil_closesocket(fd_);
    }
  }
  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] explicit operator bool() const noexcept { return fd_ >= 0; }
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

}  // namespace limpet::control
