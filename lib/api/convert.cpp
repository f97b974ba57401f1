#include "api/convert.hpp"

#include <fmt/format.h>

#include <array>

#include "model/schema.hpp"

namespace limpet::api {
namespace {

constexpr std::array<std::string_view, 14> kind_names{"text",   "name",     "integer", "duration", "size",
                                                      "ratio",  "boolean",  "word",    "mac",      "address",
                                                      "prefix", "endpoint", "listen",  "table"};
static_assert(static_cast<std::size_t>(model::Kind::table) + 1 == kind_names.size());
constexpr std::array<std::string_view, 4> many_names{"one", "one_or_list", "list", "map"};

Json row_json(const model::Row& row) {
  Json json{{"section", row.section},
            {"name", row.name},
            {"type", model::type_text(row)},
            {"kind", kind_names[static_cast<std::size_t>(row.kind)]},
            {"many", many_names[static_cast<std::size_t>(row.many)]},
            {"required", row.required},
            {"needs_restart", row.needs_restart},
            {"default", row.default_text.empty() ? Json(nullptr) : Json(row.default_text)},
            {"help", row.help}};
  if (row.max > 0) {
    json["min"] = row.min;
    json["max"] = row.max;
  }
  if (!row.words.empty()) {
    json["words"] = Json::array();
    for (const auto word : row.words) {
      json["words"].push_back(word);
    }
  }
  return json;
}

}  // namespace

Json problems_json(std::span<const model::Problem> problems) {
  Json list = Json::array();
  for (const auto& problem : problems) {
    list.push_back({{"file", problem.file},
                    {"line", problem.line},
                    {"column", problem.column},
                    {"found", problem.found},
                    {"expected", problem.expected},
                    {"hint", problem.hint},
                    {"text", problem.text()}});
  }
  return list;
}

Json changes_json(std::span<const model::Change> changes) {
  Json list = Json::array();
  for (const auto& change : changes) {
    list.push_back({{"path", change.path},
                    {"before", change.before},
                    {"after", change.after},
                    {"needs_restart", change.needs_restart}});
  }
  return list;
}

Json schema_json() {
  Json items = Json::array();
  for (const auto& row : model::schema()) {
    items.push_back(row_json(row));
  }
  return {{"items", std::move(items)}, {"next", nullptr}};
}

RpcError configuration_error(std::span<const model::Problem> problems) {
  const auto count = problems.size();
  return {Code::bad_configuration,
          fmt::format("{} problem{} in the configuration", count, count == 1 ? "" : "s"),
          {{"problems", problems_json(problems)}}};
}

}  // namespace limpet::api
