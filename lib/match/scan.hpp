// Bytes against a database. Workers; allocates nothing. The scratch space was made for that database (among others);
// anything else is an error of the program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "match/database.hpp"
#include "match/scratch.hpp"

namespace limpet::match {

/// Where the first match of the pattern with that id ends: the least number of bytes in which it is found.
[[nodiscard]] std::optional<std::size_t> first_end(const Database& database, Scratch& scratch, std::string_view bytes,
                                                   std::uint32_t id) noexcept;

/// Sets the bit of each pattern that matches anywhere, by its id; higher ones are passed over.
void note_ids(const Database& database, Scratch& scratch, std::string_view bytes,
              std::span<std::uint64_t> bits) noexcept;

}  // namespace limpet::match
