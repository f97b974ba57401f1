#include "report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

namespace limpet::perf {
namespace {

double median_of(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  const std::size_t middle = samples.size() / 2;
  return samples.size() % 2 == 1 ? samples[middle] : (samples[middle - 1] + samples[middle]) / 2;
}

template <class F>
std::vector<double> each_of(const std::vector<Pair>& pairs, F&& f) {
  std::vector<double> values;
  std::transform(pairs.begin(), pairs.end(), std::back_inserter(values), f);
  return values;
}

}  // namespace

Figure figure(std::string name, std::vector<double> samples, std::string unit) {
  const auto [least, greatest] = std::minmax_element(samples.begin(), samples.end());
  return {std::move(name), median_of(samples), *least, *greatest, std::move(unit), {}, {}};
}

Figure figure(std::string name, const std::vector<Pair>& pairs) {
  Figure made = figure(std::move(name), each_of(pairs, [](const Pair& pair) { return pair.ours; }));
  made.floor = median_of(each_of(pairs, [](const Pair& pair) { return pair.floor; }));
  made.ratio = median_of(each_of(pairs, [](const Pair& pair) { return pair.ours / pair.floor; }));
  return made;
}

void Report::add(Figure figure) {
  if (!quiet_) {
    fmt::print("{:<26} {:>8.1f} {:>8.1f} - {:<8.1f} {}", figure.name, figure.median, figure.min, figure.max,
               figure.unit);
    if (figure.ratio) {
      fmt::print(", floor {:.1f}, ratio {:.2f}", *figure.floor, *figure.ratio);
    }
    fmt::print("\n");
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
    file << fmt::format("{}\n \"{}\": {{\"median\": {:.2f}, \"min\": {:.2f}, \"max\": {:.2f}, \"unit\": \"{}\"", comma,
                        f.name, f.median, f.min, f.max, f.unit);
    if (f.ratio) {
      file << fmt::format(", \"floor\": {:.2f}, \"ratio\": {:.3f}", *f.floor, *f.ratio);
    }
    file << "}";
    comma = ",";
  }
  file << "\n}\n";
  file.close();
  return !file.fail();
}

}  // namespace limpet::perf
