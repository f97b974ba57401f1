#include "run.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "api/convert.hpp"
#include "model/load.hpp"
#include "model/schema.hpp"
#include "show.hpp"
#include "stream.hpp"

namespace limpet::ctl {
namespace {

using api::ExitCode;
using api::Json;

void print(std::FILE* to, const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), to);
}

ExitCode refuse(const api::RpcError& error, bool json, ExitCode code) {
  if (json) {
    Json body{{"code", static_cast<int>(error.code)}, {"message", error.message}, {"data", error.data}};
    print(stdout, Json{{"error", std::move(body)}}.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  } else {
    print(stderr, show_error(error));
  }
  return code;
}

Result<std::string> read_file(const std::string& path, std::size_t size_max) {
  const bool standard = path == "-";
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> opened(standard ? nullptr : std::fopen(path.c_str(), "re"),
                                                               [](std::FILE* file) { return std::fclose(file); });
  std::FILE* file = standard ? stdin : opened.get();
  std::string text;
  char chunk[65536];
  while (file != nullptr && text.size() <= size_max) {
    errno = 0;
    const auto size = std::fread(chunk, 1, sizeof chunk, file);
    text.append(chunk, size);
    if (size == 0) {
      break;
    }
  }
  if (file == nullptr || std::ferror(file) != 0) {
    return fail("{}: {}", path, std::strerror(errno));
  }
  if (text.size() > size_max) {
    return fail("{}: larger than {}", path, model::size_text(size_max));
  }
  return text;
}

/// Puts the text of a file where its name was.
Result<void> take_file(const api::Command& command, Json& params) {
  for (const auto& parameter : command.parameters) {
    const std::string name(parameter.name);
    if (parameter.type != api::Type::file || !params.contains(name)) {
      continue;
    }
    const auto path = params[name].get<std::string>();
    auto text = read_file(path, command.local ? model::file_size_max_bytes : api::request_size_max_bytes);
    if (!text) {
      return tl::unexpected<Error>(text.error());
    }
    params["file_name"] = path;
    params[name] = std::move(*text);
  }
  return {};
}

tl::expected<Json, api::RpcError> check_here(const Json& params) {
  const auto loaded =
      model::load_text(params["text"].get_ref<const std::string&>(), params["file_name"].get<std::string>());
  if (!loaded.model) {
    return tl::unexpected<api::RpcError>(api::configuration_error(loaded.problems));
  }
  return Json{{"valid", true}};
}

ExitCode report(const Invocation& invocation, const tl::expected<Json, api::RpcError>& result) try {
  if (!result) {
    return refuse(result.error(), invocation.json, ExitCode::refused);
  }
  print(stdout, invocation.json ? result->dump(2, ' ', false, Json::error_handler_t::replace) + "\n"
                                : show_result(*invocation.command, *result));
  return ExitCode::ok;
} catch (const Json::exception& error) {
  const auto message = fmt::format("the answer is not of its kind: {}", error.what());
  return refuse({api::Code::parse_error, message, nullptr}, invocation.json, ExitCode::refused);
}

ExitCode run_here(const Invocation& invocation, const Json& params) {
  if (invocation.command->method == "config.check") {
    return report(invocation, check_here(params));
  }
  if (invocation.json) {
    return report(invocation, api::schema_json());
  }
  print(stdout, model::schema_text());
  return ExitCode::ok;
}

ExitCode run_stream(const Invocation& invocation, const Json& params, Client& client) {
  const auto* lines = lines_of(*invocation.command);
  auto done = lines != nullptr ? send_lines(*invocation.command, *lines, params, client)
                               : print_lines(*invocation.command, params, client);
  if (done.code != ExitCode::ok) {
    return refuse(done.error, invocation.json, done.code);
  }
  if (lines == nullptr) {
    return ExitCode::ok;
  }
  const Json problems = done.result.value("problems", Json::array());
  if (!invocation.json) {
    done.result.erase("problems");
    for (const auto& problem : problems) {
      print(stderr, show_problem(params.at(std::string(lines->name)).get<std::string>(), problem));
    }
  }
  const auto reported = report(invocation, done.result);
  return problems.empty() ? reported : ExitCode::refused;
}

std::vector<std::string> names_in(const Json& listing, std::string_view column) {
  std::vector<std::string> names;
  const auto items = listing.is_object() ? listing.find("items") : listing.end();
  if (items == listing.end() || !items->is_array()) {
    return names;
  }
  for (const auto& item : *items) {
    if (const auto value = item.is_object() ? item.find(column) : item.end(); value != item.end()) {
      names.push_back(value->is_string() ? value->get<std::string>() : value->dump());
    }
  }
  return names;
}

}  // namespace

ExitCode run(Invocation invocation, Client& client) {
  const auto usage = [&](std::string message) {
    return refuse({api::Code::invalid_params, std::move(message), nullptr}, invocation.json, ExitCode::usage);
  };
  if (auto file = take_file(*invocation.command, invocation.params); !file) {
    return usage(file.error().text);
  }
  auto params = api::check_params(*invocation.command, invocation.params);
  if (!params) {
    return usage(params.error().message);
  }
  if (invocation.command->local) {
    return run_here(invocation, *params);
  }
  if (invocation.command->shape == api::Shape::lines || lines_of(*invocation.command) != nullptr) {
    return run_stream(invocation, *params, client);
  }
  const auto reply = client.call(invocation.command->method, *params);
  if (!reply) {
    return refuse({api::Code::refused, reply.error().text, nullptr}, invocation.json, ExitCode::no_connection);
  }
  return report(invocation, *reply);
}

std::vector<std::string> live_names(Client& client, api::Completion kind) {
  std::string_view method;
  std::string_view column = "name";
  switch (kind) {
    case api::Completion::service:
      method = "show.services";
      break;
    case api::Completion::pool:
      method = "show.pools";
      break;
    case api::Completion::backend:
      method = "show.backends";
      break;
    case api::Completion::port:
      method = "show.ports";
      break;
    case api::Completion::worker:
      method = "show.workers";
      column = "worker";
      break;
    case api::Completion::none:
    case api::Completion::file:
      return {};
  }
  const auto reply = client.call(method, {{"limit", api::listing_limit_default}});
  return reply && *reply ? names_in(**reply, column) : std::vector<std::string>();
}

}  // namespace limpet::ctl
