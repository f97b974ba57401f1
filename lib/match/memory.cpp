#include "match/memory.hpp"

#include <hs.h>

#include <cstdlib>

#include "base/assert.hpp"

namespace limpet::match {
namespace {

// Hyperscan knows one allocator for the whole process: it is this one, which asks the memory that its thread uses.
thread_local const Memory* in_use = nullptr;

void* allocate(std::size_t size_bytes) {
  LIMPET_ASSERT(in_use != nullptr);
  return in_use->allocate(in_use->context, size_bytes);
}

void release(void* at) {
  LIMPET_ASSERT(in_use != nullptr);
  if (at != nullptr) {
    in_use->release(in_use->context, at);
  }
}

bool install() {
  return hs_set_database_allocator(allocate, release) == HS_SUCCESS &&
         hs_set_scratch_allocator(allocate, release) == HS_SUCCESS;
}

}  // namespace

Memory heap() noexcept {
  return {[](void*, std::size_t size_bytes) { return std::malloc(size_bytes); }, [](void*, void* at) { std::free(at); },
          nullptr};
}

Using::Using(const Memory& memory) noexcept : before_(in_use) {
  static const bool installed = install();
  LIMPET_ASSERT(installed);
  in_use = &memory;
}

Using::~Using() {
  in_use = before_;
}

}  // namespace limpet::match
