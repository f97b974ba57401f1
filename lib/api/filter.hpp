// The `filter` parameter of listings: terms that all must match. TEXT is found anywhere in the item's values;
// COLUMN=VALUE compares one of them, and a VALUE with a prefix length matches the addresses in it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/wire.hpp"
#include "net/address.hpp"

namespace limpet::api {

class Filter {
 public:
  /// Terms are separated by spaces; an unknown column is an error with the nearest one. Empty: matches all.
  static tl::expected<Filter, RpcError> parse(const Command& command, std::string_view text);
  [[nodiscard]] bool matches(const Json& item) const;
  [[nodiscard]] bool empty() const noexcept { return terms_.empty(); }

 private:
  struct Term {
    std::string column;  // empty: any
    std::string value;
    std::optional<net::Prefix> prefix;
  };
  static bool matches(const Term& term, const Json& value);
  std::vector<Term> terms_;
};

}  // namespace limpet::api
