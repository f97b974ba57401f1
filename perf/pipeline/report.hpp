// Figures by name: measured by repeats, printed as a table and as JSON.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace limpet::perf {

struct Figure {
  std::string name;  // "v4 nat hit 1M"
  double median = 0, min = 0, max = 0;
  std::string unit = "cycles";  // of the TSC, a packet
  std::string note;
};

/// Median, least and greatest of the samples, of which there is one at least.
Figure figure(std::string name, std::vector<double> samples, std::string note = {});

class Report {
 public:
  /// `quiet`: nothing is printed as it comes in.
  explicit Report(bool quiet) : quiet_(quiet) {}
  void heading(std::string_view text) const;
  void add(Figure figure);
  /// Null when there is none of that name.
  [[nodiscard]] const Figure* find(std::string_view name) const;
  /// {"name": {"median": 1.0, "min": 0.9, "max": 1.2, "unit": "cycles"}}; false when the file can't be written.
  [[nodiscard]] bool write_json(const std::string& path) const;

 private:
  bool quiet_;
  std::vector<Figure> figures_;
};

}  // namespace limpet::perf
