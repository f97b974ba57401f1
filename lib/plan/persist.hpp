// A profile of persistence as one service uses it, in one pool. Compiled by control; workers read.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "counters/counters.hpp"
#include "extract/cookie_token.hpp"
#include "extract/universal.hpp"
#include "model/model.hpp"
#include "model/set_cookie.hpp"
#include "record/table.hpp"

namespace limpet::plan {

/// What more there is to know of where a value lies in what a client says.
struct Reading {
  std::uint16_t part = 0;          // from 1; 0: all
  std::uint16_t prefix_bytes = 0;  // 0: all
  std::vector<net::Prefix> trusted;
  extract::Universal universal;
};

/// Cookies that Limpet itself gives values: by rewrite or insert.
struct OwnToken {
  extract::CookieEpochs epochs;
  model::CookieLine line;  // insert
};

/// What is counted of a profile, whichever service uses it: outlives plans.
class ProfileUse {
 public:
  explicit ProfileUse(std::size_t workers) : by_worker_(workers) {}
  [[nodiscard]] std::size_t workers() const noexcept { return by_worker_.size(); }
  void add(unsigned worker, counters::ProfileCounter counter) noexcept {
    if (worker < by_worker_.size()) {
      by_worker_[worker].add(counter);
    }
  }
  [[nodiscard]] std::uint64_t sum(counters::ProfileCounter counter) const noexcept {
    std::uint64_t sum = 0;
    for (const counters::ProfileBlock& block : by_worker_) {
      sum += block.get(counter);
    }
    return sum;
  }

 private:
  std::vector<counters::ProfileBlock> by_worker_;
};

/// A profile as one service uses it.
struct Persist {
  std::string profile;
  std::shared_ptr<ProfileUse> use;  // one for all services that use the profile, and plans before and after
  model::ProfileType type = model::ProfileType::source_ip;
  std::string name;  // of a cookie, header or parameter
  model::By by = model::By::record;
  std::string delimiter;  // before a backend's name; empty: none
  bool learns = false;    // from responses
  bool closes_on_conflict = false;
  std::shared_ptr<const OwnToken> own;  // by rewrite or insert; else null
  std::uint32_t pool = 0;               // index in Plan::pools
  std::uint32_t scope = 0;  // slot of the profile within its reach (service, pool, global): part of the record's key
  model::Scope reach = model::Scope::service;
  std::uint8_t prefix4 = 32;
  std::uint8_t prefix6 = 64;
  std::uint32_t idle_timeout_s = 0;
  std::uint32_t max_life_s = 0;  // 0: none
  std::uint64_t max_records = 0;
  std::uint32_t max_imbalance = 0;  // thousandths; 0: no cap
  model::OnDown on_down = model::OnDown::reselect;
  model::OnDrain on_drain = model::OnDrain::keep;
  model::OnReturn on_return = model::OnReturn::stay;
  model::OnFull on_full = model::OnFull::algorithm;
  model::HeavyKey heavy_key = model::HeavyKey::stay;
  bool override_limits = false;
  Reading reading;

  /// Only servers say which values there are: one that no record knows is none.
  [[nodiscard]] bool only_learns() const noexcept { return type == model::ProfileType::tls_session_id; }
  [[nodiscard]] record::Room room() const noexcept {
    return {max_records == 0 ? ~std::uint64_t{0} : max_records, on_full == model::OnFull::evict_oldest};
  }
};

}  // namespace limpet::plan
