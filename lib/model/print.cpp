// Model -> TOML that loads to the same model.
#include <fmt/format.h>

#include <algorithm>

#include "model/fields.hpp"
#include "model/load.hpp"

namespace limpet::model {
namespace {

std::string toml_string(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      result += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      result += c;
    }
  }
  return result + "\"";
}

std::string bare_text(const Row& row, const Scalar& value) {
  if (const auto* number = std::get_if<std::uint64_t>(&value)) {
    switch (row.kind) {
      case Kind::duration:
        return duration_text(*number);
      case Kind::size:
        return size_text(*number);
      case Kind::ratio:
        return ratio_text(*number);
      case Kind::boolean:
        return *number != 0 ? "true" : "false";
      case Kind::word:
        return std::string(row.words[*number]);
      default:
        return fmt::format("{}", *number);
    }
  }
  return std::visit(
      [](const auto& typed) -> std::string {
        using T = std::remove_cvref_t<decltype(typed)>;
        if constexpr (std::is_same_v<T, std::uint64_t>) {
          return {};
        } else if constexpr (std::is_same_v<T, std::string>) {
          return typed;
        } else {
          return typed.text();
        }
      },
      value);
}

/// Whether printing may leave the field out.
bool skipped(const Section& section, const Field& field, const void* object, Detail detail) {
  if (field.get != nullptr && detail == Detail::all) {
    const auto values = field.get(object);
    const bool can_be_written =
        !values.empty() && values.front() != Scalar{std::string{}} &&
        !(field.row.kind == Kind::integer && field.row.min > 0 && values.front() == Scalar{std::uint64_t{0}});
    return !can_be_written && section.is_default(field, object);
  }
  return !field.row.required && section.is_default(field, object);
}

class Printer {
 public:
  explicit Printer(Detail detail) : detail_(detail) {}

  /// The section's own keys, then the sections below it.
  void print(const Section& section, const void* object, const std::string& path) {
    for (const auto& field : section.fields) {
      if (!is_header(section, field) && !skipped(section, field, object, detail_)) {
        text_ += fmt::format("{} = {}\n", toml_key(field.row.name), field_text(field, object));
      }
    }
    for (const auto& field : section.fields) {
      if (is_header(section, field)) {
        print_headers(section, field, object, path);
      }
    }
  }

  std::string take() { return std::move(text_); }

 private:
  static bool is_header(const Section& section, const Field& field) {
    return field.row.kind == Kind::table && (field.row.many == Many::map || section.path.empty());
  }

  void header(const std::string& path) { text_ += fmt::format("{}[{}]\n", text_.empty() ? "" : "\n", path); }

  void print_headers(const Section& section, const Field& field, const void* object, const std::string& path) {
    const std::string name = path.empty() ? std::string(field.row.name) : fmt::format("{}.{}", path, field.row.name);
    if (field.row.many != Many::map) {
      if (detail_ == Detail::all || !section.is_default(field, object)) {
        header(name);
        field.each(object, [&](const Scalar&, const void* element) { print(*field.inside, element, name); });
      }
      return;
    }
    bool first = true;
    field.each(object, [&](const Scalar& key, const void* element) {
      if (!field.compact) {
        const std::string path_below = fmt::format("{}.{}", name, key_text(field.key, key));
        header(path_below);
        print(*field.inside, element, path_below);
        return;
      }
      if (first) {
        header(name);
        first = false;
      }
      text_ += fmt::format("{} = {}\n", key_text(field.key, key), table_text(*field.inside, element));
    });
  }

  Detail detail_;
  std::string text_;
};

}  // namespace

bool Section::is_default(const Field& field, const void* object) const {
  return field.get != nullptr ? field.get(object) == field.get(defaults)
                              : field_text(field, object) == field_text(field, defaults);
}

std::string toml_key(std::string_view key) {
  const bool bare = !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
  return bare ? std::string(key) : toml_string(key);
}

std::string scalar_text(const Row& row, const Scalar& value) {
  const bool bare = row.kind == Kind::integer || row.kind == Kind::ratio || row.kind == Kind::boolean;
  return bare ? bare_text(row, value) : toml_string(bare_text(row, value));
}

std::string key_text(const Row& row, const Scalar& value) {
  return toml_key(bare_text(row, value));
}

std::string table_text(const Section& section, const void* object) {
  std::string inner;
  for (const auto& field : section.fields) {
    if (!skipped(section, field, object, Detail::changed)) {
      inner += fmt::format("{}{} = {}", inner.empty() ? "" : ", ", toml_key(field.row.name), field_text(field, object));
    }
  }
  return inner.empty() ? "{}" : fmt::format("{{ {} }}", inner);
}

std::string field_text(const Field& field, const void* object) {
  std::vector<std::string> parts;
  if (field.get == nullptr) {
    field.each(object, [&](const Scalar& key, const void* element) {
      const std::string table = table_text(*field.inside, element);
      parts.push_back(field.row.many == Many::map ? fmt::format("{} = {}", key_text(field.key, key), table) : table);
    });
  } else {
    const auto values = field.get(object);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (field.row.many == Many::map) {
        parts.push_back(fmt::format("{} = {}", key_text(field.key, values[i]), scalar_text(field.row, values[i + 1])));
        ++i;
      } else {
        parts.push_back(scalar_text(field.row, values[i]));
      }
    }
  }
  const auto joined = fmt::format("{}", fmt::join(parts, ", "));
  switch (field.row.many) {
    case Many::one:
      return joined;
    case Many::one_or_list:
      return parts.size() == 1 ? joined : fmt::format("[{}]", joined);
    case Many::list:
      return fmt::format("[{}]", joined);
    case Many::map:
      return parts.empty() ? "{}" : fmt::format("{{ {} }}", joined);
  }
  return joined;
}

std::string to_toml(const Model& model, Detail detail) {
  Printer printer(detail);
  printer.print(root_section(), &model, "");
  return printer.take();
}

}  // namespace limpet::model
