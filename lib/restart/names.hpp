// The slots of a node in a mapped file, so that flows and records mean the same after a restart. Two halves: the one
// not in force is written, then one 8-byte store puts it in force, so that a kill at any instruction leaves one whole.
// Control thread, before a plan that uses new slots is published.
//
// Behind the file's header: the number of the version in force, then two halves; version n stands in half n & 1 as
// version, size, checksum and, for each SlotMap, its number of holders and each holder's slot, rest, name's length and
// name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.hpp"
#include "plan/slot_map.hpp"

namespace limpet::restart {

/// What write() needs for these slots, doubled for growth. `area`: all that follows the file's header.
[[nodiscard]] std::size_t names_bytes_wanted(const plan::Slots& slots);

/// False, and nothing has changed: the area is too small.
[[nodiscard]] bool write_names(std::span<std::byte> area, const plan::Slots& slots);

/// Any bytes may come. `backends_max`: capacity of Slots::backends.
[[nodiscard]] Result<plan::Slots> read_names(std::span<const std::byte> area, std::uint32_t backends_max);

}  // namespace limpet::restart
