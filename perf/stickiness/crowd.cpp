#include "crowd.hpp"

#include <algorithm>
#include <cmath>

namespace limpet::perf {
namespace {

constexpr std::uint32_t first_port = 1024;
constexpr std::uint32_t ports = 65536 - first_port;

}  // namespace

Crowd make_crowd(std::uint64_t seed, unsigned sources, unsigned users, double exponent) {
  std::mt19937_64 random(seed);
  std::vector<double> sums;
  double sum = 0;
  for (unsigned source = 1; source <= sources; ++source) {
    sums.push_back(sum += std::pow(static_cast<double>(source), -exponent));
  }
  std::vector<std::uint32_t> counts(sources);
  Crowd crowd;
  while (crowd.users.size() < users) {
    const double drawn = static_cast<double>(random() >> 11) * 0x1p-53 * sum;
    const auto source = static_cast<std::uint32_t>(std::lower_bound(sums.begin(), sums.end(), drawn) - sums.begin());
    if (source >= sources || counts[source] == ports) {
      continue;
    }
    // An odd step through all ports: none twice, and neighbours in time are far apart, as subscribers' ports are.
    const std::uint32_t port = first_port + (counts[source]++ * 40503u + source * 7919u) % ports;
    crowd.sources.push_back(source);
    crowd.users.push_back({client_address(source), static_cast<std::uint16_t>(port)});
  }
  crowd.heaviest_share = static_cast<double>(*std::max_element(counts.begin(), counts.end())) / users;
  return crowd;
}

}  // namespace limpet::perf
