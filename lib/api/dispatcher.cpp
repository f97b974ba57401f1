#include "api/dispatcher.hpp"

#include <exception>
#include <memory>
#include <utility>

#include "base/assert.hpp"

namespace limpet::api {

namespace {

/// Sees to it that each request is answered once, whatever a handler does.
struct Pending {
  Dispatcher::Send send;
  Json id;
  bool answered = false;
  void answer(const Dispatcher::Answer& answer) {
    if (!answered) {
      answered = true;
      send(answer ? result_line(id, *answer) : error_line(id, answer.error()));
    }
  }
};

}  // namespace

void Dispatcher::on(std::string_view method, Handler handler) {
  on_later(method, [handler = std::move(handler)](const Json& params, const Done& done) { done(handler(params)); });
}

void Dispatcher::on_later(std::string_view method, LaterHandler handler) {
  const Command* command = find_method(method);
  LIMPET_ASSERT(command != nullptr);
  const bool fresh = handlers_.emplace(command->method, std::move(handler)).second;
  LIMPET_ASSERT(fresh);
}

std::string Dispatcher::handle_line(std::string_view line, Access access) const {
  const auto reply = std::make_shared<std::string>();
  handle_line(line, access, [reply](std::string text) { *reply = std::move(text); });
  return reply->empty() ? error_line(nullptr, {Code::internal, "the answer did not come at once", nullptr}) : *reply;
}

void Dispatcher::handle_line(std::string_view line, Access access, Send send) const {
  const auto pending = std::make_shared<Pending>(Pending{std::move(send), nullptr});
  try {
    auto request = parse_request(line);
    if (!request) {
      pending->id = request.error().id;
      return pending->answer(tl::unexpected(request.error().error));
    }
    pending->id = request->id;
    const Command& command = *request->command;
    if (command.access == Access::write && access != Access::write) {
      return pending->answer(
          reject(Code::no_access, "this peer may only read: connect as root or as the daemon's user"));
    }
    const auto handler = handlers_.find(command.method);
    if (handler == handlers_.end()) {
      return pending->answer(reject(Code::refused, "{} is not served here", command.method));
    }
    handler->second(request->params, [pending](const Answer& answer) { pending->answer(answer); });
  } catch (const std::exception& error) {
    pending->answer(tl::unexpected(RpcError{Code::internal, error.what(), nullptr}));
  }
}

std::string Dispatcher::too_large_reply() {
  return error_line(nullptr,
                    {Code::too_large, fmt::format("a request has at most {} bytes", request_size_max_bytes), nullptr});
}

std::string Dispatcher::unfinished_reply() {
  return error_line(nullptr, {Code::parse_error, "the connection ended within a request", nullptr});
}

std::vector<std::string_view> Dispatcher::missing() const {
  std::vector<std::string_view> methods;
  for (const auto& command : commands()) {
    if (!handlers_.contains(command.method)) {
      methods.push_back(command.method);
    }
  }
  return methods;
}

}  // namespace limpet::api
