#include "rivals.hpp"

namespace limpet::perf {
namespace {

class Modulo : public Rival {
 public:
  void set_backends(const std::vector<unsigned>& backends) override { backends_ = backends; }
  [[nodiscard]] unsigned choose(std::uint64_t hash) const override { return backends_[hash % backends_.size()]; }

 private:
  std::vector<unsigned> backends_;
};

/// 160 points a backend, as the original has (Jones, libketama, 2007).
class Ketama : public Rival {
 public:
  void set_backends(const std::vector<unsigned>& backends) override {
    ring_.clear();
    for (const unsigned backend : backends) {
      for (std::uint64_t point = 0; point < 160; ++point) {
        ring_[mix(mix(backend) + point)] = backend;
      }
    }
  }
  [[nodiscard]] unsigned choose(std::uint64_t hash) const override {
    const auto next = ring_.lower_bound(hash);
    return next == ring_.end() ? ring_.begin()->second : next->second;
  }

 private:
  std::map<std::uint64_t, unsigned> ring_;
};

/// Eisenbud et al., NSDI 2016, section 3.4, with 65,537 slots.
class Maglev : public Rival {
 public:
  void set_backends(const std::vector<unsigned>& backends) override {
    slots_.assign(size, nobody);
    std::vector<std::uint64_t> next(backends.size());
    for (std::uint64_t filled = 0; filled < size;) {
      for (std::size_t i = 0; i < backends.size() && filled < size; ++i, ++filled) {
        const std::uint64_t offset = mix(backends[i] * 2 + 1000) % size;
        const std::uint64_t skip = mix(backends[i] * 2 + 1001) % (size - 1) + 1;
        while (slots_[(offset + next[i] * skip) % size] != nobody) {
          ++next[i];
        }
        slots_[(offset + next[i] * skip) % size] = backends[i];
      }
    }
  }
  [[nodiscard]] unsigned choose(std::uint64_t hash) const override { return slots_[hash % size]; }

 private:
  static constexpr std::uint64_t size = 65537;
  static constexpr unsigned nobody = ~0u;
  std::vector<unsigned> slots_;
};

}  // namespace

std::unique_ptr<Rival> make_rival(std::string_view name) {
  if (name == "modulo") {
    return std::make_unique<Modulo>();
  }
  if (name == "ketama") {
    return std::make_unique<Ketama>();
  }
  return std::make_unique<Maglev>();
}

std::uint64_t mix(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15ULL;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31);
}

}  // namespace limpet::perf
