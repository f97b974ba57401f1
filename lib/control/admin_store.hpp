// What the CLI said about backends (`backend drain POOL/NAME`), kept in state_dir/backends.json over applies and
// restarts. Written whole and renamed into place. Control thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/model.hpp"

namespace limpet::control {

/// Files above this size are not read.
inline constexpr std::size_t admin_file_max_bytes = 64u << 20;

/// What the CLI said about one backend.
struct AdminWord {
  model::AdminState state = model::AdminState::enabled;
  std::int64_t until_ms = 0;  // of drain: when it ends, ms since 1970; 0: never
  bool operator==(const AdminWord&) const = default;
};

class AdminStore {
 public:
  explicit AdminStore(std::string state_dir) : path_(std::move(state_dir) + "/backends.json") {}

  /// Reads the file. None is fine; what can't be used is left out and told in the error, the rest counts.
  Result<void> load();

  /// The CLI's word about "pool/backend", if it ever spoke.
  [[nodiscard]] std::optional<AdminWord> find(const std::string& backend) const;
  /// Remembers and writes. On error the file and what is remembered are as before.
  Result<void> set(const std::string& backend, const AdminWord& word);
  /// These backends are gone: should they come back, the file's state counts again. On error all stays as before.
  Result<void> forget(const std::vector<std::string>& backends);
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  [[nodiscard]] Result<void> write(const std::map<std::string, AdminWord>& words) const;

  std::string path_;
  std::map<std::string, AdminWord> words_;
};

/// "enabled", "drain", "offline", as in the file.
std::string_view admin_text(model::AdminState state) noexcept;
std::optional<model::AdminState> parse_admin(std::string_view text) noexcept;

}  // namespace limpet::control
