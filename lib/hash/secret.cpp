#include "hash/secret.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

#include "base/assert.hpp"

namespace limpet::hash {
namespace {

class File {
 public:
  explicit File(int descriptor) noexcept : descriptor_(descriptor) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (descriptor_ >= 0) {
      ::close(descriptor_);
    }
  }
  [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }
  [[nodiscard]] int get() const noexcept { return descriptor_; }

 private:
  int descriptor_;
};

std::string reason() {
  return std::strerror(errno);
}

/// Nothing when there is no such file.
Result<std::optional<Secret>> load(const std::string& path) {
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open()) {
    if (errno == ENOENT) {
      return std::nullopt;
    }
    return fail("secret file {}: cannot be read: {}", path, reason());
  }
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) {
    return fail("secret file {}: {}", path, reason());
  }
  if (!S_ISREG(info.st_mode)) {
    return fail("secret file {}: not a regular file", path);
  }
  if ((info.st_mode & 077) != 0) {
    return fail("secret file {}: mode {:04o} lets others in; expected 0600 (chmod 600 {})", path, info.st_mode & 07777,
                path);
  }
  Secret secret{};
  if (info.st_size != static_cast<off_t>(secret.size())) {
    return fail("secret file {}: {} bytes, expected {}; copy it from another node, or remove it to have a new one made",
                path, info.st_size, secret.size());
  }
  const ssize_t got = ::read(file.get(), secret.data(), secret.size());
  if (got != static_cast<ssize_t>(secret.size())) {
    return fail("secret file {}: cannot be read: {}", path, got < 0 ? reason() : "shorter than it was");
  }
  return secret;
}

/// Fills a file beside `path` and links it there, so that nobody ever sees half a secret.
Result<void> create(const std::string& path, const Secret& secret) {
  const std::string fresh = fmt::format("{}.{}", path, ::getpid());
  ::unlink(fresh.c_str());
  const File file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.is_open()) {
    return fail("secret file {}: cannot be made: {}", path, reason());
  }
  const ssize_t written = ::write(file.get(), secret.data(), secret.size());
  const bool stored = written == static_cast<ssize_t>(secret.size()) && ::fsync(file.get()) == 0;
  const bool linked = stored && (::link(fresh.c_str(), path.c_str()) == 0 || errno == EEXIST);
  const std::string why = reason();
  ::unlink(fresh.c_str());
  if (!linked) {
    return fail("secret file {}: cannot be written: {}", path, why);
  }
  const auto folder = std::filesystem::path(path).parent_path();
  const File directory(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.is_open()) {
    ::fsync(directory.get());
  }
  return {};
}

}  // namespace

Key derive_key(const Secret& secret, std::string_view purpose) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  const void* text = purpose.data() != nullptr ? purpose.data() : "";
  const auto* made = HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
                          static_cast<const unsigned char*>(text), purpose.size(), digest.data(), &size);
  LIMPET_ASSERT(made != nullptr && size == 32);
  return {load_be<std::uint64_t>(digest.data()), load_be<std::uint64_t>(digest.data() + 8)};
}

Result<Secret> load_or_create_secret(const std::string& path) {
  auto found = load(path);
  if (found && !*found) {
    Secret secret{};
    if (::getrandom(secret.data(), secret.size(), 0) != static_cast<ssize_t>(secret.size())) {
      return fail("secret file {}: the kernel gave no random bytes: {}", path, reason());
    }
    if (auto created = create(path, secret); !created) {
      return tl::unexpected(created.error());
    }
    found = load(path);  // another process may have been first
  }
  if (!found) {
    return tl::unexpected(found.error());
  }
  if (!*found) {
    return fail("secret file {}: vanished while it was being made", path);
  }
  return **found;
}

Secret fixed_secret() noexcept {
  Secret secret{};
  for (std::size_t i = 0; i < secret.size(); ++i) {
    secret[i] = static_cast<std::uint8_t>(i);
  }
  return secret;
}

}  // namespace limpet::hash
