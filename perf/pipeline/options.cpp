#include "options.hpp"

#include <fmt/format.h>
#include <fnmatch.h>

namespace limpet::perf {

bool wanted(const Options& options, const std::string& name) {
  if (fnmatch(options.only.c_str(), name.c_str(), 0) != 0) {
    return false;
  }
  if (options.list) {
    fmt::print("{}\n", name);
  }
  return !options.list;
}

std::string count_text(std::uint32_t count) {
  return count >= 1'000'000 ? fmt::format("{}M", count / 1'000'000) : fmt::format("{}k", count / 1000);
}

}  // namespace limpet::perf
