#include "match/scratch.hpp"

#include <hs.h>

#include <utility>

namespace limpet::match {

Result<Scratch> Scratch::create(std::span<const Database* const> databases, const Memory& memory) {
  Scratch scratch(memory);
  const Using use(memory);
  for (const Database* database : databases) {
    if (hs_alloc_scratch(database->get(), &scratch.scratch_) != HS_SUCCESS) {
      return fail("no memory to match patterns in ({} bytes of them)", database->size_bytes());
    }
  }
  return scratch;
}

Scratch::Scratch(Scratch&& other) noexcept : scratch_(std::exchange(other.scratch_, nullptr)), memory_(other.memory_) {}

Scratch& Scratch::operator=(Scratch&& other) noexcept {
  std::swap(scratch_, other.scratch_);
  std::swap(memory_, other.memory_);
  return *this;
}

Scratch::~Scratch() {
  const Using use(memory_);
  hs_free_scratch(scratch_);
}

std::size_t Scratch::size_bytes() const noexcept {
  std::size_t size = 0;
  return scratch_ != nullptr && hs_scratch_size(scratch_, &size) == HS_SUCCESS ? size : 0;
}

}  // namespace limpet::match
