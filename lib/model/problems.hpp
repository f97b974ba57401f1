// Collects what is wrong in a file, with places; and remembers where each key of it stood, so that checks
// of the whole model can name lines too. Internal to lib/model.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/load.hpp"
#include "model/node.hpp"

namespace limpet::model {

class Problems {
 public:
  explicit Problems(std::string_view file) : file_(file) {}

  void add(Position at, std::string found, std::string expected, std::string hint = {});
  [[nodiscard]] bool empty() const noexcept { return problems_.empty(); }
  /// In the order of the file.
  std::vector<Problem> take();

 private:
  std::string file_;
  std::vector<Problem> problems_;
  std::size_t more_ = 0;
};

/// Path of a key or list item ("services.web.listen[1]") -> where it stands. A path that is not in the file
/// is looked up by its parents.
class Places {
 public:
  void put(std::string path, Position at) { places_.insert_or_assign(std::move(path), at); }
  [[nodiscard]] bool has(const std::string& path) const { return places_.contains(path); }
  [[nodiscard]] Position find(std::string path) const;

 private:
  std::map<std::string, Position> places_;
};

}  // namespace limpet::model
