// The node's secret: one file of 32 bytes, equal on all nodes, from which every key is derived by purpose.
// Control thread, at start; not used by workers.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "hash/keyed.hpp"

namespace limpet::hash {

using Secret = std::array<std::uint8_t, 32>;

/// The first 128 bits of HMAC-SHA256(secret, purpose) (RFC 2104). Purposes are short texts such as "pool/web".
[[nodiscard]] Key derive_key(const Secret& secret, std::string_view purpose);

/// Reads the secret; makes it (mode 0600, random, synced to disk) when the file does not exist.
/// Fails when the file is not a regular file of 32 bytes, when others than its owner may read or write it, or
/// when it cannot be read or made.
[[nodiscard]] Result<Secret> load_or_create_secret(const std::string& path);

/// A secret known to everybody, for replays without a secret file.
[[nodiscard]] Secret fixed_secret() noexcept;

}  // namespace limpet::hash
