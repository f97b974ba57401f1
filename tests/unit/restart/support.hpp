// A set of table files in memory, with tables in it.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "restart/names.hpp"
#include "restart/recover.hpp"

namespace limpet::restart::test {

inline constexpr BootId boot = {1, 2, 3};
inline constexpr std::uint32_t backends_max = 1000;
inline constexpr Millis now_ms = 1'000'000;
inline const Keys keys = keys_of(hash::fixed_secret());

inline plan::Slots some_slots() {
  plan::Slots slots(backends_max);
  slots.listeners.acquire("web 192.0.2.10:80/tcp");
  slots.scopes.acquire("client of service web");
  for (int i = 0; i < 3; ++i) {
    slots.backends.acquire("web/b" + std::to_string(i));
    slots.endpoints.acquire("198.51.100." + std::to_string(i) + ":80/6");
  }
  return slots;
}

inline Geometry geometry_of(unsigned workers, const Keys& of, std::uint64_t records = 1000) {
  return {record::sizes_for(records), flow::sizes_for(1000), workers, of.id};
}

struct Set {
  Set(const Geometry& of, const Keys& with, const plan::Slots& slots = some_slots(), std::uint32_t layout = layout_now)
      : geometry(of) {
    files.names = take(names_file_bytes(slots));
    files.records = take(records_file_bytes(geometry));
    for (unsigned i = 0; i < geometry.workers; ++i) {
      files.flows.push_back(take(flows_file_bytes(geometry)));
    }
    for (unsigned i = 0; geometry.spliced_bytes != 0 && i < geometry.workers; ++i) {
      files.spliced.push_back(take(spliced_file_bytes(geometry)));
    }
    EXPECT_TRUE(begin(files, geometry, boot, 1, slots));
    sign(layout);
    tables.emplace(tables_in(files, geometry, with, layout).value());
  }
  /// Headers for what `geometry` says now.
  void sign(std::uint32_t layout) {
    const auto write = [&](std::span<std::byte> file, Kind kind, std::uint32_t worker) {
      write_header(file, make_header(kind, geometry, boot, 1, worker, file.size() - header_bytes, layout));
    };
    write(files.names, Kind::names, 0);
    write(files.records, Kind::records, 0);
    for (unsigned i = 0; i < files.flows.size(); ++i) {
      write(files.flows[i], Kind::flows, i);
    }
    for (unsigned i = 0; i < files.spliced.size(); ++i) {
      write(files.spliced[i], Kind::spliced, i);
    }
    set_alive(files.names, now_ms / 1000);
  }

  Geometry geometry;
  Files files;
  std::optional<Tables> tables;

 private:
  std::span<std::byte> take(std::size_t bytes) {
    const std::size_t size = (bytes + 63) / 64 * 64;
    memory_.emplace_back(static_cast<std::byte*>(std::aligned_alloc(64, size)), &std::free);
    std::memset(memory_.back().get(), 0, size);
    return {memory_.back().get(), bytes};
  }
  std::vector<std::unique_ptr<std::byte, decltype(&std::free)>> memory_;
};

/// What its files say, which lie as it has left them.
inline Old read_back(const Set& set) {
  auto old = read(set.files, boot, backends_max);
  EXPECT_TRUE(old) << old.error().text;
  EXPECT_TRUE(old->geometry == set.geometry);
  return std::move(*old);
}

}  // namespace limpet::restart::test
