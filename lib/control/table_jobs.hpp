// What commands that go through tables share: cursors, and how their jobs begin. Control thread.
#pragma once

#include <array>
#include <charconv>
#include <memory>
#include <optional>
#include <string_view>

#include "control/context.hpp"

namespace limpet::control {

/// "1.2.3", as cursors of tables are written. Nothing: malformed.
template <std::size_t n>
std::optional<std::array<std::uint64_t, n>> parse_place(std::string_view text) {
  std::array<std::uint64_t, n> place{};
  const char* at = text.data();
  const char* end = at + text.size();
  for (std::size_t i = 0; i < n; ++i) {
    const auto [next, error] = std::from_chars(at, end, place[i]);
    const bool last = i + 1 == n;
    if (error != std::errc{} || (last ? next != end : next == end || *next != '.')) {
      return std::nullopt;
    }
    at = next + 1;
  }
  return place;
}

inline void begin(Context& context, std::unique_ptr<Job> job, const Done& done) {
  if (!context.jobs.add(std::move(job))) {
    done(api::reject(api::Code::busy, "too many long requests are being worked on; try again"));
  }
}

inline Answer bad_cursor() {
  return api::reject(api::Code::invalid_params, "cursor: not one that an answer gave");
}

}  // namespace limpet::control
