#include "path/lanes.hpp"

namespace limpet::path {
namespace {

struct Locals {
  Locals(State& state, const plan::Plan& plan, Burst& burst) noexcept
      : v4(state, plan, burst), v6(state, plan, burst) {}
  [[gnu::noinline]] bool read_v4(unsigned i) noexcept { return v4.read(i); }
  [[gnu::noinline]] bool read_v6(unsigned i) noexcept { return v6.read(i); }
  [[gnu::always_inline]] inline unsigned finish() noexcept { return v4.finish() + v6.finish(); }
  Lane<wire::Local<wire::V4>> v4;
  Lane<wire::Local<wire::V6>> v6;
};

}  // namespace

unsigned express_local(State& state, const plan::Plan& plan, Burst& burst) noexcept {
  return take_lanes<Locals>(state, plan, burst);
}

}  // namespace limpet::path
