#include "match/memory.hpp"

#include <hs.h>
#include <numa.h>

#include <cstddef>
#include <cstdint>
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

/// Before each allocation lies its size, which is what giving back takes.
constexpr std::size_t before_bytes = 64;

void* allocate_on_node(void* node, std::size_t size_bytes) {
  const std::size_t all_bytes = size_bytes + before_bytes;
  void* const all = numa_alloc_onnode(all_bytes, static_cast<int>(reinterpret_cast<std::intptr_t>(node)));
  if (all == nullptr) {
    return nullptr;
  }
  *static_cast<std::size_t*>(all) = all_bytes;
  return static_cast<std::byte*>(all) + before_bytes;
}

void release_of_node(void*, void* at) {
  void* const all = static_cast<std::byte*>(at) - before_bytes;
  numa_free(all, *static_cast<std::size_t*>(all));
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

Memory near_cpu(unsigned cpu) noexcept {
  const int node = numa_available() < 0 ? -1 : numa_node_of_cpu(static_cast<int>(cpu));
  if (node < 0) {
    return heap();
  }
  // NOLINTNEXTLINE(performance-no-int-to-ptr): it is never followed
  void* const context = reinterpret_cast<void*>(static_cast<std::intptr_t>(node));
  return {allocate_on_node, release_of_node, context};
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
