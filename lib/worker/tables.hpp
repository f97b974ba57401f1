// Files for flows and records on hugetlbfs or tmpfs, taken whole at start, so that no worker ever waits for a page. A
// disk is refused: its write-back stalls stores. One daemon a directory. Main thread; names also control's.
//
// DIRECTORY/set-N holds the tables in use. New ones are made in DIRECTORY/making and come into force by its renaming,
// so that a kill at any instruction leaves one whole set; of several the one with the largest number counts.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "restart/recover.hpp"

namespace limpet::worker {

class Tables {
 public:
  /// Makes the directory where it is missing and takes its lock, for which it waits if another daemon is about to end.
  static Result<std::unique_ptr<Tables>> open(const std::string& directory, Millis patience_ms = 0);
  Tables(const Tables&) = delete;
  Tables& operator=(const Tables&) = delete;
  ~Tables();

  /// The set in force, mapped, whatever is in it; nothing when there is none.
  Result<std::optional<restart::Files>> old_files();
  /// Fresh, zeroed, every page present. `nodes`: of each worker, the NUMA node to take its flows from; records come
  /// from all nodes. Where there is no memory for both, the old set gives its up: `old` then is a copy.
  Result<restart::Files> make_files(const restart::Geometry& geometry, std::size_t names_bytes,
                                    std::span<const int> nodes, restart::Files* old);
  /// Moves the set in force to memory of the process's own and removes its files. A kill from here on loses it.
  void copy_old(restart::Files& old);
  /// What make_files() gave comes into force; the set before it is removed.
  Result<void> put_in_force();
  void unmap(std::span<std::byte> file);
  void unmap(const restart::Files& files);
  /// The set in force, which cannot be used, is out of the way; where it lies now.
  std::string set_aside();
  /// Another file for the names of the set in force, with `fill` called on its zeroed bytes before it counts.
  template <class F>
  Result<std::span<std::byte>> replace_names(std::size_t size_bytes, F&& fill) {
    const std::string path = set_path() + "/names";
    auto memory = map(path + ".new", size_bytes, -1);
    if (memory) {
      fill(*memory);
      if (auto renamed = rename(path + ".new", path); !renamed) {
        return tl::unexpected(renamed.error());
      }
    }
    return memory;
  }

  /// A file of `size_bytes` or a little more, zeroed, mapped, every page present. `node` -1: pages go round all nodes.
  Result<std::span<std::byte>> map(const std::string& path, std::size_t size_bytes, int node);

 private:
  Tables() = default;
  Result<void> lock(Millis patience_ms);
  /// Memory that can be had without swapping; nothing to say (all) where the kernel does not tell.
  static std::uint64_t available_bytes();
  static std::string_view error_text(int error);
  static Result<void> rename(const std::string& from, const std::string& to);
  [[nodiscard]] std::string set_path() const { return fmt::format("{}/set-{}", directory_, set_); }
  void find_set();
  Result<std::span<std::byte>> map_old(const std::string& path);
  Result<restart::Files> try_make_files(const restart::Geometry& geometry, std::size_t names_bytes,
                                        std::span<const int> nodes);
  [[nodiscard]] bool enough_without(std::uint64_t wanted_bytes, std::uint64_t old_bytes) const;

  std::string directory_;
  std::size_t page_bytes_ = 4096;
  bool huge_ = false;
  int lock_ = -1;
  std::uint64_t set_ = 0;  // number of the set in force; 0: none
  std::vector<std::span<std::byte>> mappings_;
};

}  // namespace limpet::worker
