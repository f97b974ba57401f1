// Figures by name: measured by repeats, alone or beside a floor; printed as they come and written as JSON.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace limpet::perf {

/// One repeat: what was measured, and its floor right beside it.
struct Pair {
  double ours = 0;
  double floor = 0;
};

struct Figure {
  std::string name;  // "path.nat.v4.hit.1M"
  double median = 0, min = 0, max = 0;
  std::string unit = "cycles";  // of the TSC, a packet
  std::optional<double> floor;  // median
  std::optional<double> ratio;  // median of the repeats' ratios
};

/// Median, least and greatest of the samples, of which there is one at least.
Figure figure(std::string name, std::vector<double> samples, std::string unit = "cycles");
Figure figure(std::string name, const std::vector<Pair>& pairs);

class Report {
 public:
  /// `quiet`: nothing is printed as it comes in.
  explicit Report(bool quiet) : quiet_(quiet) {}
  void add(Figure figure);
  /// Null when there is none of that name.
  [[nodiscard]] const Figure* find(std::string_view name) const;
  /// {"name": {"median": 1.0, "min": 0.9, "max": 1.2, "unit": "cycles", "floor": 0.8, "ratio": 1.25}}, without the
  /// last two where there is no floor; false when the file can't be written.
  [[nodiscard]] bool write_json(const std::string& path) const;

 private:
  bool quiet_;
  std::vector<Figure> figures_;
};

}  // namespace limpet::perf
