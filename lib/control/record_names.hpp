// Records in the operator's words: scopes, keys and backends by name, both ways. Control thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/wire.hpp"
#include "control/configuration.hpp"
#include "plan/session_key.hpp"
#include "record/table.hpp"

namespace limpet::control {

/// A session's key and the profile that rules it.
struct RecordPlace {
  const plan::Persist* persist = nullptr;
  record::Key key;
};

/// A record as `records dump` wrote it.
struct RecordLine {
  RecordPlace place;
  BackendSlot backend;
  std::uint32_t age_s = 0;
  std::uint32_t idle_s = 0;
  std::uint16_t home = record::at_home;
};

/// Of one plan, which it keeps alive.
class RecordNames {
 public:
  explicit RecordNames(const Configuration& configuration)
      : configuration_(configuration), plan_(configuration.shared_plan()) {}

  [[nodiscard]] const plan::Plan& plan() const noexcept { return *plan_; }
  [[nodiscard]] const plan::Persist* persist(const record::Key& key) const noexcept {
    return plan_->persist_of_scope(record::scope_of(key));
  }
  [[nodiscard]] const std::string& scope(const record::Key& key) const {
    return configuration_.slots().scopes.name(record::scope_of(key));
  }
  [[nodiscard]] std::string key(const record::Key& key) const;
  [[nodiscard]] const std::string& backend(BackendSlot slot) const {
    return configuration_.slots().backends.name(slot.value());
  }

  using Preference = std::function<bool(const RecordPlace&)>;
  /// The service's key of that text: of the profile named, or of the first that has such keys. Each pool that the
  /// service leads to has sessions of its own: the first that is preferred, else the service's own.
  [[nodiscard]] tl::expected<RecordPlace, api::RpcError> find(const std::string& service, const std::string& profile,
                                                              std::string_view key,
                                                              const Preference& prefers = {}) const;
  /// The backend that the record's session would return to, which had to be left while it was down; empty: none, or
  /// no longer in the configuration.
  [[nodiscard]] std::string home(const record::Key& key, const record::Record& record) const;
  /// Whether a record of this scope may name the backend.
  [[nodiscard]] bool may_name(const plan::Persist& persist, BackendSlot backend) const noexcept;
  /// Services that make or use records of this scope.
  [[nodiscard]] std::vector<std::string> services(std::uint32_t scope) const;

  /// A line of a dump; the error says what is wrong with it.
  [[nodiscard]] Result<RecordLine> read(std::string_view line) const;
  [[nodiscard]] api::Json write(const record::Key& key, const record::Record& record, std::uint32_t now_s) const;
  /// The row of a listing.
  [[nodiscard]] api::Json row(const record::Key& key, const record::Record& record, std::uint32_t now_s) const;

 private:
  [[nodiscard]] Result<std::uint16_t> home_of(const api::Json& line, const plan::Persist& persist) const;

  const Configuration& configuration_;
  std::shared_ptr<const plan::Plan> plan_;
};

/// The parameters service, profile, backend, key.
class RecordFilter {
 public:
  static tl::expected<RecordFilter, api::RpcError> parse(const RecordNames& names, const Configuration& configuration,
                                                         const api::Json& params);
  [[nodiscard]] bool matches(const record::Key& key, const record::Record& record) const;

 private:
  /// By what profiles say. False: no such profile.
  bool choose(const plan::Plan& plan, const std::string& service, const std::string& profile, const std::string& key);

  std::optional<std::vector<bool>> scopes_;  // by slot
  std::optional<BackendSlot> backend_;
  std::optional<std::vector<record::Key>> keys_;
};

}  // namespace limpet::control
