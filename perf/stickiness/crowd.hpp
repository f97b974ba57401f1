// Users behind NATs: a few sources have most of them, by Zipf's law. Seeded; a source's users have ports of their own.
#pragma once

#include <random>
#include <vector>

#include "farm.hpp"

namespace limpet::perf {

struct Crowd {
  std::vector<std::uint32_t> sources;  // of each user, in order of arrival
  std::vector<User> users;
  double heaviest_share = 0;  // of all users
};

/// `exponent` of the law; no source gets more users than it has ports.
Crowd make_crowd(std::uint64_t seed, unsigned sources, unsigned users, double exponent);

}  // namespace limpet::perf
