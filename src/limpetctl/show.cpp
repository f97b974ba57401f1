#include "show.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <vector>

namespace limpet::ctl {
namespace {

using api::Json;

/// Columns a terminal shows, not bytes: continuation bytes of UTF-8 take none.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

/// What a hostile name could do to a terminal is made visible.
std::string printable(const std::string& text) {
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    result += byte < 0x20 || byte == 0x7f ? fmt::format("\\x{:02x}", byte) : std::string(1, c);
  }
  return result;
}

std::string cell(const Json& value) {
  if (value.is_null()) {
    return "-";
  }
  if (value.is_string()) {
    const auto text = printable(value.get<std::string>());
    return text.empty() ? "-" : text;
  }
  if (value.is_array()) {
    std::string result;
    for (const auto& element : value) {
      result += (result.empty() ? "" : element.is_object() ? "; " : ",") + cell(element);
    }
    return result.empty() ? "-" : result;
  }
  if (value.is_object()) {
    std::string result;
    for (const auto& [name, member] : value.items()) {
      result += fmt::format("{}{} {}", result.empty() ? "" : ", ", printable(name), cell(member));
    }
    return result.empty() ? "-" : result;
  }
  if (value.is_number_float()) {
    return fmt::format("{:.1f}", value.get<double>());
  }
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string padded(const std::string& text, std::size_t to, bool right) {
  const std::string space(to - std::min(to, width(text)), ' ');
  return right ? space + text : text + space;
}

std::string show_listing(const api::Command& command, const Json& result) {
  struct Shown {
    std::size_t wide;
    bool right;
  };
  std::vector<Shown> shown;
  const Json items = result.value("items", Json::array());
  std::vector<api::Column> columns;  // those without a title are for programs
  std::copy_if(command.columns.begin(), command.columns.end(), std::back_inserter(columns),
               [](const api::Column& column) { return !column.title.empty(); });
  for (const auto& column : columns) {
    Shown one{width(column.title), !items.empty()};
    for (const auto& item : items) {
      const Json value = item.value(std::string(column.key), Json(nullptr));
      one.wide = std::max(one.wide, width(cell(value)));
      one.right = one.right && (value.is_number() || value.is_null());
    }
    shown.push_back(one);
  }
  std::string text;
  const auto add_line = [&](const auto& cell_of) {
    std::string line;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      line += (i == 0 ? "" : "  ") + padded(cell_of(columns[i]), shown[i].wide, shown[i].right);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  };
  add_line([](const api::Column& column) { return std::string(column.title); });
  for (const auto& item : items) {
    add_line([&](const api::Column& column) { return cell(item.value(std::string(column.key), Json(nullptr))); });
  }
  for (const auto& [name, value] : result.items()) {
    if (value.is_object()) {
      text += fmt::format("{}: {}\n", printable(name), cell(value));
    }
  }
  if (const Json next = result.value("next", Json(nullptr)); !next.is_null()) {
    text += fmt::format("more: --cursor {}\n", cell(next));
  }
  return text;
}

std::string show_change(const Json& change) {
  const auto member = [&](const char* name) { return printable(change.value(name, std::string())); };
  const auto before = member("before");
  const auto after = member("after");
  const auto* restart = change.value("needs_restart", false) ? "  (needs a restart)" : "";
  if (before.empty() || after.empty()) {
    return fmt::format("{} {} = {}{}\n", before.empty() ? "+" : "-", member("path"), before + after, restart);
  }
  return fmt::format("~ {} = {} -> {}{}\n", member("path"), before, after, restart);
}

std::string show_object(const api::Command& command, const Json& result) {
  std::size_t wide = 0;
  for (const auto& column : command.columns) {
    wide = result.contains(column.key) && column.key != "changes" ? std::max(wide, width(column.key) + 1) : wide;
  }
  std::string text;
  for (const auto& column : command.columns) {
    const auto value = result.find(column.key);
    if (value == result.end()) {
      continue;
    }
    if (column.key == "changes" && value->is_array()) {
      for (const auto& change : *value) {
        text += show_change(change);
      }
      continue;
    }
    text += fmt::format("{} {}\n", padded(std::string(column.key) + ":", wide, false), cell(*value));
  }
  return text;
}

}  // namespace

std::string show_result(const api::Command& command, const Json& result) {
  if (!result.is_object()) {
    return cell(result) + "\n";
  }
  switch (command.shape) {
    case api::Shape::listing:
    case api::Shape::lines:
      return show_listing(command, result);
    case api::Shape::object:
      return show_object(command, result);
    case api::Shape::text:
      break;
  }
  auto text = result.value("text", std::string());
  return text.empty() || text.back() == '\n' ? text : text + "\n";
}

std::string show_problem(const std::string& file, const Json& problem) {
  if (!problem.is_object()) {
    return fmt::format("{}: {}\n", file, cell(problem));
  }
  return fmt::format("{}:{}: {}\n", file, cell(problem.value("line", Json(0))), cell(problem.value("text", Json(""))));
}

std::string show_error(const api::RpcError& error) {
  std::string text = fmt::format("limpetctl: {}\n", printable(error.message));
  if (!error.data.is_object()) {
    return text;
  }
  for (const auto& problem : error.data.value("problems", Json::array())) {
    text += printable(problem.value("text", std::string())) + "\n";
  }
  for (const auto& change : error.data.value("changes", Json::array())) {
    text += show_change(change);
  }
  return text;
}

}  // namespace limpet::ctl
