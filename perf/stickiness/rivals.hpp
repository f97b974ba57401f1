// What others choose by when nothing is remembered, for comparison: a hash modulo the number of backends, a ketama
// ring, Maglev's table. All over the same hash of the client's address.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace limpet::perf {

class Rival {
 public:
  Rival() = default;
  Rival(const Rival&) = delete;
  Rival& operator=(const Rival&) = delete;
  virtual ~Rival() = default;
  /// The pool is these backends from now on, by number, ascending.
  virtual void set_backends(const std::vector<unsigned>& backends) = 0;
  [[nodiscard]] virtual unsigned choose(std::uint64_t hash) const = 0;
};

/// "modulo", "ketama" or "maglev".
std::unique_ptr<Rival> make_rival(std::string_view name);
inline constexpr const char* rival_names[] = {"maglev", "modulo", "ketama"};

/// A uniform hash of a number (a client, a point of a ring).
std::uint64_t mix(std::uint64_t value);

}  // namespace limpet::perf
