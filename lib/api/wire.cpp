#include "api/wire.hpp"

#include <fmt/format.h>

#include <vector>

#include "model/nearest.hpp"

namespace limpet::api {
namespace {

constexpr unsigned nesting_max = 32;

/// Whether brackets outside strings nest deeper than any message of ours.
bool nests_too_deep(std::string_view text) noexcept {
  unsigned depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      i += c == '\\' ? 1 : 0;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > nesting_max) {
        return true;
      }
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return false;
}

/// A discarded value when the text is no JSON (or no UTF-8, or too deep).
Json parse_json(std::string_view text) {
  if (nests_too_deep(text)) {
    return Json(Json::value_t::discarded);
  }
  return Json::parse(text, nullptr, false);
}

std::string dump(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

tl::unexpected<BadRequest> bad(Json id, Code code, std::string message) {
  return tl::unexpected<BadRequest>(BadRequest{std::move(id), {code, std::move(message), nullptr}});
}

std::string unknown_method(std::string_view method) {
  std::vector<std::string_view> methods;
  for (const auto& command : commands()) {
    methods.push_back(command.method);
  }
  const auto near = model::nearest(method, methods);
  return near.empty() ? fmt::format("unknown method \"{:.60}\"", method)
                      : fmt::format("unknown method \"{:.60}\" (did you mean \"{}\"?)", method, near);
}

bool is_id(const Json& id) {
  return id.is_string() || id.is_number();
}

}  // namespace

tl::expected<Request, BadRequest> parse_request(std::string_view line) {
  if (line.size() > request_size_max_bytes) {
    return bad(nullptr, Code::too_large, fmt::format("a request has at most {} bytes", request_size_max_bytes));
  }
  Json message = parse_json(line);
  if (message.is_discarded()) {
    return bad(nullptr, Code::parse_error, "expected one JSON object a line");
  }
  if (!message.is_object()) {
    return bad(nullptr, Code::invalid_request,
               message.is_array() ? "batches are not taken: one request a line" : "expected a JSON object");
  }
  const auto id = message.find("id");
  if (id == message.end() || !is_id(*id)) {
    return bad(nullptr, Code::invalid_request, "expected an \"id\", a text or a number");
  }
  const auto version = message.find("jsonrpc");
  if (version == message.end() || *version != "2.0") {
    return bad(*id, Code::invalid_request, "expected \"jsonrpc\": \"2.0\"");
  }
  const auto method = message.find("method");
  if (method == message.end() || !method->is_string()) {
    return bad(*id, Code::invalid_request, "expected a \"method\", a text");
  }
  const auto& name = method->get_ref<const std::string&>();
  const Command* command = find_method(name);
  if (command == nullptr) {
    return bad(*id, Code::unknown_method, unknown_method(name));
  }
  const auto params = message.find("params");
  auto checked = check_params(*command, params == message.end() ? Json(nullptr) : *params);
  if (!checked) {
    return tl::unexpected<BadRequest>(BadRequest{*id, std::move(checked.error())});
  }
  return Request{*id, command, std::move(*checked)};
}

std::string request_line(const Json& id, std::string_view method, const Json& params) {
  return dump({{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", params}});
}

std::string result_line(const Json& id, const Json& result) {
  return dump({{"jsonrpc", "2.0"}, {"id", id}, {"result", result}});
}

std::string error_line(const Json& id, const RpcError& error) {
  Json body{{"code", static_cast<int>(error.code)}, {"message", error.message}};
  if (!error.data.is_null()) {
    body["data"] = error.data;
  }
  return dump({{"jsonrpc", "2.0"}, {"id", id}, {"error", std::move(body)}});
}

Reply parse_reply(std::string_view line) {
  const auto broken = [](std::string_view what) {
    return Reply{nullptr,
                 tl::unexpected<RpcError>(RpcError{Code::parse_error, fmt::format("the answer is {}", what), nullptr})};
  };
  Json message = parse_json(line);
  if (!message.is_object()) {
    return broken("no JSON object");
  }
  Reply reply{message.value("id", Json(nullptr)), Json(nullptr)};
  if (const auto result = message.find("result"); result != message.end()) {
    reply.result = std::move(*result);
    return reply;
  }
  const auto error = message.find("error");
  if (error == message.end() || !error->is_object() || !error->contains("code") ||
      !error->at("code").is_number_integer() || !error->contains("message") || !error->at("message").is_string()) {
    return broken("neither a result nor an error");
  }
  reply.result =
      tl::unexpected<RpcError>(RpcError{static_cast<Code>(error->at("code").get<int>()),
                                        error->at("message").get<std::string>(), error->value("data", Json(nullptr))});
  return reply;
}

}  // namespace limpet::api
