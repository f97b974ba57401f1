// Makes Fields: the templates that reach a model's member through scalars. Internal to lib/model.
#pragma once

#include <map>
#include <optional>
#include <type_traits>
#include <utility>

#include "model/fields.hpp"

namespace limpet::model::bind {

template <class T>
inline constexpr bool is_map = false;
template <class K, class V>
inline constexpr bool is_map<std::map<K, V>> = true;
template <class T>
inline constexpr bool is_list = false;
template <class T>
inline constexpr bool is_list<std::vector<T>> = true;
template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <class T>
Scalar to_scalar(const T& value) {
  if constexpr (std::is_enum_v<T> || std::is_integral_v<T>) {
    return static_cast<std::uint64_t>(value);
  } else {
    return value;
  }
}

template <class T>
T from_scalar(const Scalar& value) {
  if constexpr (std::is_enum_v<T> || std::is_integral_v<T>) {
    return static_cast<T>(std::get<std::uint64_t>(value));
  } else {
    return std::get<T>(value);
  }
}

template <class T>
std::vector<Scalar> get_values(const T& member) {
  std::vector<Scalar> values;
  if constexpr (is_map<T>) {
    for (const auto& [key, value] : member) {
      values.push_back(to_scalar(key));
      values.push_back(to_scalar(value));
    }
  } else if constexpr (is_list<T>) {
    for (const auto& value : member) {
      values.push_back(to_scalar(value));
    }
  } else if constexpr (is_optional<T>) {
    if (member) {
      values.push_back(to_scalar(*member));
    }
  } else {
    values.push_back(to_scalar(member));
  }
  return values;
}

template <class T>
void set_values(T& member, std::vector<Scalar>&& values) {
  if constexpr (is_map<T>) {
    for (std::size_t i = 0; i + 1 < values.size(); i += 2) {
      member[from_scalar<typename T::key_type>(values[i])] = from_scalar<typename T::mapped_type>(values[i + 1]);
    }
  } else if constexpr (is_list<T>) {
    member.clear();
    for (const auto& value : values) {
      member.push_back(from_scalar<typename T::value_type>(value));
    }
  } else if constexpr (is_optional<T>) {
    member = from_scalar<typename T::value_type>(values.front());
  } else {
    member = from_scalar<T>(values.front());
  }
}

/// A key of object type S whose value is the member M (of S or of a base of S).
template <class S, auto M>
Field value(Row row) {
  Field field;
  field.row = std::move(row);
  field.get = [](const void* object) { return get_values(static_cast<const S*>(object)->*M); };
  field.set = [](void* object, std::vector<Scalar>&& values) {
    set_values(static_cast<S*>(object)->*M, std::move(values));
  };
  return field;
}

/// A key whose value is a table, a list of tables or a map of tables.
template <class S, auto M>
Field table(Row row, const Section& inside) {
  using T = std::remove_cvref_t<decltype(std::declval<S>().*M)>;
  Field field;
  field.row = std::move(row);
  field.row.kind = Kind::table;
  field.inside = &inside;
  field.add = [](void* object, const Scalar& key) -> void* {
    auto& member = static_cast<S*>(object)->*M;
    if constexpr (is_map<T>) {
      return &member[from_scalar<typename T::key_type>(key)];
    } else if constexpr (is_list<T>) {
      return &member.emplace_back();
    } else {
      return &member;
    }
  };
  field.each = [](const void* object, const Field::Visitor& visit) {
    const auto& member = static_cast<const S*>(object)->*M;
    if constexpr (is_map<T>) {
      for (const auto& [key, element] : member) {
        visit(to_scalar(key), &element);
      }
    } else if constexpr (is_list<T>) {
      for (const auto& element : member) {
        visit(Scalar{}, &element);
      }
    } else {
      visit(Scalar{}, &member);
    }
  };
  return field;
}

template <class S>
Section section(std::string_view path, std::vector<Field> fields) {
  static const S defaults{};
  for (auto& field : fields) {
    field.row.section = path;
  }
  return {path, std::move(fields), &defaults};
}

}  // namespace limpet::model::bind
