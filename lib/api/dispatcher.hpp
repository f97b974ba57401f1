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
  using Handler = std::function<tl::expected<Json, RpcError>(const Json& params)>;

  /// `method` must be in the command table and have no handler yet (asserted).
  void on(std::string_view method, Handler handler);

  /// One reply line, newline included. `access` is what the peer may do.
  [[nodiscard]] std::string handle_line(std::string_view line, Access access) const;

  /// The replies to what LineReader refuses: a line above the limit; a stream that ended within a message.
  [[nodiscard]] static std::string too_large_reply();
  [[nodiscard]] static std::string unfinished_reply();

  /// Methods of the table that have no handler: empty in a complete server.
  [[nodiscard]] std::vector<std::string_view> missing() const;

 private:
  std::unordered_map<std::string_view, Handler> handlers_;  // keys live in the table
};

/// `return reject(Code::not_found, "no pool \"{}\"", name);`
template <class... Args>
[[nodiscard]] tl::unexpected<RpcError> reject(Code code, fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected<RpcError>(RpcError{code, fmt::format(format, std::forward<Args>(args)...), nullptr});
}

}  // namespace limpet::api
