// Texts of typed values: durations, sizes, listen addresses, names.
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>
#include <span>

#include "model/load.hpp"

namespace limpet::model {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array<Unit, 5> time_units{{{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}};

constexpr std::array<Unit, 9> size_units{{{"TiB", 1ULL << 40},
                                          {"GiB", 1ULL << 30},
                                          {"MiB", 1ULL << 20},
                                          {"KiB", 1ULL << 10},
                                          {"B", 1},
                                          {"TB", 1'000'000'000'000},
                                          {"GB", 1'000'000'000},
                                          {"MB", 1'000'000},
                                          {"kB", 1000}}};
constexpr std::size_t binary_size_units = 5;  // the first ones, from large to small

/// Takes "123unit" from the front of `text`; nothing on overflow or when there is no such thing.
std::optional<std::uint64_t> take_quantity(std::string_view& text, std::span<const Unit> units, const Unit*& unit) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) {
    return std::nullopt;
  }
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  const auto name = text.substr(0, text.find_first_of("0123456789"));
  for (const auto& candidate : units) {
    if (candidate.name == name) {
      if (number > std::numeric_limits<std::uint64_t>::max() / candidate.factor) {
        return std::nullopt;
      }
      text.remove_prefix(name.size());
      unit = &candidate;
      return number * candidate.factor;
    }
  }
  return std::nullopt;
}

}  // namespace

std::string duration_text(std::uint64_t ms) {
  std::string result;
  for (const auto& unit : time_units) {
    if (ms >= unit.factor) {
      result += fmt::format("{}{}", ms / unit.factor, unit.name);
      ms %= unit.factor;
    }
  }
  return result.empty() ? "0s" : result;
}

std::string ratio_text(std::uint64_t thousandths) {
  std::string text = fmt::format("{}.{:03}", thousandths / 1000, thousandths % 1000);
  while (text.back() == '0' && text[text.size() - 2] != '.') {
    text.pop_back();
  }
  return text;
}

std::optional<std::uint64_t> parse_duration(std::string_view text) {
  std::uint64_t total = 0;
  std::uint64_t last_factor = std::numeric_limits<std::uint64_t>::max();
  do {
    const Unit* unit = nullptr;
    const auto part = take_quantity(text, time_units, unit);
    if (!part || unit->factor >= last_factor || total + *part < total) {
      return std::nullopt;
    }
    total += *part;
    last_factor = unit->factor;
  } while (!text.empty());
  return total;
}

std::string size_text(std::uint64_t bytes) {
  for (std::size_t i = 0; i < binary_size_units; ++i) {
    if (bytes >= size_units[i].factor && bytes % size_units[i].factor == 0) {
      return fmt::format("{}{}", bytes / size_units[i].factor, size_units[i].name);
    }
  }
  return "0B";
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  const Unit* unit = nullptr;
  const auto bytes = take_quantity(text, size_units, unit);
  return bytes && text.empty() ? bytes : std::nullopt;
}

std::string Listen::text() const {
  const std::string address = prefix.is_host() ? prefix.address.text() : prefix.text();
  const std::string port = l4_port == 0 ? "*" : fmt::format("{}", l4_port);
  return fmt::format(fmt::runtime(prefix.address.is_v4() ? "{}:{}/{}" : "[{}]:{}/{}"), address, port,
                     protocol == net::Protocol::udp ? "udp" : "tcp");
}

std::optional<Listen> parse_listen(std::string_view text) {
  Listen listen;
  if (text.ends_with("/udp")) {
    listen.protocol = net::Protocol::udp;
  } else if (!text.ends_with("/tcp")) {
    return std::nullopt;
  }
  text.remove_suffix(4);
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) {
    return std::nullopt;
  }
  const auto port = text.substr(colon + 1);
  if (port != "*") {
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), listen.l4_port);
    if (error != std::errc{} || end != port.data() + port.size() || listen.l4_port == 0) {
      return std::nullopt;
    }
  }
  auto address = text.substr(0, colon);
  const bool bracketed = address.front() == '[' && address.back() == ']';
  if (bracketed) {
    address = address.substr(1, address.size() - 2);
  }
  const auto prefix = net::Prefix::parse(address);
  if (!prefix || prefix->address.is_v4() == bracketed || address.find('\0') != std::string_view::npos) {
    return std::nullopt;
  }
  listen.prefix = *prefix;
  return listen;
}

bool is_name(std::string_view text) noexcept {
  if (text.empty() || text.size() > 63) {
    return false;
  }
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !(c >= '0' && c <= '9') && c != '_' && c != '.' && c != '-') {
      return false;
    }
  }
  return true;
}

}  // namespace limpet::model
