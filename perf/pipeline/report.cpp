#include "report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

namespace limpet::perf {

Figure figure(std::string name, std::vector<double> samples, std::string note) {
  std::sort(samples.begin(), samples.end());
  const std::size_t middle = samples.size() / 2;
  const double median = samples.size() % 2 == 1 ? samples[middle] : (samples[middle - 1] + samples[middle]) / 2;
  return {std::move(name), median, samples.front(), samples.back(), "cycles", std::move(note)};
}

void Report::heading(std::string_view text) const {
  if (!quiet_) {
    fmt::print("\n{:<36} {:>9} {:>9} {:>9}\n", text, "median", "min", "max");
  }
}

void Report::add(Figure figure) {
  if (!quiet_) {
    fmt::print("{:<36} {:>9.1f} {:>9.1f} {:>9.1f} {}  {}\n", figure.name, figure.median, figure.min, figure.max,
               figure.unit, figure.note);
    std::fflush(stdout);
  }
  figures_.push_back(std::move(figure));
}

const Figure* Report::find(std::string_view name) const {
  const auto at =
      std::find_if(figures_.begin(), figures_.end(), [&](const Figure& figure) { return figure.name == name; });
  return at == figures_.end() ? nullptr : &*at;
}

bool Report::write_json(const std::string& path) const {
  std::ofstream file(path);
  file << "{";
  const char* comma = "";
  for (const Figure& f : figures_) {  // names and units are the program's own: nothing to escape
    file << fmt::format("{}\n  \"{}\": {{\"median\": {:.2f}, \"min\": {:.2f}, \"max\": {:.2f}, \"unit\": \"{}\"}}",
                        comma, f.name, f.median, f.min, f.max, f.unit);
    comma = ",";
  }
  file << "\n}\n";
  file.close();
  return !file.fail();
}

}  // namespace limpet::perf
