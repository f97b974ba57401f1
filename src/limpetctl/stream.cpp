#include "stream.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>

namespace limpet::ctl {
namespace {

using api::ExitCode;
using api::Json;

constexpr std::size_t slice_max_bytes = 64u << 10;  // JSON may write a byte as six
constexpr std::size_t line_max_bytes = 16u << 10;

Streamed failed(ExitCode code, api::RpcError error) {
  return {nullptr, code, std::move(error)};
}

/// One request; what is wrong as the end of the stream.
tl::expected<Json, Streamed> ask(const api::Command& command, const Json& params, Client& client) {
  auto reply = client.call(command.method, params);
  if (!reply) {
    return tl::unexpected(failed(ExitCode::no_connection, {api::Code::refused, reply.error().text, nullptr}));
  }
  if (!*reply) {
    return tl::unexpected(failed(ExitCode::refused, reply->error()));
  }
  if (!(*reply)->is_object()) {
    return tl::unexpected(failed(ExitCode::refused, {api::Code::parse_error, "the answer is no object", nullptr}));
  }
  return std::move(**reply);
}

void add(Json& sum, const Json& reply) {
  for (const auto& [name, value] : reply.items()) {
    auto& member = sum[name];
    if (value.is_number_unsigned()) {
      member = (member.is_number_unsigned() ? member.get<std::uint64_t>() : 0) + value.get<std::uint64_t>();
    } else if (value.is_array() && member.is_array()) {
      member.insert(member.end(), value.begin(), value.end());
    } else {
      member = value;
    }
  }
}

/// Lines of a file, bounded.
class Lines {
 public:
  explicit Lines(const std::string& path)
      : opened_(path == "-" ? nullptr : std::fopen(path.c_str(), "re")),
        file_(path == "-" ? stdin : opened_.get()),
        error_(file_ == nullptr ? errno : 0) {}

  /// Nothing at the end, or on an error.
  std::optional<api::LineReader::Next> next() {
    char chunk[65536];
    while (file_ != nullptr) {
      auto line = reader_.next();
      if (line.status != api::LineReader::Status::more) {
        return line;
      }
      errno = 0;
      const auto size = std::fread(chunk, 1, sizeof chunk, file_);
      if (size == 0) {
        error_ = std::ferror(file_) != 0 ? errno : 0;
        file_ = nullptr;
        if (error_ == 0 && reader_.unfinished()) {
          reader_.feed("\n");  // the last line has no end
          return reader_.next();
        }
        break;
      }
      reader_.feed({chunk, size});
    }
    return std::nullopt;
  }
  [[nodiscard]] int error() const noexcept { return error_; }

 private:
  struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, Close> opened_;
  std::FILE* file_;
  int error_;
  api::LineReader reader_{line_max_bytes};
};

}  // namespace

const api::Parameter* lines_of(const api::Command& command) {
  for (const auto& parameter : command.parameters) {
    if (parameter.type == api::Type::lines) {
      return &parameter;
    }
  }
  return nullptr;
}

Streamed print_lines(const api::Command& command, Json params, Client& client) {
  for (;;) {
    auto reply = ask(command, params, client);
    if (!reply) {
      return reply.error();
    }
    for (const auto& item : reply->value("items", Json::array())) {
      const auto line = item.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
      if (std::fwrite(line.data(), 1, line.size(), stdout) != line.size()) {
        return failed(ExitCode::refused,
                      {api::Code::refused, fmt::format("standard output: {}", std::strerror(errno)), nullptr});
      }
    }
    const Json next = reply->value("next", Json(nullptr));
    if (!next.is_string() || next == params.value("cursor", Json(nullptr))) {
      return {std::move(*reply), ExitCode::ok, {}};
    }
    params["cursor"] = next;
  }
}

Streamed send_lines(const api::Command& command, const api::Parameter& parameter, Json params, Client& client) {
  const std::string name(parameter.name);
  const auto path = params.at(name).get<std::string>();
  Lines lines(path);
  Json sum = Json::object();
  std::string slice;
  std::uint64_t number = 0;
  std::uint64_t first = 1;
  std::optional<Streamed> trouble;
  const auto send = [&] {
    params[name] = std::exchange(slice, {});
    params["first_line"] = std::exchange(first, number + 1);
    auto reply = ask(command, params, client);
    if (!reply) {
      trouble = reply.error();
    } else {
      add(sum, *reply);
    }
  };
  while (!trouble) {
    const auto line = lines.next();
    if (!line) {
      break;
    }
    ++number;
    // A line that is too long goes as one that is no JSON: the server tells its number with those of the others.
    slice += line->status == api::LineReader::Status::line ? line->line : "(a line that is too long)";
    slice += '\n';
    if (slice.size() >= slice_max_bytes) {
      send();
    }
  }
  if (lines.error() != 0) {
    return failed(ExitCode::usage,
                  {api::Code::invalid_params, fmt::format("{}: {}", path, std::strerror(lines.error())), nullptr});
  }
  if (!trouble && (!slice.empty() || number == 0)) {
    send();
  }
  if (trouble) {
    trouble->error.message += fmt::format(" (what came before line {} is done)", params.at("first_line").dump());
    return *trouble;
  }
  return {std::move(sum), ExitCode::ok, {}};
}

}  // namespace limpet::ctl
