// JSON-RPC 2.0, one message a line (docs/wire.md): lines out of bytes, requests out of lines, replies into
// lines. No sockets and no threads here; hostile bytes give an error reply, never an exception.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "api/commands.hpp"

namespace limpet::api {

using Json = nlohmann::json;

inline constexpr std::size_t request_size_max_bytes = 1u << 20;
inline constexpr std::size_t reply_size_max_bytes = 256u << 20;

enum class Code : int {
  parse_error = -32700,
  invalid_request = -32600,
  unknown_method = -32601,
  invalid_params = -32602,
  internal = -32603,
  refused = -32000,            // understood, but can't be done now; the message says why
  bad_configuration = -32001,  // data: {"problems": [...]}
  needs_restart = -32002,      // data: {"changes": [...]}
  not_found = -32003,          // no service, backend, ... of that name
  no_access = -32004,          // the peer may only read
  busy = -32005,               // try again later
  too_large = -32006,          // a line above request_size_max_bytes
};

struct RpcError {
  Code code = Code::internal;
  std::string message;
  Json data;  // null: left out
};

/// Cuts a byte stream into lines, bounded. A line above the limit is reported once and skipped to its end.
class LineReader {
 public:
  explicit LineReader(std::size_t line_max_bytes = request_size_max_bytes) : max_(line_max_bytes) {}

  enum class Status : std::uint8_t { line, more, too_large };
  struct Next {
    Status status = Status::more;
    std::string line;  // without its end ("\n" or "\r\n"); set with Status::line
  };

  /// Takes bytes as they came; then call next() until it says `more`.
  void feed(std::string_view bytes);
  Next next();
  /// Bytes of an unfinished line are waiting (or being skipped): at the end of the stream, half a message.
  [[nodiscard]] bool unfinished() const noexcept { return skipping_ || used_ < buffer_.size(); }
  [[nodiscard]] std::size_t held_bytes() const noexcept { return buffer_.size() - used_; }

 private:
  std::size_t max_;
  std::string buffer_;
  std::size_t used_ = 0;     // start of the line in hand
  std::size_t scanned_ = 0;  // no newline in [used_, scanned_)
  bool skipping_ = false;
};

/// A request whose parameters fit its command, defaults filled in.
struct Request {
  Json id;
  const Command* command = nullptr;
  Json params;
};

struct BadRequest {
  Json id;  // null when it could not be read
  RpcError error;
};

tl::expected<Request, BadRequest> parse_request(std::string_view line);

/// Checks types, ranges, unknown and missing names; fills in defaults.
tl::expected<Json, RpcError> check_params(const Command& command, const Json& params);

/// One line, with its newline.
std::string request_line(const Json& id, std::string_view method, const Json& params);
std::string result_line(const Json& id, const Json& result);
std::string error_line(const Json& id, const RpcError& error);

/// What a client got. An answer that is no JSON-RPC reply comes as Code::parse_error.
struct Reply {
  Json id;
  tl::expected<Json, RpcError> result;
};
Reply parse_reply(std::string_view line);

}  // namespace limpet::api
