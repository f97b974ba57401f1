// The space a worker scans in: one for each worker, large enough for every database that it may meet.
#pragma once

#include <cstddef>
#include <span>

#include "base/result.hpp"
#include "match/database.hpp"
#include "match/memory.hpp"

struct hs_scratch;

namespace limpet::match {

/// Made by control beside the databases it is for; used by one worker at a time.
class Scratch {
 public:
  /// Large enough for each of these. Fails when there is no memory.
  [[nodiscard]] static Result<Scratch> create(std::span<const Database* const> databases,
                                              const Memory& memory = heap());
  Scratch(Scratch&& other) noexcept;
  Scratch& operator=(Scratch&& other) noexcept;
  ~Scratch();

  [[nodiscard]] hs_scratch* get() noexcept { return scratch_; }
  [[nodiscard]] std::size_t size_bytes() const noexcept;

 private:
  explicit Scratch(const Memory& memory) noexcept : memory_(memory) {}
  hs_scratch* scratch_ = nullptr;
  Memory memory_;
};

}  // namespace limpet::match
