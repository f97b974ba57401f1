// What each file of the tables says about itself, in its first page: which layout, of which boot, for which sizes.
// Pointer-free and of fixed size. Main thread, at start; `alive_s` also control's.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <type_traits>

#include "base/result.hpp"
#include "flow/table.hpp"
#include "record/table.hpp"

namespace limpet::restart {

/// A file's tables begin here.
inline constexpr std::size_t header_bytes = 4096;
/// Of the bytes of entries and names, and which worker has which flow. Those before are read, too: records of 1 had no
/// home, narrow flow entries of 2 no mark of their own, flows of 3 lay with other workers, spliced connections of 4
/// knew no timestamps, those of 5 not where their sessions' records lie.
inline constexpr std::uint32_t layout_now = 6;
inline constexpr std::uint32_t layout_oldest = 1;

enum class Kind : std::uint32_t { names = 1, records = 2, flows = 3, spliced = 4 };

using BootId = std::array<std::uint8_t, 16>;
/// Of the running kernel; zeros where it tells none.
[[nodiscard]] BootId boot_id();

/// What must be equal for tables to be used as they are.
struct Geometry {
  record::Sizes records;
  flow::Sizes flows;  // of one worker
  std::uint32_t workers = 0;
  std::uint64_t key_id = 0;         // of the secret that the tables' hashes are derived from
  std::uint64_t spliced_bytes = 0;  // of one worker's spliced connections; 0: they have no files. Only these files say
  friend bool operator==(const Geometry& one, const Geometry& other) noexcept;
};

struct Header {
  std::array<char, 8> magic;  // "limpet\0\0"
  std::uint32_t layout;
  Kind kind;
  BootId boot;
  std::uint64_t set_id;  // equal in all files of one set
  std::uint64_t record_narrow, record_wide;
  std::uint64_t flow_narrow, flow_wide;
  std::uint64_t key_id;
  std::uint16_t workers;
  std::uint16_t flow_embryonic_permille;
  std::uint32_t worker;      // whose flows; 0 in other files
  std::uint64_t size_bytes;  // of what follows the header
  std::uint64_t checksum;    // of all above
  std::uint64_t alive_s;     // of the names' file: seconds since boot when the daemon was last seen. writer: control

  [[nodiscard]] Geometry geometry() const noexcept {
    return {{record_narrow, record_wide}, {flow_narrow, flow_wide, flow_embryonic_permille}, workers, key_id, 0};
  }
};
static_assert(sizeof(Header) == 112 && std::is_trivially_copyable_v<Header> && std::is_standard_layout_v<Header>);
static_assert(sizeof(Header) <= header_bytes);

/// `layout` other than the present one is for tests.
[[nodiscard]] Header make_header(Kind kind, const Geometry& geometry, const BootId& boot, std::uint64_t set_id,
                                 std::uint32_t worker, std::uint64_t size_bytes, std::uint32_t layout = layout_now);
void write_header(std::span<std::byte> file, const Header& header);
/// An error says what is wrong with the file, in words that can follow its name.
[[nodiscard]] Result<Header> read_header(std::span<const std::byte> file, Kind kind, const BootId& boot);

/// FNV-1a. Finds damage, not forgery: who can write the files needs no more.
[[nodiscard]] std::uint64_t checksum(std::span<const std::byte> bytes) noexcept;

/// The word of the header that is written while the daemon runs. `file`: of the names.
inline void set_alive(std::span<std::byte> file, std::uint64_t now_s) noexcept {
  auto* const header = static_cast<Header*>(static_cast<void*>(file.data()));
  std::atomic_ref(header->alive_s).store(now_s, std::memory_order_relaxed);
}

}  // namespace limpet::restart
