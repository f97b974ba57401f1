#include "control/admin_store.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "control/loop.hpp"
#include "model/load.hpp"

namespace limpet::control {
namespace {

using model::AdminState;
using nlohmann::json;

constexpr std::array<std::pair<AdminState, std::string_view>, 3> state_names = {
    {{AdminState::enabled, "enabled"}, {AdminState::drain, "drain"}, {AdminState::offline, "offline"}}};

/// "pool/backend", both names.
bool is_backend_name(std::string_view text) {
  const auto slash = text.find('/');
  return slash != std::string_view::npos && model::is_name(text.substr(0, slash)) &&
         model::is_name(text.substr(slash + 1));
}

/// Nothing when there is no such file.
Result<std::optional<std::string>> read_file(const std::string& path) {
  const Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file) {
    return errno == ENOENT ? Result<std::optional<std::string>>(std::nullopt)
                           : fail("{}: {}", path, std::strerror(errno));
  }
  struct stat about {};
  if (fstat(file.get(), &about) != 0 || !S_ISREG(about.st_mode)) {
    return fail("{}: not a regular file", path);
  }
  std::string text;
  std::array<char, 65536> buffer{};
  for (;;) {
    const auto got = read(file.get(), buffer.data(), buffer.size());
    if (got < 0) {
      return fail("{}: {}", path, std::strerror(errno));
    }
    if (got == 0) {
      return std::optional<std::string>(std::move(text));
    }
    text.append(buffer.data(), static_cast<std::size_t>(got));
    if (text.size() > admin_file_max_bytes) {
      return fail("{}: larger than {} bytes", path, admin_file_max_bytes);
    }
  }
}

Result<void> write_all(int fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const auto put = ::write(fd, text.data(), text.size());
    if (put < 0 && errno == EINTR) {
      continue;
    }
    if (put <= 0) {
      return fail("{}: {}", path, std::strerror(errno));
    }
    text.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

/// "drain", or {"state": "drain", "until_ms": N}.
std::optional<AdminWord> read_word(const json& entry) {
  const bool has_deadline = entry.is_object();
  const json word = has_deadline ? entry.value("state", json(nullptr)) : entry;
  const json until = has_deadline ? entry.value("until_ms", json(nullptr)) : json(0);
  const auto state = word.is_string() ? parse_admin(word.get_ref<const std::string&>()) : std::nullopt;
  if (!state || !until.is_number_integer() || until.get<std::int64_t>() < 0) {
    return std::nullopt;
  }
  return AdminWord{*state, until.get<std::int64_t>()};
}

}  // namespace

std::string_view admin_text(AdminState state) noexcept {
  for (const auto& [value, word] : state_names) {
    if (value == state) {
      return word;
    }
  }
  return "?";
}

std::optional<AdminState> parse_admin(std::string_view text) noexcept {
  for (const auto& [value, word] : state_names) {
    if (word == text) {
      return value;
    }
  }
  return std::nullopt;
}

Result<void> AdminStore::load() {
  words_.clear();
  auto text = read_file(path_);
  if (!text) {
    return tl::unexpected(text.error());
  }
  if (!*text) {
    return {};
  }
  const json document = json::parse(**text, nullptr, false);
  const auto backends = document.is_object() ? document.find("backends") : document.end();
  if (!document.is_object() || backends == document.end() || !backends->is_object()) {
    return fail("{}: not a file of backend states; the states set by the CLI are not known", path_);
  }
  std::size_t unusable = 0;
  for (const auto& [name, word] : backends->items()) {
    const auto read = read_word(word);
    if (read && is_backend_name(name)) {
      words_[name] = *read;
    } else {
      ++unusable;
    }
  }
  if (unusable > 0) {
    return fail("{}: {} of its entries can't be used and count as never set", path_, unusable);
  }
  return {};
}

std::optional<AdminWord> AdminStore::find(const std::string& backend) const {
  const auto found = words_.find(backend);
  return found == words_.end() ? std::nullopt : std::optional<AdminWord>(found->second);
}

Result<void> AdminStore::set(const std::string& backend, const AdminWord& word) {
  auto words = words_;
  words[backend] = word;
  if (auto written = write(words); !written) {
    return written;
  }
  words_ = std::move(words);
  return {};
}

Result<void> AdminStore::forget(const std::vector<std::string>& backends) {
  auto words = words_;
  for (const auto& name : backends) {
    words.erase(name);
  }
  if (words.size() == words_.size()) {
    return {};
  }
  if (auto written = write(words); !written) {
    return written;
  }
  words_ = std::move(words);
  return {};
}

Result<void> AdminStore::write(const std::map<std::string, AdminWord>& said) const {
  json backends = json::object();
  for (const auto& [name, word] : said) {
    backends[name] = word.until_ms == 0 ? json(admin_text(word.state))
                                        : json{{"state", admin_text(word.state)}, {"until_ms", word.until_ms}};
  }
  const std::string text = json{{"backends", std::move(backends)}}.dump(1, ' ', true, json::error_handler_t::replace);
  const std::string temporary = path_ + ".new";
  unlink(temporary.c_str());
  const Fd file(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!file) {
    return fail("{}: {}", temporary, std::strerror(errno));
  }
  if (auto put = write_all(file.get(), text + "\n", temporary); !put) {
    unlink(temporary.c_str());
    return put;
  }
  if (fsync(file.get()) != 0 || rename(temporary.c_str(), path_.c_str()) != 0) {
    auto error = fail("{}: {}", path_, std::strerror(errno));
    unlink(temporary.c_str());
    return error;
  }
  return {};
}

}  // namespace limpet::control
