// Which of a service's pools a connection is for, by host, path or TLS server name: plain names by hash, patterns by
// the service's expressions, the first rule that fits. Made by control; workers read.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hash/keyed.hpp"
#include "model/model.hpp"
#include "plan/flat_map.hpp"
#include "plan/persist.hpp"

namespace limpet::plan {

struct Plan;
struct Service;
struct Payload;

/// What a service is like in another pool than its own.
struct Branch {
  std::uint32_t pool = 0;        // index in Plan::pools
  std::vector<Persist> persist;  // the service's profiles: sessions of one pool are not those of another
};

/// What rules look at.
enum class Subject : std::uint8_t { host, path, sni };
inline constexpr std::size_t subject_count = 3;

struct Rule {
  static constexpr std::uint32_t own = ~0u;
  Subject subject = Subject::host;
  std::string text;            // as in the file
  std::string name;            // a pattern's is empty
  bool is_prefix = false;      // of a path; of host and server name: ".example.org", the end of it
  std::uint32_t pattern = 0;   // id in the service's expressions, of patterns
  std::uint32_t branch = own;  // index in Routing::branches; `own`: the service's own pool
};

inline constexpr std::size_t expressions_max = 512;  // of one service

class Routing {
 public:
  static constexpr std::uint32_t none = ~0u;

  explicit Routing(const hash::Key& seed) noexcept : seed_(seed) {}
  /// In order.
  void add(Rule rule);

  std::vector<Branch> branches;  // a pool each
  [[nodiscard]] const std::vector<Rule>& rules() const noexcept { return rules_; }
  [[nodiscard]] bool looks_at(Subject subject) const noexcept { return uses_[static_cast<std::size_t>(subject)].any; }

  /// The first rule that fits this value, or none. `matched`: the ids of patterns that fit, as bits.
  [[nodiscard]] std::uint32_t find(Subject subject, std::string_view value,
                                   const std::array<std::uint64_t, expressions_max / 64>& matched) const noexcept;
  [[nodiscard]] bool has_patterns(Subject subject) const noexcept {
    return !uses_[static_cast<std::size_t>(subject)].patterns.empty();
  }

 private:
  struct Use {
    bool any = false;
    std::vector<std::size_t> sizes;       // of the beginnings of paths
    std::vector<std::uint32_t> patterns;  // rules, in order
  };
  [[nodiscard]] std::uint64_t hash(Subject subject, bool is_prefix, std::string_view name) const noexcept;
  [[nodiscard]] std::uint32_t find_name(Subject subject, bool is_prefix, std::string_view name) const noexcept;

  hash::Key seed_;
  std::vector<Rule> rules_;
  std::array<Use, subject_count> uses_;
  FlatMap<std::uint64_t, std::uint32_t> names_;  // hash -> rule: the first of that name
};

/// Where a connection goes.
struct Routed {
  const Branch* branch = nullptr;  // null: the service's own pool
  const Rule* rule = nullptr;      // null: none fits
  bool waits = false;              // for more of the payload: an earlier rule may fit yet
};
[[nodiscard]] Routed route(const Service& service, const Payload& payload) noexcept;

}  // namespace limpet::plan
