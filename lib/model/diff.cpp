// What differs between two models, key by key; an element that came or went is one change.
#include <fmt/format.h>

#include <map>

#include "model/fields.hpp"
#include "model/load.hpp"

namespace limpet::model {
namespace {

std::string join(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

bool any_needs_restart(const Section& section) {
  for (const auto& field : section.fields) {
    if (field.row.needs_restart) {
      return true;
    }
  }
  return false;
}

struct Pair {
  const void* before = nullptr;
  const void* after = nullptr;
};

class Differ {
 public:
  void compare(const Section& section, Pair objects, const std::string& path) {
    for (const auto& field : section.fields) {
      const std::string name = join(path, toml_key(field.row.name));
      if (field.row.kind == Kind::table && field.row.many == Many::map) {
        compare_maps(field, objects, name);
      } else if (field.row.kind == Kind::table && field.row.many == Many::one) {
        Pair tables;
        field.each(objects.before, [&](const Scalar&, const void* element) { tables.before = element; });
        field.each(objects.after, [&](const Scalar&, const void* element) { tables.after = element; });
        compare(*field.inside, tables, name);
      } else {
        auto before = field_text(field, objects.before);
        auto after = field_text(field, objects.after);
        if (before != after) {
          changes_.push_back({name, std::move(before), std::move(after), field.row.needs_restart});
        }
      }
    }
  }

  std::vector<Change> take() { return std::move(changes_); }

 private:
  void compare_maps(const Field& field, Pair objects, const std::string& path) {
    std::map<Scalar, Pair> elements;
    field.each(objects.before, [&](const Scalar& key, const void* element) { elements[key].before = element; });
    field.each(objects.after, [&](const Scalar& key, const void* element) { elements[key].after = element; });
    for (const auto& [key, element] : elements) {
      const std::string name = join(path, key_text(field.key, key));
      if (element.before != nullptr && element.after != nullptr) {
        compare(*field.inside, element, name);
        continue;
      }
      const auto text = [&](const void* object) {
        return object == nullptr ? std::string{} : table_text(*field.inside, object);
      };
      changes_.push_back({name, text(element.before), text(element.after), any_needs_restart(*field.inside)});
    }
  }

  std::vector<Change> changes_;
};

}  // namespace

std::vector<Change> diff(const Model& before, const Model& after) {
  Differ differ;
  differ.compare(root_section(), {&before, &after}, "");
  return differ.take();
}

}  // namespace limpet::model
