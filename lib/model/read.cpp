#include "model/read.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "model/fields.hpp"
#include "model/nearest.hpp"

namespace limpet::model {
namespace {

struct Mismatch {
  std::string hint;
};
using Read = tl::expected<Scalar, Mismatch>;

tl::unexpected<Mismatch> mismatch(std::string hint = {}) {
  return tl::unexpected<Mismatch>(Mismatch{std::move(hint)});
}

Read in_range(const Row& row, std::optional<std::uint64_t> number, std::string_view hint) {
  if (!number) {
    return mismatch(std::string(hint));
  }
  if (*number < row.min || *number > row.max) {
    return mismatch();
  }
  return Scalar{*number};
}

template <class T>
Read typed(const std::optional<T>& value) {
  return value ? Read(Scalar{*value}) : Read(mismatch());
}

Read read_word(const Row& row, std::string_view text) {
  const auto found = std::find(row.words.begin(), row.words.end(), text);
  if (found == row.words.end()) {
    const auto near = nearest(text, row.words);
    return near.empty() ? Read(mismatch()) : Read(mismatch(fmt::format("did you mean \"{}\"?", near)));
  }
  return Scalar{static_cast<std::uint64_t>(found - row.words.begin())};
}

Read read_text(const Row& row, std::string_view text) {
  const bool control =
      std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (control) {
    return mismatch("control characters are not allowed");
  }
  switch (row.kind) {
    case Kind::text:
      if (text.size() < row.min || text.size() > row.max) {
        return mismatch(fmt::format("{} to {} bytes", row.min, row.max));
      }
      return Scalar{std::string(text)};
    case Kind::name:
      return is_name(text) ? Read(Scalar{std::string(text)}) : Read(mismatch());
    case Kind::duration:
      return in_range(row, parse_duration(text), "units: d h m s ms");
    case Kind::size:
      return in_range(row, parse_size(text), "units: B KiB MiB GiB TiB kB MB GB TB");
    case Kind::word:
      return read_word(row, text);
    case Kind::mac:
      return typed(Mac::parse(text));
    case Kind::address:
      return typed(IpAddress::parse(text));
    case Kind::prefix:
      return typed(Prefix::parse(text));
    case Kind::endpoint:
      return typed(Endpoint::parse(text));
    case Kind::listen:
      return typed(parse_listen(text));
    case Kind::integer:
    case Kind::ratio:
    case Kind::boolean:
    case Kind::table:
      break;
  }
  return mismatch();
}

Read read_ratio(const Row& row, const Node& node) {
  constexpr double largest = 1e9;
  double value = static_cast<double>(node.integer);
  if (node.type == NodeType::real) {
    const auto [end, error] = std::from_chars(node.text.data(), node.text.data() + node.text.size(), value);
    if (error != std::errc{} || end != node.text.data() + node.text.size()) {
      return mismatch();
    }
  } else if (node.type != NodeType::integer) {
    return mismatch(node.type == NodeType::text ? "without quotes" : "");
  }
  if (!(value >= 0 && value <= largest)) {
    return mismatch();
  }
  return in_range(row, static_cast<std::uint64_t>(std::llround(value * 1000)), "");
}

Read read_scalar(const Row& row, const Node& node) {
  if (row.kind == Kind::integer) {
    if (node.type == NodeType::integer && node.integer >= 0) {
      return in_range(row, static_cast<std::uint64_t>(node.integer), "");
    }
    return mismatch(node.type == NodeType::text ? "without quotes" : "");
  }
  if (row.kind == Kind::ratio) {
    return read_ratio(row, node);
  }
  if (row.kind == Kind::boolean) {
    return node.type == NodeType::boolean ? Read(Scalar{std::uint64_t{node.text == "true" ? 1u : 0u}})
                                          : Read(mismatch(node.type == NodeType::text ? "without quotes" : ""));
  }
  if (node.type != NodeType::text) {
    const bool unit = row.kind == Kind::duration || row.kind == Kind::size;
    return mismatch(unit && node.type == NodeType::integer ? "with a unit and in quotes" : "");
  }
  return read_text(row, node.text);
}

/// Keys of maps are always texts, numbers among them in canonical form ("100", not "0100").
Read read_key(const Row& row, std::string_view text) {
  if (row.kind != Kind::integer) {
    return read_text(row, text);
  }
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || fmt::format("{}", number) != text) {
    return mismatch();
  }
  return in_range(row, number, "");
}

Row one_of(Row row) {
  row.many = Many::one;
  return row;
}

class Reader {
 public:
  Reader(Problems& problems, Places& places) : problems_(problems), places_(places) {}

  void read_section(const Section& section, const Node& node, void* object, const std::string& path, Position at) {
    for (const auto& member : node.members) {
      const auto field = std::find_if(section.fields.begin(), section.fields.end(),
                                      [&](const Field& candidate) { return candidate.row.name == member.key; });
      if (field == section.fields.end()) {
        unknown_key(section, member, path);
        continue;
      }
      const std::string below = path.empty() ? member.key : fmt::format("{}.{}", path, toml_key(member.key));
      places_.put(below, member.at);
      if (field->row.kind == Kind::table) {
        read_tables(*field, member.value, object, below);
      } else {
        read_values(*field, member.value, object, below);
      }
    }
    for (const auto& field : section.fields) {
      const bool given = std::any_of(node.members.begin(), node.members.end(),
                                     [&](const Member& member) { return member.key == field.row.name; });
      if (field.row.required && !given) {
        problems_.add(at, fmt::format("no \"{}\" in [{}]", field.row.name, path), type_text(field.row));
      }
    }
  }

 private:
  void unknown_key(const Section& section, const Member& member, const std::string& path) {
    std::vector<std::string_view> names;
    for (const auto& field : section.fields) {
      names.push_back(field.row.name);
    }
    problems_.add(member.at, quoted(member.key),
                  path.empty() ? std::string("a section of the file") : fmt::format("a key of [{}]", path),
                  nearest_hint(member.key, names));
  }

  void wrong(const Row& row, const Node& node, std::string hint = {}) {
    problems_.add(node.at, node.shown(), type_text(row), std::move(hint));
  }

  bool read_one(const Row& row, const Node& node, std::vector<Scalar>& values) {
    auto value = read_scalar(row, node);
    if (!value) {
      wrong(one_of(row), node, value.error().hint);
      return false;
    }
    values.push_back(std::move(*value));
    return true;
  }

  void read_values(const Field& field, const Node& node, void* object, const std::string& path) {
    std::vector<Scalar> values;
    if (field.row.many == Many::map) {
      read_map(field, node, values, path);
    } else if (field.row.many != Many::one && node.type == NodeType::list) {
      read_list(field, node, values, path);
    } else if (field.row.many == Many::list) {
      wrong(field.row, node);
      return;
    } else if (!read_one(field.row, node, values)) {
      return;
    }
    if (!values.empty() || node.items.empty()) {
      field.set(object, std::move(values));
    }
  }

  void read_list(const Field& field, const Node& node, std::vector<Scalar>& values, const std::string& path) {
    if (field.row.required && node.items.empty()) {
      problems_.add(node.at, "an empty list", type_text(field.row));
    }
    for (const auto& item : node.items) {
      places_.put(fmt::format("{}[{}]", path, values.size()), item.at);
      read_one(field.row, item, values);
    }
  }

  void read_map(const Field& field, const Node& node, std::vector<Scalar>& values, const std::string& path) {
    if (node.type != NodeType::table) {
      wrong(field.row, node);
      return;
    }
    for (const auto& member : node.members) {
      auto key = read_key(field.key, member.key);
      if (!key) {
        problems_.add(member.at, quoted(member.key), type_text(field.key), key.error().hint);
        continue;
      }
      places_.put(fmt::format("{}.{}", path, key_text(field.key, *key)), member.at);
      values.push_back(std::move(*key));
      if (!read_one(field.row, member.value, values)) {
        values.pop_back();
      }
    }
  }

  void read_tables(const Field& field, const Node& node, void* object, const std::string& path) {
    if (field.row.many == Many::map && node.type == NodeType::table) {
      for (const auto& member : node.members) {
        read_keyed_table(field, member, object, path);
      }
      return;
    }
    const bool list = field.row.many == Many::list || field.row.many == Many::one_or_list;
    if (list && node.type == NodeType::list) {
      for (std::size_t i = 0; i < node.items.size(); ++i) {
        read_one_table(field, node.items[i], object, fmt::format("{}[{}]", path, i));
      }
      return;
    }
    if (field.row.many == Many::list || field.row.many == Many::map) {
      wrong(field.row, node);
      return;
    }
    read_one_table(field, node, object, path);
  }

  void read_keyed_table(const Field& field, const Member& member, void* object, const std::string& path) {
    auto key = read_key(field.key, member.key);
    if (!key) {
      problems_.add(member.at, quoted(member.key), type_text(field.key), key.error().hint);
      return;
    }
    const std::string below = fmt::format("{}.{}", path, key_text(field.key, *key));
    places_.put(below, member.at);
    void* element = field.add(object, *key);
    if (member.value.type != NodeType::table) {
      problems_.add(member.value.at, member.value.shown(), fmt::format("a table: [{}]", below));
      return;
    }
    read_section(*field.inside, member.value, element, below, member.at);
  }

  void read_one_table(const Field& field, const Node& node, void* object, const std::string& path) {
    places_.put(path, node.at);
    void* element = field.add(object, Scalar{});
    if (node.type != NodeType::table) {
      wrong(one_of(field.row), node);
      return;
    }
    read_section(*field.inside, node, element, path, node.at);
  }

  Problems& problems_;
  Places& places_;
};

}  // namespace

void read_model(const Node& root, Model& model, Problems& problems, Places& places) {
  Reader(problems, places).read_section(root_section(), root, &model, "", {1, 1});
}

}  // namespace limpet::model
