// Memory for flows and records: files on hugetlbfs or tmpfs, taken whole at start, so that no worker ever waits for a
// page. A disk is refused: its write-back stalls stores. One daemon a directory. Main thread.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace limpet::worker {

class Tables {
 public:
  /// Makes the directory where it is missing and takes its lock.
  static Result<std::unique_ptr<Tables>> open(const std::string& directory);
  Tables(const Tables&) = delete;
  Tables& operator=(const Tables&) = delete;
  ~Tables();

  /// A file of `size_bytes` or a little more, zeroed, mapped, every page present. `node`: the NUMA node to take it
  /// from; -1: pages go round all nodes.
  Result<std::span<std::byte>> map(const std::string& name, std::size_t size_bytes, int node);

 private:
  Tables() = default;
  std::string directory_;
  std::size_t page_bytes_ = 4096;
  bool huge_ = false;
  int lock_ = -1;
  std::vector<std::span<std::byte>> mappings_;
};

}  // namespace limpet::worker
