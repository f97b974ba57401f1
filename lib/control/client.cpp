#include "control/client.hpp"

#include <event2/buffer.h>
#include <poll.h>

#include <algorithm>

namespace limpet::control {
namespace {

timeval time_of(Millis ms) {
  return {static_cast<time_t>(ms / 1000), static_cast<suseconds_t>((ms % 1000) * 1000)};
}

}  // namespace

Server::Client::Client(event_base* base, int fd, const api::Dispatcher& dispatcher, ClientSettings settings)
    : dispatcher_(dispatcher),
      settings_(std::move(settings)),
      stream_(bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE)) {
  LIMPET_ASSERT(stream_ != nullptr);
}

Server::Client::~Client() {
  bufferevent_free(stream_);
}

void Server::Client::begin() {
  bufferevent_setcb(stream_, on_read, on_write, on_event, this);
  bufferevent_setwatermark(stream_, EV_READ, 0, api::request_size_max_bytes);
  const timeval stall = time_of(settings_.limits.stall_ms);
  bufferevent_set_timeouts(stream_, &stall, &stall);
  bufferevent_enable(stream_, EV_READ | EV_WRITE);
}

void Server::Client::on_read(bufferevent*, void* self) {
  const auto keep = static_cast<Client*>(self)->shared_from_this();
  keep->take_input();
  keep->work();
}

void Server::Client::on_write(bufferevent*, void* self) {
  const auto keep = static_cast<Client*>(self)->shared_from_this();
  keep->work();
}

void Server::Client::on_event(bufferevent*, short what, void* self) {
  const auto keep = static_cast<Client*>(self)->shared_from_this();
  if ((what & BEV_EVENT_TIMEOUT) != 0) {
    return keep->on_stall(what);
  }
  if ((what & BEV_EVENT_EOF) != 0 && (what & BEV_EVENT_ERROR) == 0) {
    if (keep->has_left()) {
      return keep->close();
    }
    keep->take_input();
    keep->ended_ = true;
    return keep->work();
  }
  keep->close();
}

// Input is taken only while no request is being worked on, so that LineReader holds little more than one line; the
// rest waits in the stream's bounded buffer and then in the client's.
void Server::Client::take_input() {
  evbuffer* input = bufferevent_get_input(stream_);
  char bytes[16384];
  while (!asked_ && lines_.held_bytes() <= api::request_size_max_bytes) {
    const int got = evbuffer_remove(input, bytes, sizeof bytes);
    if (got <= 0) {
      return;
    }
    lines_.feed({bytes, static_cast<std::size_t>(got)});
  }
}

void Server::Client::work() {
  if (working_) {
    return;  // a reply came at once: the loop below goes on
  }
  working_ = true;
  while (!closed_ && !asked_ && waiting_bytes() <= settings_.limits.output_soft_bytes) {
    auto next = lines_.next();
    if (next.status == api::LineReader::Status::line) {
      handle(next.line);
    } else if (next.status == api::LineReader::Status::too_large) {
      send(api::Dispatcher::too_large_reply());
    } else if (evbuffer_get_length(bufferevent_get_input(stream_)) > 0) {
      take_input();
    } else {
      break;
    }
  }
  working_ = false;
  if (ended_ && !asked_ && !closed_) {
    end_of_input();
  }
}

void Server::Client::handle(const std::string& line) {
  asked_ = true;
  dispatcher_.handle_line(line, settings_.access, [weak = weak_from_this()](const std::string& reply) {
    if (const auto self = weak.lock()) {
      self->on_reply(reply);
    }
  });
}

void Server::Client::on_reply(const std::string& line) {
  asked_ = false;
  if (!closed_) {
    send(line);
    take_input();
    work();
  }
}

void Server::Client::send(const std::string& line) {
  bufferevent_write(stream_, line.data(), line.size());
  if (waiting_bytes() > settings_.limits.output_max_bytes) {
    close();
  }
}

/// Nothing more will come: answers what is left, and closes once all replies are read.
void Server::Client::end_of_input() {
  if (waiting_bytes() > settings_.limits.output_soft_bytes) {
    return;  // lines may be left; on_write comes again
  }
  if (lines_.unfinished()) {
    lines_ = api::LineReader();
    send(api::Dispatcher::unfinished_reply());
  }
  if (waiting_bytes() == 0) {
    close();
  }
}

void Server::Client::on_stall(short what) {
  if ((what & BEV_EVENT_WRITING) != 0) {
    return close();  // it does not read
  }
  if (lines_.unfinished() && !asked_ && waiting_bytes() == 0) {
    ended_ = true;
    return work();
  }
  bufferevent_enable(stream_, EV_READ);  // a quiet client: libevent stopped reading
}

void Server::Client::close() {
  if (!closed_) {
    closed_ = true;
    bufferevent_disable(stream_, EV_READ | EV_WRITE);
    bufferevent_setcb(stream_, nullptr, nullptr, nullptr, nullptr);
    const auto forget = settings_.forget;
    forget();  // the last hold may be our caller's
  }
}

/// Closed on both sides: nobody is there to answer. A client that only has no more to say still reads.
bool Server::Client::has_left() const {
  pollfd state{bufferevent_getfd(stream_), 0, 0};
  return poll(&state, 1, 0) > 0 && (state.revents & POLLHUP) != 0;
}

std::size_t Server::Client::waiting_bytes() const {
  return evbuffer_get_length(bufferevent_get_output(stream_));
}

}  // namespace limpet::control
