// The sets of files in the tables' directory: found, made, put in force, set aside.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "base/assert.hpp"
#include "worker/tables.hpp"

namespace limpet::worker {
namespace {

std::uint64_t size_of(const restart::Files& files) {
  std::uint64_t size = files.names.size() + files.records.size();
  for (const auto* files_each : {&files.flows, &files.spliced}) {
    for (const auto& file : *files_each) {
      size += file.size();
    }
  }
  return size;
}

}  // namespace

/// The set with the largest number counts; what else there is was left by a kill in the middle of a change.
void Tables::find_set() {
  std::error_code error;
  std::vector<std::uint64_t> sets;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, error)) {
    const std::string name = entry.path().filename();
    std::uint64_t number = 0;
    const char* const end = name.data() + name.size();
    if (name.starts_with("set-") && std::from_chars(name.data() + 4, end, number).ptr == end && number != 0) {
      sets.push_back(number);
      set_ = std::max(set_, number);
    }
  }
  for (const std::uint64_t number : sets) {
    if (number != set_) {
      std::filesystem::remove_all(fmt::format("{}/set-{}", directory_, number), error);
    }
  }
  std::filesystem::remove_all(directory_ + "/making", error);
}

Result<std::optional<restart::Files>> Tables::old_files() {
  if (set_ == 0) {
    return std::nullopt;
  }
  restart::Files files;
  const auto take = [&](std::span<std::byte>& file, const std::string& name) -> Result<void> {
    auto memory = map_old(set_path() + "/" + name);
    if (!memory) {
      return tl::unexpected(memory.error());
    }
    file = *memory;
    return {};
  };
  auto taken = take(files.names, "names").and_then([&] { return take(files.records, "records"); });
  const auto take_each = [&](std::vector<std::span<std::byte>>& each, const char* kind) {
    std::error_code error;
    for (unsigned i = 0; taken && std::filesystem::exists(fmt::format("{}/{}{}", set_path(), kind, i), error); ++i) {
      taken = take(each.emplace_back(), fmt::format("{}{}", kind, i));
    }
  };
  take_each(files.flows, "flows");
  take_each(files.spliced, "spliced");
  if (!taken) {
    return tl::unexpected(taken.error());
  }
  return files;
}

/// A file that is empty or not there gives no bytes: whoever reads them tells.
Result<std::span<std::byte>> Tables::map_old(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  struct stat info {};
  if (fd < 0 || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size == 0) {
    close(fd);
    return std::span<std::byte>{};
  }
  // Beyond the end of a mapping that is no multiple of the page size, hugetlbfs refuses and others give zeros.
  const auto size = static_cast<std::size_t>(info.st_size) / page_bytes_ * page_bytes_;
  void* const memory =
      size == 0 ? MAP_FAILED : mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
  const int error = errno;
  close(fd);
  if (size == 0) {
    return std::span<std::byte>{};
  }
  if (memory == MAP_FAILED) {
    return fail("[limpetd] tables: {} cannot be mapped: {}", path, error_text(error));
  }
  mappings_.emplace_back(static_cast<std::byte*>(memory), size);
  return mappings_.back();
}

Result<restart::Files> Tables::try_make_files(const restart::Geometry& geometry, std::size_t names_bytes,
                                              std::span<const int> nodes) {
  const std::string making = directory_ + "/making";
  std::error_code error;
  std::filesystem::remove_all(making, error);
  if (!std::filesystem::create_directory(making, error) || error) {
    return fail("[limpetd] tables: {} cannot be made: {}", making, error.message());
  }
  restart::Files files;
  files.flows.resize(geometry.workers);
  files.spliced.resize(geometry.spliced_bytes != 0 ? geometry.workers : 0);
  const auto take = [&](std::span<std::byte>& file, const std::string& name, std::size_t size_bytes,
                        int node) -> Result<void> {
    auto memory = map(making + "/" + name, size_bytes, node);
    if (!memory) {
      return tl::unexpected(memory.error());
    }
    file = *memory;
    return {};
  };
  auto taken = take(files.names, "names", names_bytes, -1).and_then([&] {
    return take(files.records, "records", restart::records_file_bytes(geometry), -1);
  });
  for (std::size_t i = 0; i < geometry.workers && taken; ++i) {
    taken = take(files.flows[i], fmt::format("flows{}", i), restart::flows_file_bytes(geometry), nodes[i]);
  }
  for (std::size_t i = 0; i < files.spliced.size() && taken; ++i) {
    taken = take(files.spliced[i], fmt::format("spliced{}", i), restart::spliced_file_bytes(geometry), nodes[i]);
  }
  if (!taken) {
    std::filesystem::remove_all(making, error);
    return tl::unexpected(taken.error());
  }
  return files;
}

Result<restart::Files> Tables::make_files(const restart::Geometry& geometry, std::size_t names_bytes,
                                          std::span<const int> nodes, restart::Files* old) {
  const std::size_t before = mappings_.size();
  auto files = try_make_files(geometry, names_bytes, nodes);
  if (files) {
    return files;
  }
  while (mappings_.size() > before) {
    unmap(mappings_.back());
  }
  const std::string aside = directory_ + "/unreadable";
  std::error_code error;
  if (std::filesystem::remove_all(aside, error) > 0) {
    return make_files(geometry, names_bytes, nodes, old);
  }
  const std::uint64_t spliced = geometry.spliced_bytes != 0 ? restart::spliced_file_bytes(geometry) + page_bytes_ : 0;
  const std::uint64_t wanted = names_bytes + restart::records_file_bytes(geometry) +
                               geometry.workers * (restart::flows_file_bytes(geometry) + page_bytes_ + spliced) +
                               2 * page_bytes_;
  if (old == nullptr || !enough_without(wanted, size_of(*old))) {
    return files;
  }
  copy_old(*old);
  return try_make_files(geometry, names_bytes, nodes);
}

/// Whether there will be room for tables once the old ones are gone. The copy of their used pages takes memory, too.
bool Tables::enough_without(std::uint64_t wanted_bytes, std::uint64_t old_bytes) const {
  struct statfs filesystem {};
  if (statfs(directory_.c_str(), &filesystem) != 0) {
    return false;
  }
  const bool bounded = filesystem.f_blocks != 0;  // a tmpfs may have no limit
  const std::uint64_t room = static_cast<std::uint64_t>(filesystem.f_bfree) * page_bytes_ + old_bytes;
  const std::uint64_t memory = available_bytes();
  return (!bounded || room >= wanted_bytes) && memory >= old_bytes && (huge_ || memory + old_bytes >= wanted_bytes);
}

void Tables::copy_old(restart::Files& old) {
  const auto copy = [this](std::span<std::byte>& file) {
    void* const memory = mmap(nullptr, file.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    LIMPET_ASSERT(memory != MAP_FAILED);
    const std::span<std::byte> bytes(static_cast<std::byte*>(memory), file.size());
    constexpr std::size_t piece = 4096;
    for (std::size_t at = 0; at < file.size(); at += piece) {
      const auto from = file.subspan(at, std::min(piece, file.size() - at));
      if (std::any_of(from.begin(), from.end(), [](std::byte b) { return b != std::byte{0}; })) {
        std::memcpy(bytes.data() + at, from.data(), from.size());
      }
    }
    unmap(file);
    mappings_.push_back(bytes);
    file = bytes;
  };
  copy(old.names);
  copy(old.records);
  std::for_each(old.flows.begin(), old.flows.end(), copy);
  std::for_each(old.spliced.begin(), old.spliced.end(), copy);
  std::error_code error;
  std::filesystem::remove_all(set_path(), error);
}

Result<void> Tables::put_in_force() {
  const std::string before = set_path();
  const bool had = set_ != 0;
  ++set_;
  if (auto renamed = rename(directory_ + "/making", set_path()); !renamed) {
    return renamed;
  }
  if (had) {
    std::error_code error;
    std::filesystem::remove_all(before, error);
  }
  return {};
}

void Tables::unmap(std::span<std::byte> file) {
  std::erase_if(mappings_, [&](const auto& mapping) {
    const bool same = mapping.data() == file.data();
    if (same) {
      munmap(mapping.data(), mapping.size());
    }
    return same;
  });
}

void Tables::unmap(const restart::Files& files) {
  unmap(files.names);
  unmap(files.records);
  for (const auto* files_each : {&files.flows, &files.spliced}) {
    for (const auto& file : *files_each) {
      unmap(file);
    }
  }
}

std::string Tables::set_aside() {
  const std::string aside = directory_ + "/unreadable";
  std::error_code error;
  std::filesystem::remove_all(aside, error);
  std::filesystem::rename(set_path(), aside, error);
  const bool kept = !error;
  if (!kept) {
    std::filesystem::remove_all(set_path(), error);
  }
  set_ = 0;
  return kept ? aside : "nowhere";
}

Result<void> Tables::rename(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) {
    return fail("[limpetd] tables: {} cannot be renamed to {}: {}", from, to, error_text(errno));
  }
  return {};
}

}  // namespace limpet::worker
