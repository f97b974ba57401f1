// Parameters of a request against the row of its command: types, ranges, names, defaults.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "api/wire.hpp"
#include "model/load.hpp"
#include "model/nearest.hpp"
#include "net/address.hpp"

namespace limpet::api {
namespace {

constexpr std::size_t text_max_bytes = 4096;  // of texts that are not files

std::string expected_text(const Parameter& parameter) {
  switch (parameter.type) {
    case Type::text:
      return fmt::format("a text of at most {} bytes", text_max_bytes);
    case Type::count:
      return fmt::format("an integer, {} to {}", parameter.min, parameter.max);
    case Type::flag:
      return "true or false";
    case Type::client:
      return "a text ADDRESS or ADDRESS:PORT";
    case Type::backend:
      return "a text POOL/NAME";
    case Type::duration:
      return fmt::format("a duration, {} to {}", model::duration_text(parameter.min),
                         model::duration_text(parameter.max));
    case Type::file:
      return "the text of a file";
    case Type::lines:
      return "lines of a file";
  }
  return {};
}

bool is_client(const std::string& text) {
  return text.find('\0') == std::string::npos && net::Endpoint::parse(text).has_value();
}

bool is_backend(std::string_view text) {
  const auto slash = text.find('/');
  return slash != std::string_view::npos && model::is_name(text.substr(0, slash)) &&
         model::is_name(text.substr(slash + 1));
}

bool fits(const Parameter& parameter, const Json& value) {
  if (parameter.type == Type::count) {
    if (!value.is_number_integer() || (!value.is_number_unsigned() && value.get<std::int64_t>() < 0)) {
      return false;
    }
    const auto number = value.get<std::uint64_t>();
    return number >= parameter.min && number <= parameter.max;
  }
  if (parameter.type == Type::flag) {
    return value.is_boolean();
  }
  if (!value.is_string()) {
    return false;
  }
  const auto& text = value.get_ref<const std::string&>();
  switch (parameter.type) {
    case Type::client:
      return is_client(text);
    case Type::backend:
      return is_backend(text);
    case Type::duration: {
      const auto value_ms = model::parse_duration(text);
      return value_ms && *value_ms >= parameter.min && *value_ms <= parameter.max;
    }
    case Type::file:
    case Type::lines:
      return true;
    default:
      return text.size() <= text_max_bytes;
  }
}

Json default_value(const Parameter& parameter) {
  switch (parameter.type) {
    case Type::count: {
      std::uint64_t number = 0;
      const auto text = parameter.default_text;
      std::from_chars(text.data(), text.data() + text.size(), number);
      return number;
    }
    case Type::flag:
      return parameter.default_text == "true";
    default:
      return std::string(parameter.default_text);
  }
}

RpcError invalid(std::string message) {
  return {Code::invalid_params, std::move(message), nullptr};
}

bool takes(const Command& command, Type type) {
  return std::any_of(command.parameters.begin(), command.parameters.end(),
                     [type](const Parameter& parameter) { return parameter.type == type; });
}

/// A parameter of the command, or what limpetctl adds to a file's text: where it comes from, for problems.
const Parameter* find(const Command& command, std::string_view name) {
  static constexpr Parameter file_name{.name = "file_name", .type = Type::text};
  static constexpr Parameter first_line{.name = "first_line", .type = Type::count, .min = 1, .max = ~0ULL >> 1};
  for (const auto& parameter : command.parameters) {
    if (parameter.name == name) {
      return &parameter;
    }
  }
  if (name == file_name.name && takes(command, Type::file)) {
    return &file_name;
  }
  return name == first_line.name && takes(command, Type::lines) ? &first_line : nullptr;
}

}  // namespace

tl::expected<Json, RpcError> check_params(const Command& command, const Json& params) {
  Json result = Json::object();
  if (!params.is_null() && !params.is_object()) {
    return tl::unexpected<RpcError>(invalid("params: expected an object of names and values"));
  }
  for (const auto& [name, value] : params.items()) {
    const auto* parameter = find(command, name);
    if (parameter == nullptr) {
      std::vector<std::string_view> names;
      for (const auto& known : command.parameters) {
        names.push_back(known.name);
      }
      const auto hint = model::nearest_hint(name, names);
      return tl::unexpected<RpcError>(invalid(fmt::format("{}: unknown parameter \"{:.60}\"{}", command.method, name,
                                                          hint.empty() ? "" : fmt::format(" ({})", hint))));
    }
    if (!fits(*parameter, value)) {
      return tl::unexpected<RpcError>(
          invalid(fmt::format("{}: {}: expected {}", command.method, name, expected_text(*parameter))));
    }
    result[name] = value;
  }
  for (const auto& parameter : command.parameters) {
    if (result.contains(parameter.name)) {
      continue;
    }
    if (parameter.required) {
      return tl::unexpected<RpcError>(invalid(
          fmt::format("{}: \"{}\" is missing: expected {}", command.method, parameter.name, expected_text(parameter))));
    }
    if (!parameter.unless.empty() && !result.contains(parameter.unless)) {
      return tl::unexpected<RpcError>(invalid(
          fmt::format("{}: one of \"{}\" and \"{}\" is needed", command.method, parameter.name, parameter.unless)));
    }
    if (!parameter.default_text.empty()) {
      result[std::string(parameter.name)] = default_value(parameter);
    }
  }
  return result;
}

}  // namespace limpet::api
