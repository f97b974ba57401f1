// Bytes against a database. Workers; allocates nothing. The scratch space was made for that database (among others),
// and the database for that mode and report: anything else is an error of the program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "match/database.hpp"
#include "match/scratch.hpp"

namespace limpet::match {

inline constexpr std::size_t pieces_max = 64;

/// Where the first match of the pattern with that id ends: the least number of bytes in which it is found. Report::all.
[[nodiscard]] std::optional<std::size_t> first_end(const Database& database, Scratch& scratch, std::string_view bytes,
                                                   std::uint32_t id) noexcept;
/// The same of bytes in at most pieces_max pieces, counted from the first piece on. Mode::vectored.
[[nodiscard]] std::optional<std::size_t> first_end(const Database& database, Scratch& scratch,
                                                   std::span<const std::string_view> pieces, std::uint32_t id) noexcept;

/// Sets the bit of each pattern that matches anywhere, by its id; higher ones are passed over.
void note_ids(const Database& database, Scratch& scratch, std::string_view bytes,
              std::span<std::uint64_t> bits) noexcept;

/// The least id of all patterns that match anywhere.
[[nodiscard]] std::optional<std::uint32_t> lowest_id(const Database& database, Scratch& scratch,
                                                     std::string_view bytes) noexcept;

}  // namespace limpet::match
