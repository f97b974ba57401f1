// Method -> handler. The server feeds it lines; every line gets exactly one reply line, whatever it holds.
// Control thread only; never throws, even if a handler does.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "api/wire.hpp"

namespace limpet::api {

class Dispatcher {
 public:
  /// `params` fit the command's table row, defaults filled in.
  using Answer = tl::expected<Json, RpcError>;
  using Handler = std::function<Answer(const Json& params)>;
  /// Calls `done` exactly once, at once or later.
  using Done = std::function<void(const Answer&)>;
  using LaterHandler = std::function<void(const Json& params, Done done)>;
  /// Takes one reply line, newline included.
  using Send = std::function<void(std::string line)>;

  /// `method` must be in the command table and have no handler yet (asserted).
  void on(std::string_view method, Handler handler);
  /// For handlers that can't answer at once, because a worker or a long table has to be asked.
  void on_later(std::string_view method, LaterHandler handler);

  /// One reply line, newline included. `access` is what the peer may do. A handler that answers later counts as
  /// failed here.
  [[nodiscard]] std::string handle_line(std::string_view line, Access access) const;
  /// The same for all handlers: `send` is called exactly once, at once or later.
  void handle_line(std::string_view line, Access access, Send send) const;

  /// The replies to what LineReader refuses: a line above the limit; a stream that ended within a message.
  [[nodiscard]] static std::string too_large_reply();
  [[nodiscard]] static std::string unfinished_reply();

  /// Methods of the table that have no handler: empty in a complete server.
  [[nodiscard]] std::vector<std::string_view> missing() const;

 private:
  std::unordered_map<std::string_view, LaterHandler> handlers_;  // keys live in the table
};

/// `return reject(Code::not_found, "no pool \"{}\"", name);`
template <class... Args>
[[nodiscard]] tl::unexpected<RpcError> reject(Code code, fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected<RpcError>(RpcError{code, fmt::format(format, std::forward<Args>(args)...), nullptr});
}

}  // namespace limpet::api
