#include "api/filter.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "model/nearest.hpp"

namespace limpet::api {
namespace {

std::string value_text(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// The address of "192.0.2.1:80", "192.0.2.1/32" or "192.0.2.1".
std::optional<net::IpAddress> address_in(const std::string& text) {
  if (const auto endpoint = net::Endpoint::parse(text)) {
    return endpoint->address;
  }
  if (const auto prefix = net::Prefix::parse(text)) {
    return prefix->address;
  }
  return std::nullopt;
}

}  // namespace

tl::expected<Filter, RpcError> Filter::parse(const Command& command, std::string_view text) {
  std::vector<std::string_view> columns;
  for (const auto& column : command.columns) {
    columns.push_back(column.key);
  }
  Filter filter;
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    if (text.empty()) {
      return filter;
    }
    const auto term = text.substr(0, text.find(' '));
    text.remove_prefix(term.size());
    const auto equals = term.find('=');
    if (equals == std::string_view::npos) {
      filter.terms_.push_back({{}, std::string(term), std::nullopt});
      continue;
    }
    const auto column = term.substr(0, equals);
    const std::string value(term.substr(equals + 1));
    if (std::find(columns.begin(), columns.end(), column) == columns.end()) {
      return tl::unexpected<RpcError>(RpcError{Code::invalid_params,
                                               fmt::format("filter: {} has no column \"{:.60}\" ({})", command.name,
                                                           column, model::nearest_hint(column, columns)),
                                               nullptr});
    }
    filter.terms_.push_back(
        {std::string(column), value, value.find('/') == std::string::npos ? std::nullopt : net::Prefix::parse(value)});
  }
}

bool Filter::matches(const Term& term, const Json& value) {
  if (value.is_array()) {
    return std::any_of(value.begin(), value.end(), [&](const Json& element) { return matches(term, element); });
  }
  const auto text = value_text(value);
  if (term.column.empty()) {
    return text.find(term.value) != std::string::npos;
  }
  if (text == term.value) {
    return true;
  }
  const auto address = term.prefix ? address_in(text) : std::nullopt;
  return address && term.prefix->contains(*address);
}

bool Filter::matches(const Json& item) const {
  return std::all_of(terms_.begin(), terms_.end(), [&](const Term& term) {
    if (!term.column.empty()) {
      const auto value = item.find(term.column);
      return value != item.end() && matches(term, *value);
    }
    return std::any_of(item.begin(), item.end(), [&](const Json& value) { return matches(term, value); });
  });
}

}  // namespace limpet::api
