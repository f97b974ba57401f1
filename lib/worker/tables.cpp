#include "worker/tables.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <numa.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace limpet::worker {

namespace {

/// Where this thread's new pages come from, until the end of the scope.
class Placement {
 public:
  explicit Placement(int node) {
    if (numa_available() < 0) {
      return;
    }
    if (node < 0) {
      numa_set_interleave_mask(numa_all_nodes_ptr);
    } else {
      numa_set_preferred(node);
    }
  }
  Placement(const Placement&) = delete;
  Placement& operator=(const Placement&) = delete;
  ~Placement() {
    if (numa_available() >= 0) {
      numa_set_localalloc();
    }
  }
};

}  // namespace

std::uint64_t Tables::available_bytes() {
  std::ifstream file("/proc/meminfo");
  std::string name;
  std::uint64_t kib = 0;
  std::string unit;
  while (file >> name >> kib && std::getline(file, unit)) {
    if (name == "MemAvailable:") {
      return kib * 1024;
    }
  }
  return UINT64_MAX;
}

std::string_view Tables::error_text(int error) {
  return std::strerror(error);
}

Result<std::unique_ptr<Tables>> Tables::open(const std::string& directory, Millis patience_ms) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) {
    return fail(
        "[limpetd] tables: directory {} cannot be made ({}): name a directory on hugetlbfs or tmpfs that "
        "limpetd may write, such as /dev/shm/limpet",
        directory, error.message());
  }
  struct statfs filesystem {};
  if (statfs(directory.c_str(), &filesystem) != 0) {
    return fail("[limpetd] tables: {}: {}", directory, error_text(errno));
  }
  const auto type = static_cast<std::uint64_t>(filesystem.f_type);
  if (type != HUGETLBFS_MAGIC && type != TMPFS_MAGIC) {
    return fail(
        "[limpetd] tables: {} is on a disk, whose write-back would stall packets: name a directory on "
        "hugetlbfs (/dev/hugepages) or tmpfs (/dev/shm)",
        directory);
  }
  std::unique_ptr<Tables> tables(new Tables);
  tables->directory_ = directory;
  tables->huge_ = type == HUGETLBFS_MAGIC;
  tables->page_bytes_ = static_cast<std::size_t>(filesystem.f_bsize);
  if (auto locked = tables->lock(patience_ms); !locked) {
    return tl::unexpected(locked.error());
  }
  tables->find_set();
  return tables;
}

Result<void> Tables::lock(Millis patience_ms) {
  const std::string path = directory_ + "/lock";
  lock_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ < 0) {
    return fail("[limpetd] tables: {} cannot be opened: {}", path, error_text(errno));
  }
  for (Millis waited_ms = 0; flock(lock_, LOCK_EX | LOCK_NB) != 0; ++waited_ms) {
    if (waited_ms >= patience_ms) {
      return fail("[limpetd] tables: another limpetd uses {}: stop it or give this one a directory of its own",
                  directory_);
    }
    usleep(1000);
  }
  return {};
}

Tables::~Tables() {
  for (const auto& mapping : mappings_) {
    munmap(mapping.data(), mapping.size());
  }
  if (lock_ >= 0) {
    close(lock_);
  }
}

Result<std::span<std::byte>> Tables::map(const std::string& path, std::size_t size_bytes, int node) {
  const std::size_t size = (size_bytes + page_bytes_ - 1) / page_bytes_ * page_bytes_;
  const char* const remedy = huge_ ? "reserve more huge pages" : "free memory, or enlarge the tmpfs";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) {
    return fail("[limpetd] tables: {} cannot be opened: {}", path, error_text(errno));
  }
  const Placement placement(node);
  int error = !huge_ && size > available_bytes() ? ENOMEM : 0;
  if (error == 0 &&
      (ftruncate(fd, static_cast<off_t>(size)) != 0 || fallocate(fd, 0, 0, static_cast<off_t>(size)) != 0)) {
    error = errno;
  }
  void* memory = MAP_FAILED;
  if (error == 0) {
    memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    error = memory == MAP_FAILED ? errno : 0;
  }
  if (error != 0) {
    ftruncate(fd, 0) == 0 ? static_cast<void>(0) : static_cast<void>(unlink(path.c_str()));
    close(fd);
    return fail("[limpetd] tables: no {} MiB for {} ({}): {}, or lower [limits]", (size >> 20) + 1, path,
                error_text(error), remedy);
  }
  close(fd);
  mappings_.emplace_back(static_cast<std::byte*>(memory), size);
  return mappings_.back();
}

}  // namespace limpet::worker
